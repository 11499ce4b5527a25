"""Rows as trainers read them. Each has its own way to say what carries loss:

    mlx      mlx-lm trains with `--mask-prompt` on the last message alone: one row per trained turn, which ends with it
    openai   one row per conversation, `weight` 1 on trained answers and 0 on others
    axolotl  one row per conversation, `train` on each message (`message_field_training: train`)
    trl      one row per conversation of rendered texts, `train` on each; the template written beside wraps the trained
             ones in generation tags (`assistant_only_loss=True`)

A conversation is as many trained turns of one episode as share their prompts: where something was left out in
between, a new one begins.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

from slm_ext.datasets.episode import Step
from slm_ext.datasets.rendering.row import Message, Row, spoken
from slm_ext.datasets.rendering.target import Target

__all__ = ["TRL_TEMPLATE", "conversations", "marked_text", "texts", "written"]

TRL_TEMPLATE = """\
{#- Rendered texts of slm-ext's trl format; what is between generation tags carries loss. -#}
{%- for part in messages -%}
{%- if part.train -%}{%- generation -%}{{- part.content -}}{%- endgeneration -%}
{%- else -%}{{- part.content -}}{%- endif -%}
{%- endfor -%}
"""


def conversations(rows: Iterable[tuple[Step, Row]]) -> Iterator[list[tuple[Step, Row]]]:
    """Rows of one episode, in its order, grouped so that each prompt extends the text before it."""
    group: list[tuple[Step, Row]] = []
    for step, row in rows:
        if group and not (row.prompt.startswith(_text(group[-1][1])) and row.tools == group[-1][1].tools):
            yield group
            group = []
        group.append((step, row))
    if group:
        yield group


def written(name: str, rows: list[tuple[Step, Row]]) -> Iterator[tuple[list[tuple[Step, Row]], dict[str, Any]]]:
    """(what a line holds, the line) for one episode's rows in a trainer's format."""
    if name == "mlx":
        for step, row in rows:
            yield [(step, row)], _mlx(row)
        return
    make = {"openai": _openai, "axolotl": _axolotl, "trl": _trl}[name]
    for group in conversations(rows):
        yield group, make([row for _, row in group])


def marked_text(name: str, line: dict[str, Any], target: Target) -> list[tuple[str, bool]]:
    """A line of `openai`, `axolotl` or `trl` as rendered texts, and which of them are trained."""
    if name == "trl":
        return [(part["content"], bool(part["train"])) for part in line["messages"]]
    tools = line.get("tools")
    tools = json.loads(tools) if isinstance(tools, str) else tools
    mark = "weight" if name == "openai" else "train"
    shown = [spoken({k: v for k, v in m.items() if k not in ("weight", "train")}) for m in line["messages"]]
    parts: list[tuple[str, bool]] = []
    done = ""
    for index, message in enumerate(line["messages"]):
        if not message.get(mark):
            continue
        prompt = target.render(shown[:index], tools, answer=True)
        whole = target.render(shown[: index + 1], tools, answer=False)
        answer = target.answer(whole[len(prompt) :]) or whole[len(prompt) :]
        parts += [(prompt[len(done) :], False), (answer, True)]
        done = prompt + answer
    return parts


def _mlx(row: Row) -> dict[str, Any]:
    line: dict[str, Any] = {"messages": [*row.messages, row.reply]}
    return line | ({"tools": row.tools} if row.tools else {})


def _openai(rows: list[Row]) -> dict[str, Any]:
    messages = []
    for message, trained in _marked(rows):
        message = texts(message)
        messages.append(message | {"weight": int(trained)} if message["role"] == "assistant" else message)
    line: dict[str, Any] = {"messages": messages}
    return line | ({"tools": rows[-1].tools, "parallel_tool_calls": False} if rows[-1].tools else {})


def _axolotl(rows: list[Row]) -> dict[str, Any]:
    line: dict[str, Any] = {"messages": [texts(message) | {"train": trained} for message, trained in _marked(rows)]}
    return line | ({"tools": json.dumps(rows[-1].tools, ensure_ascii=False)} if rows[-1].tools else {})


def _trl(rows: list[Row]) -> dict[str, Any]:
    parts, done = [], ""
    for row in rows:
        parts.append({"role": "user", "content": row.prompt[len(done) :], "train": False})
        parts.append({"role": "assistant", "content": row.answer, "train": True})
        done = _text(row)
    return {"messages": parts}


def _text(row: Row) -> str:
    return row.prompt + row.answer


def _marked(rows: list[Row]) -> Iterator[tuple[Message, bool]]:
    """Every message of the last row, and whether it is trained."""
    ends = {len(row.messages) for row in rows}
    for index, message in enumerate([*rows[-1].messages, rows[-1].reply]):
        yield message, index in ends


def texts(message: Message) -> Message:
    """Arguments as text, which these trainers' loaders can hold in one column."""
    calls = message.get("tool_calls")
    if not calls:
        return message
    made = [
        call
        | {"function": call["function"] | {"arguments": json.dumps(call["function"]["arguments"], ensure_ascii=False)}}
        for call in calls
    ]
    return message | {"tool_calls": made}
