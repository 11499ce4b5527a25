"""A text format for models that were never trained on tool calls: a fenced block, values as they are.

    ```tool edit_line
    --- path
    stats.py
    --- old
        if x:
    ```

A block opens with at least three backticks, `tool` and the tool's name, and closes with a line of as many backticks.
Each value stands under a line of at least three dashes and the argument's name; all markers of a block have as many
dashes as its first. Both are made longer where a line of a value would be taken for one. Strings are raw, other
values are JSON; names with blanks, or with a quote in front, are JSON strings.
"""

from __future__ import annotations

import json
import re

from slm_ext.toolcalls.call import Parsed, ToolCall
from slm_ext.toolcalls.reading import Scan, read, refuse
from slm_ext.toolcalls.schema import coerce

__all__ = ["line_name", "looks_like_fenced", "parse_fenced", "render_fenced"]

_OPEN = re.compile(r"^(`{3,})tool(?:[ \t]+(\S.*?))?[ \t\r]*$", re.MULTILINE)
_FIRST = re.compile(r"(?:[ \t\r]*\n)*(-{3,})[ \t]+\S")
_PLAIN_NAME = re.compile(r'[^\s"]\S*')


def looks_like_fenced(text: str | None) -> bool:
    """Whether a text holds the beginning of a call in this format."""
    return bool(text) and _OPEN.search(text) is not None


def render_fenced(call: ToolCall) -> str:
    """The call as the model writes it, with the shortest fence and markers that no value contains."""
    shown = {
        key: value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        for key, value in call.arguments.items()
    }
    fence = next(n for n in _lengths() if not any(_close(n).search(value) for value in shown.values()))
    dashes = next(n for n in _lengths() if not any(_marker(n).search(value) for value in shown.values()))
    lines = [f"{'`' * fence}tool {line_name(call.name)}"]
    for key, value in shown.items():
        lines += [f"{'-' * dashes} {line_name(key)}", value]
    return "\n".join([*lines, "`" * fence])


def line_name(name: str) -> str:
    """A tool's or an argument's name as it stands at the end of a line."""
    return name if _PLAIN_NAME.fullmatch(name) else json.dumps(name)


def parse_fenced(text: str, tools: list[dict] | None, *, thinking: bool | None = None) -> Parsed:
    """Read every call of a reply.

    Args:
        text: the model's text. Calls inside its thinking are not calls.
        tools: used to type the values; without a schema a value stays a string.
        thinking: True: the text begins inside the thinking; False: thinking was split off; None: judge by the text.

    Returns:
        calls with ids `call_1`, `call_2`…; `text` is what stands before the first call; `rejection` is set at the
        first unreadable call (rules `malformed`, `unterminated`, `repeated_argument`).
    """
    return read(text, thinking, lambda text, begin: _scan(text, begin, tools))


def _scan(text: str, begin: int, tools: list[dict] | None) -> Scan:
    rest = text[begin:]  # so that what follows the thinking begins a line
    opened = _OPEN.search(rest)
    if opened is None:
        return Scan()
    result = Scan(start=begin + opened.start())
    while opened:
        name = _name(opened.group(2) or "")
        arguments, at, problem = _arguments(rest, name, opened)
        result.spans.append((begin + opened.start(), begin + at))
        if problem is not None:
            got = rest[opened.start() :]
            result.rejection = refuse(*problem, got, tools, render_fenced, name, arguments)
            return result
        call = ToolCall(id=f"call_{len(result.calls) + 1}", name=name, arguments=coerce(name, arguments, tools))
        result.calls.append(call)
        opened = _OPEN.search(rest, at)
    return result


def _arguments(text: str, name: str, opened: re.Match) -> tuple[dict[str, str], int, tuple[str, str] | None]:
    """(arguments as written, position after what was read, what is wrong)."""
    arguments: dict[str, str] = {}
    at = opened.end() + 1
    if not name:
        return arguments, opened.end(), ("malformed", "no tool's name after the fence")
    close = _close(len(opened.group(1))).search(text, at)
    first = _FIRST.match(text, at)
    if first is None:
        inner = text[at : close.start() if close else None]
        if not inner.strip("` \t\r\n-"):
            if close is None:
                return arguments, len(text), ("unterminated", f"the call of {name} has no closing fence")
            return arguments, close.end(), None
        return (
            arguments,
            opened.end(),
            ("malformed", f"text where '--- argument' or the closing fence belongs, in {name}"),
        )
    marker = _marker(len(first.group(1)))
    found = marker.search(text, at)
    while found:
        key = _name(found.group(1))
        begin = found.end() + 1
        following = marker.search(text, begin)
        close = _close(len(opened.group(1))).search(text, begin)
        if close is None and (following is None):
            return arguments, len(text), ("unterminated", f"the call of {name} has no closing fence")
        if key in arguments:
            return arguments, found.start(), ("repeated_argument", f"{name} is given {key!r} twice")
        last = close is not None and (following is None or close.start() < following.start())
        end = close if last else following
        arguments[key] = text[begin : max(begin, end.start() - 1)]
        if last:
            return arguments, close.end(), None
        found = following
    raise AssertionError("the first marker was seen above")


def _lengths():
    n = 3
    while True:
        yield n
        n += 1


def _close(length: int) -> re.Pattern:
    return re.compile(rf"^`{{{length}}}[ \t\r]*$", re.MULTILINE)


def _marker(length: int) -> re.Pattern:
    return re.compile(rf"^-{{{length}}}[ \t]+(\S.*?)[ \t\r]*$", re.MULTILINE)


def _name(written: str) -> str:
    if written.startswith('"'):
        try:
            return json.loads(written)
        except ValueError:
            pass
    return written
