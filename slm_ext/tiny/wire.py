"""The one chat format of flywheel-tiny: ChatML turns, tool calls in Qwen3-Coder's XML.

`TEMPLATE` is what the exported tokenizer carries and mlx-lm renders at serving time; `segments` is the same text in
Python, split where the loss mask needs it. `tests/tiny/test_wire.py` holds the two together.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

__all__ = ["END", "START", "TEMPLATE", "TOKENS", "Segment", "render", "segments"]

START, END = "<|im_start|>", "<|im_end|>"

TOKENS = ("<tool_call>", "</tool_call>", "<function=", "</function>", "<parameter=", "</parameter>",
          "<tool_response>", "</tool_response>")  # fmt: skip
"""Wire-format tags that are single tokens, beside the tools' names."""

TEMPLATE = (
    "{%- for m in messages %}"
    "{%- if m.role == 'tool' %}"
    "{{- '<|im_start|>user\n<tool_response>\n' + (m.content or '') + '\n</tool_response><|im_end|>\n' }}"
    "{%- else %}"
    "{{- '<|im_start|>' + m.role + '\n' + (m.content or '') }}"
    "{%- for t in m.tool_calls or [] %}"
    "{%- set f = t.function if t.function is defined else t %}"
    "{{- '<tool_call>\n<function=' + f.name + '>\n' }}"
    "{%- for k, v in f.arguments.items() %}"
    "{{- '<parameter=' + k + '>\n' + (v if v is string else v | tojson) + '\n</parameter>\n' }}"
    "{%- endfor %}"
    "{{- '</function>\n</tool_call>' }}"
    "{%- endfor %}"
    "{{- '<|im_end|>\n' }}"
    "{%- endif %}"
    "{%- endfor %}"
    "{%- if add_generation_prompt %}{{- '<|im_start|>assistant\n' }}{%- endif %}"
)

Segment = tuple[str, str]
"""(kind, text): kind is `frame`, `system`, `user`, `tool` or `assistant`; assistant texts end with `END`."""


def segments(messages: list[dict]) -> Iterator[Segment]:
    """The rendered conversation in pieces.

    Args:
        messages: OpenAI-shaped; an assistant's tool calls as `[{"name": …, "arguments": {…}}]` under `calls`.
    """
    for message in messages:
        role, content = message["role"], message.get("content") or ""
        if role == "tool":
            yield "frame", f"{START}user\n"
            yield "tool", f"<tool_response>\n{content}\n</tool_response>{END}"
        else:
            yield "frame", f"{START}{role}\n"
            yield role, content + "".join(_call(c) for c in message.get("calls", ())) + END
        yield "frame", "\n"


def render(messages: list[dict]) -> str:
    """The whole conversation as one text."""
    return "".join(text for _, text in segments(messages))


def _call(call: dict) -> str:
    parameters = "".join(
        f"<parameter={k}>\n{v if isinstance(v, str) else json.dumps(v)}\n</parameter>\n"
        for k, v in call["arguments"].items()
    )
    return f"<tool_call>\n<function={call['name']}>\n{parameters}</function>\n</tool_call>"
