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
continues after it. The format has no escape for a value in which it does: such a value is written as JSON, and its
tag says so (`<parameter=old json>`). Names that would break a tag are written as JSON strings.
"""

from __future__ import annotations

import json
import re

from slm_ext.toolcalls.call import Parsed, ToolCall
from slm_ext.toolcalls.reading import Scan, behind, read, refuse
from slm_ext.toolcalls.schema import coerce

__all__ = ["looks_like_call", "parse_qwen3_coder", "render_qwen3_coder", "tag_name"]

_OPEN, _CLOSE = "<tool_call>", "</tool_call>"
_NAME = r'("(?:[^"\\\n]|\\.)*"|[^\s<>]+)'
_FUNCTION = re.compile(rf"<function=[ \t\r\n]*{_NAME}[ \t\r\n]*>")
_PARAMETER = re.compile(rf"[ \t\r\n]*<parameter=[ \t\r\n]*{_NAME}([ \t]+json)?[ \t\r\n]*>")
_VALUE_END = re.compile(r"</parameter>(?=[ \t\r\n]*(?:<parameter=|</function>|</tool_call>|\Z))")
_FUNCTION_END = re.compile(r"[ \t\r\n]*</function>")
_PLAIN_NAME = re.compile(r'[^\s<>"]+')


def looks_like_call(text: str | None) -> bool:
    """Whether a text holds the beginning of a call in this format."""
    return bool(text) and (_OPEN in text or "<function=" in text)


def render_qwen3_coder(call: ToolCall) -> str:
    """The call as the model writes it. Strings go in as they are, other values as JSON."""
    parts = [_OPEN, f"<function={tag_name(call.name)}>"]
    for key, value in call.arguments.items():
        shown = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        mark = ""
        end = _VALUE_END.search(f"{shown}\n</parameter>\n</function>")
        if end is None or end.start() != len(shown) + 1:
            shown, mark = json.dumps(value).replace("</", "<\\/"), " json"
        parts += [f"<parameter={tag_name(key)}{mark}>", shown, "</parameter>"]
    return "\n".join([*parts, "</function>", _CLOSE])


def tag_name(name: str) -> str:
    """A tool's or an argument's name as it stands in a tag."""
    if _PLAIN_NAME.fullmatch(name):
        return name
    return json.dumps(name).replace("<", "\\u003c").replace(">", "\\u003e")


def parse_qwen3_coder(text: str, tools: list[dict] | None, *, thinking: bool | None = None) -> Parsed:
    """Read every call of a reply.

    Args:
        text: the model's text. Calls inside its thinking are not calls.
        tools: used to type the values; without a schema a value stays a string.
        thinking: True: the text begins inside the thinking; False: thinking was split off; None: judge by the text.

    Returns:
        calls with ids `call_1`, `call_2`…; `text` is what stands before the first call; `rejection` is set at the
        first unreadable call (rules `malformed`, `unterminated`, `json_in_xml`, `bad_json`, `repeated_argument`).
    """
    return read(text, thinking, lambda text, begin: _scan(text, begin, tools))


def _scan(text: str, begin: int, tools: list[dict] | None) -> Scan:
    result, at = Scan(), begin
    while (first := _first(text, at)) >= 0:
        result.start = first if result.start is None else result.start
        opened, found = text.find(_OPEN, at), _FUNCTION.search(text, at)
        begin = found.start() if found else len(text)
        if found is None or 0 <= opened < begin:
            inner = text[opened + len(_OPEN) if opened >= 0 else first : begin]
            if found is None or inner.strip():
                result.rejection = _no_function(inner.split(_CLOSE)[0].strip(), tools)
                return result
            begin = opened
        name = _name(found.group(1))
        arguments, at, problem = _arguments(text, name, found.end())
        if problem is not None:
            result.spans.append((begin, at))
            got = text[found.start() :]
            result.rejection = refuse(*problem, got, tools, render_qwen3_coder, name, arguments)
            return result
        at = behind(text, at, _CLOSE)
        result.spans.append((begin, at))
        call = ToolCall(id=f"call_{len(result.calls) + 1}", name=name, arguments=coerce(name, arguments, tools))
        result.calls.append(call)
    return result


def _first(text: str, at: int) -> int:
    """Where the next thing begins that wants to be a call; -1 where nothing does."""
    return min((found for tag in (_OPEN, "<function=") if (found := text.find(tag, at)) >= 0), default=-1)


def _arguments(text: str, name: str, at: int) -> tuple[dict[str, str], int, tuple[str, str] | None]:
    """(arguments as written, position after what was read, what is wrong)."""
    arguments: dict[str, str] = {}
    while True:
        if end := _FUNCTION_END.match(text, at):
            return arguments, end.end(), None
        tag = _PARAMETER.match(text, at)
        if tag is None:
            rest = text[at:].strip()
            if not rest or "</function>".startswith(rest) or "<parameter=".startswith(rest[: len("<parameter=")]):
                return arguments, at, ("unterminated", f"the call of {name} has no </function>")
            if rest.startswith("{"):
                return arguments, at, ("json_in_xml", "arguments are written as <parameter=name> tags, not as JSON")
            return arguments, at, ("malformed", f"text where <parameter=name> or </function> belongs, in {name}")
        key = _name(tag.group(1))
        end = _VALUE_END.search(text, tag.end())
        if end is None:
            return arguments, len(text), ("unterminated", f"the parameter {key!r} has no </parameter>")
        if key in arguments:
            return arguments, at, ("repeated_argument", f"{name} is given {key!r} twice")
        value = text[tag.end() : end.start()].removeprefix("\n").removesuffix("\n")
        if tag.group(2):
            try:
                value = json.loads(value)
            except ValueError as error:
                return arguments, at, ("bad_json", f"the parameter {key!r} is not the JSON its tag says ({error})")
        arguments[key] = value
        at = end.end()


def _name(written: str) -> str:
    if written.startswith('"'):
        try:
            return json.loads(written)
        except ValueError:
            pass
    return written


def _no_function(inner: str, tools: list[dict] | None):
    if inner.startswith("{"):
        return refuse(
            "json_in_xml", "a call is written with <function=name> tags, not as JSON", inner, tools, render_qwen3_coder
        )
    return refuse("malformed", "no <function=name> inside <tool_call>", inner, tools, render_qwen3_coder)
