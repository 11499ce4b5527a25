"""Model folders and episodes for tests of rendering: flywheel-tiny's tokenizer under any template."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from slm_ext.datasets.episode import Episode, Step
from slm_ext.paths import tiny_model_dir

RUNS = Path(__file__).parents[1] / "data" / "runs"

CORPUS = [
    "def seconds_left(length, position):\n    return max(0, length - position)\n",
    "class Playlist:\n    def __init__(self, songs=None):\n        self.songs = list(songs or [])\n\n\n",
    "It's what they're told: we've 3 songs, I'll add 1024 more. Größe, naïve, 音楽, привет.\n",
    '{\'name\': "edit_line", \'arguments\': {"line": 12, "old": "a\\tb"}}\n' * 3,
]

HERMES = """\
{%- if tools %}{{- '<|im_start|>system\n# Tools\n<tools>' }}{%- for tool in tools %}{{- '\n' + (tool | tojson) }}\
{%- endfor %}{{- '\n</tools><|im_end|>\n' }}{%- endif %}
{%- for m in messages %}
{%- if m.role == 'tool' %}{{- '<|im_start|>user\n<tool_response>\n' + m.content + '\n</tool_response><|im_end|>\n' }}
{%- else %}{{- '<|im_start|>' + m.role + '\n' + (m.content or '') }}
{%- for call in m.tool_calls or [] %}{%- set call = call.function %}{{- '\n' if m.content or loop.index > 1 else '' }}
{{- '<tool_call>\n{"name": "' + call.name + '", "arguments": ' + (call.arguments | tojson) + '}\n</tool_call>' }}
{%- endfor %}{{- '<|im_end|>\n' }}{%- endif %}{%- endfor %}
{%- if add_generation_prompt %}{{- '<|im_start|>assistant\n' }}{%- endif %}"""

THINKING = """\
{%- for m in messages %}
{%- if m.role == 'tool' %}{{- '<|im_start|>user\n<tool_response>\n' + m.content + '\n</tool_response><|im_end|>\n' }}
{%- else %}{{- '<|im_start|>' + m.role + '\n' }}
{%- if m.role == 'assistant' and (loop.last or m.reasoning_content) %}
{{- '<think>\n' + (m.reasoning_content or '').strip('\n') + '\n</think>\n\n' }}{%- endif %}
{{- m.content or '' }}
{%- for call in m.tool_calls or [] %}{%- set call = call.function %}{{- '\n' if m.content or loop.index > 1 else '' }}
{{- '<tool_call>\n{"name": "' + call.name + '", "arguments": ' + (call.arguments | tojson) + '}\n</tool_call>' }}
{%- endfor %}{{- '<|im_end|>\n' }}{%- endif %}{%- endfor %}
{%- if add_generation_prompt %}{{- '<|im_start|>assistant\n' }}
{%- if enable_thinking is defined and enable_thinking is false %}{{- '<think>\n\n</think>\n\n' }}{%- endif %}
{%- endif %}"""
"""As Qwen3 has it: the last answer is shown with its thinking, or an empty one."""


def model_folder(path: Path, template: str | None, **config: Any) -> Path:
    """A folder with flywheel-tiny's tokenizer, that template, and `config` in its tokenizer's configuration."""
    path.mkdir(parents=True, exist_ok=True)
    given = json.loads((tiny_model_dir() / "tokenizer_config.json").read_text())
    shutil.copy(tiny_model_dir() / "tokenizer.json", path)
    del given["chat_template"], given["tool_parser_type"]
    (path / "tokenizer_config.json").write_text(json.dumps(given | config))
    if template is not None:
        (path / "chat_template.jinja").write_text(template)
    return path


def with_tokens(folder: Path, *tokens: str) -> Path:
    """The folder with further added tokens in its tokenizer."""
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.add_special_tokens(list(tokens))
    tokenizer.save(str(folder / "tokenizer.json"))
    return folder


def tool(name: str, properties: dict[str, Any], required: tuple[str, ...] = ()) -> dict[str, Any]:
    """A tool's schema."""
    parameters = {"type": "object", "properties": properties, "required": list(required)}
    return {"type": "function", "function": {"name": name, "description": "", "parameters": parameters}}


def call(name: str, arguments: dict[str, Any] | str, text: str = "", number: int = 1) -> dict[str, Any]:
    """An answer with a call."""
    told = arguments if isinstance(arguments, str) else json.dumps(arguments, ensure_ascii=False)
    made = {"id": f"call_{number}", "type": "function", "function": {"name": name, "arguments": told}}
    return {"role": "assistant", "content": text, "tool_calls": [made]}


def result(text: str, number: int = 1) -> dict[str, Any]:
    """What a call brought."""
    return {"role": "tool", "tool_call_id": f"call_{number}", "content": text}


def conversation(
    *exchanges: tuple[dict[str, Any], str], system: str = "You fix bugs.", task: str = "Fix it."
) -> Episode:
    """An episode of good steps, each with its answer and the result; every prompt holds all before."""
    messages: list[dict[str, Any]] = [{"role": "system", "content": system}, {"role": "user", "content": task}]
    steps = []
    for number, (reply, observation) in enumerate(exchanges, start=1):
        function = reply["tool_calls"][0]["function"] if reply.get("tool_calls") else None
        steps.append(
            Step(
                number=number,
                attempt=1,
                prompt=list(range(len(messages))),
                reply=reply,
                status="ok",
                tool=function["name"] if function else "",
                arguments=json.loads(function["arguments"]) if function else {},
                observation=observation,
                train=True,
            )
        )
        history = {key: value for key, value in reply.items() if key != "reasoning_content"}
        identity = (reply.get("tool_calls") or [{"id": ""}])[0]["id"]
        messages += [history, {"role": "tool", "tool_call_id": identity, "content": observation}]
    return Episode(id="e1", source="calls.jsonl", form="slm-calls", instance="task-1", messages=messages, steps=steps)
