"""The wire format of Qwen3-Coder, also that of flywheel-tiny:

    <tool_call>
    <function=edit_line>
    <parameter=path>
    stats.py
    </parameter>
    </function>
    </tool_call>

Source: the chat template of Qwen/Qwen3-Coder-30B-A3B-Instruct. Unlike the parser served with mlx-lm 0.32.2, nothing
of a value is lost here: inner indentation stays, exactly one newline is taken off each end, `null` stays a text where
the schema wants a string, every call of a reply is seen, and `</parameter>` ends a value only where the format
continues after it.
"""

from __future__ import annotations

import json
import re

from slm_ext.toolcalls.call import Parsed, ToolCall
from slm_ext.toolcalls.rejection import Rejection
from slm_ext.toolcalls.schema import coerce, example, names

__all__ = ["looks_like_call", "parse_qwen3_coder", "render_qwen3_coder"]

_OPEN, _CLOSE = "<tool_call>", "</tool_call>"
_FUNCTION = re.compile(r"<function=\s*([^\s<>]+)\s*>")
_PARAMETER = re.compile(r"\s*<parameter=\s*([^\s<>]+)\s*>")
_VALUE_END = re.compile(r"</parameter>(?=\s*(?:<parameter=|</function>|</tool_call>|\Z))")
_FUNCTION_END = re.compile(r"\s*</function>")
_THINKING_END = "</think>"


def looks_like_call(text: str | None) -> bool:
    """Whether a text holds the beginning of a call in this format."""
    return bool(text) and (_OPEN in text or "<function=" in text)


def render_qwen3_coder(call: ToolCall) -> str:
    """The call as the model writes it. Strings go in as they are, other values as JSON."""
    parts = [_OPEN, f"<function={call.name}>"]
    for key, value in call.arguments.items():
        shown = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        parts += [f"<parameter={key}>", shown, "</parameter>"]
    return "\n".join([*parts, "</function>", _CLOSE])


def parse_qwen3_coder(text: str, tools: list[dict] | None) -> Parsed:
    """Read every call of a reply.

    Args:
        text: the model's text. Calls inside its thinking (before the last `</think>`) are not calls.
        tools: used to type the values; without a schema a value stays a string.

    Returns:
        calls with ids `call_1`, `call_2`…; `text` is what stands before the first call; `rejection` is set at the
        first unreadable call (rules `malformed`, `unterminated`, `json_in_xml`, `repeated_argument`).
    """
    thinking = text.rfind(_THINKING_END)
    begin = 0 if thinking < 0 else thinking + len(_THINKING_END)
    starts = [at for at in (text.find(_OPEN, begin), text.find("<function=", begin)) if at >= 0]
    if not starts:
        return Parsed(text=text)
    before, at = text[: min(starts)], min(starts)
    calls: list[ToolCall] = []
    while True:
        opened, found = text.find(_OPEN, at), _FUNCTION.search(text, at)
        if found is None and opened < 0 and calls:
            return Parsed(calls, before)
        if found is None or 0 <= opened < found.start():
            inner = text[opened + len(_OPEN) if opened >= 0 else at : found.start() if found else None]
            if found is None or inner.strip():
                return Parsed(calls, before, _no_function(inner.split(_CLOSE)[0].strip(), tools))
        arguments, at, problem = _arguments(text, found)
        if problem is not None:
            rule, message = problem
            got = text[found.start() :]
            return Parsed(calls, before, _rejection(rule, message, got, found.group(1), arguments, tools))
        name = found.group(1)
        calls.append(
            ToolCall(id=f"call_{len(calls) + 1}", name=name, arguments=coerce(name, arguments, tools)),
        )


def _arguments(text: str, found: re.Match) -> tuple[dict[str, str], int, tuple[str, str] | None]:
    """(arguments as written, position after the call, what is wrong)."""
    name, at, arguments = found.group(1), found.end(), {}
    while True:
        if end := _FUNCTION_END.match(text, at):
            return arguments, end.end(), None
        key = _PARAMETER.match(text, at)
        if key is None:
            rest = text[at:].strip()
            if not rest or "</function>".startswith(rest) or "<parameter=".startswith(rest[: len("<parameter=")]):
                return arguments, at, ("unterminated", f"the call of {name} has no </function>")
            if rest.startswith("{"):
                return arguments, at, ("json_in_xml", "arguments are written as <parameter=name> tags, not as JSON")
            return arguments, at, ("malformed", f"text where <parameter=name> or </function> belongs, in {name}")
        end = _VALUE_END.search(text, key.end())
        if end is None:
            return arguments, at, ("unterminated", f"the parameter {key.group(1)!r} has no </parameter>")
        if key.group(1) in arguments:
            return arguments, at, ("repeated_argument", f"{name} is given {key.group(1)!r} twice")
        value = text[key.end() : end.start()]
        arguments[key.group(1)] = value.removeprefix("\n").removesuffix("\n")
        at = end.end()


def _no_function(inner: str, tools: list[dict] | None) -> Rejection:
    if inner.startswith("{"):
        return _rejection(
            "json_in_xml", "a call is written with <function=name> tags, not as JSON", inner, "", {}, tools
        )
    return _rejection("malformed", "no <function=name> inside <tool_call>", inner, "", {}, tools)


def _rejection(rule: str, message: str, got: str, name: str, arguments: dict, tools: list[dict] | None) -> Rejection:
    known = names(tools)
    shown = name if name in known else (known[0] if known else None)
    sample = example(shown, coerce(shown, arguments, tools), tools) if shown else None
    got = got if len(got) <= 200 else got[:199] + "…"
    return Rejection(rule=rule, message=message, got=got, expected="a complete tool call", example=sample)
