"""The wire formats by name, and which of them a model speaks."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass

from slm_ext.toolcalls.call import Parsed, ToolCall
from slm_ext.toolcalls.fenced import looks_like_fenced, parse_fenced, render_fenced
from slm_ext.toolcalls.hermes import looks_like_hermes, parse_hermes, render_hermes
from slm_ext.toolcalls.qwen3_coder import looks_like_call, parse_qwen3_coder, render_qwen3_coder

__all__ = ["FORMATS", "WireFormat", "detect", "mode_format", "wire_format"]


@dataclass(frozen=True)
class WireFormat:
    """How calls are written in a model's text."""

    name: str
    opener: str
    """The text that begins a call."""
    parse: Callable[..., Parsed]
    """`parse(text, tools, *, thinking=None)`; thinking: True: the text begins inside the thinking, False: thinking was
    split off, None: judge by the text."""
    render: Callable[[ToolCall], str]
    """`parse` gives back the call, as long as its values have the types of the tool's schema."""
    looks_like_call: Callable[[str | None], bool]
    advice: str
    """What a system prompt says in front of the form."""

    def instructions(self, tools: list[dict]) -> str:
        """The tools and the form of a call, for a system prompt."""
        listed = "\n".join(json.dumps(tool["function"], ensure_ascii=False) for tool in tools)
        form = self.render(ToolCall(id="", name="NAME", arguments={"ARGUMENT": "value"}))
        return f"# Tools\n\nOne JSON object per tool:\n<tools>\n{listed}\n</tools>\n\n{self.advice}\n{form}"


_ONE_CALL = "Every answer holds exactly one tool call, in this form,"

FORMATS: dict[str, WireFormat] = {
    wire.name: wire
    for wire in (
        WireFormat(
            "qwen3_coder",
            "<tool_call>",
            parse_qwen3_coder,
            render_qwen3_coder,
            looks_like_call,
            f"{_ONE_CALL} with one parameter block per argument:",
        ),
        WireFormat(
            "hermes",
            "<tool_call>",
            parse_hermes,
            render_hermes,
            looks_like_hermes,
            f"{_ONE_CALL} as one JSON object with all arguments:",
        ),
        WireFormat(
            "fenced",
            "```tool ",
            parse_fenced,
            render_fenced,
            looks_like_fenced,
            f"{_ONE_CALL} with one marker line per argument and its value below, text as it is and anything else as"
            " JSON. Where a line of a value begins with ``` or with ---, all fences and markers take one character"
            " more:",
        ),
    )
}


_MODES = {"native": "qwen3_coder", "xml": "qwen3_coder", "json": "hermes", "text": "fenced"}


def mode_format(tool_mode: str) -> WireFormat:
    """How calls are written in a text by the `tool_mode` of a provider."""
    return FORMATS[_MODES[tool_mode]]


def wire_format(name: str) -> WireFormat:
    """The format of that name.

    Raises:
        KeyError: there is none; the message names those there are.
    """
    if name not in FORMATS:
        raise KeyError(f"no wire format {name!r}; there are {', '.join(FORMATS)}")
    return FORMATS[name]


def detect(chat_template: str | None, tool_parser_type: str | None = None) -> str | None:
    """The format a model was trained on.

    Args:
        chat_template: the tokenizer's Jinja text.
        tool_parser_type: `tool_parser_type` of tokenizer_config.json (mlx-lm's name for it); it decides where it
            is one of those known here.

    Returns:
        `qwen3_coder`, `hermes`, or None: the model's own form is none of ours.
    """
    named = {"qwen3_coder": "qwen3_coder", "qwen3_xml": "qwen3_coder", "json_tools": "hermes", "hermes": "hermes"}
    if tool_parser_type:
        return named.get(tool_parser_type)
    template = chat_template or ""
    if "<tool_call>" not in template:
        return None
    if "<function=" in template:
        return "qwen3_coder"
    if '"name"' in template or "'name'" in template or '\\"name\\"' in template or "tool_call.name" in template:
        return "hermes" if "arguments" in template and "<arg_key>" not in template else None
    return None
