"""The wire format of Hermes, Qwen2.5 and Qwen3: one JSON object between tags.

    <tool_call>
    {"name": "edit_line", "arguments": {"path": "stats.py", "line": 14}}
    </tool_call>

Source: the chat template of Qwen/Qwen3-8B. Separators are `, ` and `: `, as Jinja's `tojson` and `json.dumps` write
them. Where the JSON ends is decided by the JSON, so tags inside of a string are text. A missing `</tool_call>` after
a complete object is forgiven, and one block may hold several objects.
"""

from __future__ import annotations

import json
import math
from typing import Any

from slm_ext.toolcalls.call import Parsed, ToolCall
from slm_ext.toolcalls.reading import Scan, behind, behind_space, read, refuse
from slm_ext.toolcalls.schema import coerce

__all__ = ["looks_like_hermes", "parse_hermes", "render_hermes"]

_OPEN, _CLOSE = "<tool_call>", "</tool_call>"


def looks_like_hermes(text: str | None) -> bool:
    """Whether a text holds the beginning of a call in this format."""
    return bool(text) and _OPEN in text


def render_hermes(call: ToolCall) -> str:
    """The call as the model writes it."""
    body = json.dumps({"name": call.name, "arguments": call.arguments}, ensure_ascii=False)
    return f"{_OPEN}\n{body}\n{_CLOSE}"


def parse_hermes(text: str, tools: list[dict] | None, *, thinking: bool | None = None) -> Parsed:
    """Read every call of a reply.

    Args:
        text: the model's text. Calls inside its thinking are not calls.
        tools: used to type what has the wrong JSON type but one reading only.
        thinking: True: the text begins inside the thinking; False: thinking was split off; None: judge by the text.

    Returns:
        calls with ids `call_1`, `call_2`…; `text` is what stands before the first call; `rejection` is set at the
        first unreadable call (rules `malformed`, `unterminated`, `bad_json`, `repeated_argument`).
    """
    return read(text, thinking, lambda text, begin: _scan(text, begin, tools))


class _Repeated(ValueError):
    """A key stands twice in one object of the call's own two levels."""


def _scan(text: str, begin: int, tools: list[dict] | None) -> Scan:
    at = text.find(_OPEN, begin)
    if at < 0:
        return Scan()
    result = Scan(start=at)
    while at >= 0:
        opened, at = at, at + len(_OPEN)
        while True:
            at = behind_space(text, at)
            call, end, problem = _object(text, at)
            result.spans.append((opened, end))
            if problem is not None:
                got = text[opened:]
                result.rejection = refuse(*problem, got, tools, render_hermes, *call)
                return result
            name, arguments = call
            arguments = coerce(name, arguments, tools)
            result.calls.append(ToolCall(id=f"call_{len(result.calls) + 1}", name=name, arguments=arguments))
            at = behind_space(text, end)
            if not text.startswith("{", at):
                break
        closed = behind(text, at, _CLOSE)
        if closed == at < len(text):
            dropped = result.calls.pop()
            message = f"text after the JSON object where {_CLOSE} belongs, in {dropped.name}"
            got = text[opened:]
            result.rejection = refuse("malformed", message, got, tools, render_hermes, dropped.name, dropped.arguments)
            return result
        result.spans[-1] = (opened, closed)
        at = text.find(_OPEN, closed)
    return result


def _object(text: str, at: int) -> tuple[tuple[str, dict], int, tuple[str, str] | None]:
    """((name, arguments), position after what was read, what is wrong)."""
    nothing = ("", {})
    rest = text[at:]
    if not rest or _CLOSE.startswith(rest):
        return nothing, at, ("unterminated", "nothing follows <tool_call>")
    if not rest.startswith("{"):
        return nothing, at, ("malformed", "no JSON object inside <tool_call>")
    try:
        value, end = _DECODER.raw_decode(text, at)
        name, arguments = _call(value)
        json.dumps(value, ensure_ascii=False).encode()
    except _Repeated as error:
        return nothing, at, ("repeated_argument", f"{error.args[0]!r} is given twice")
    except json.JSONDecodeError as error:
        cut = error.pos >= len(text.rstrip()) or error.msg.startswith("Unterminated string")
        if cut and _CLOSE not in rest:
            return nothing, len(text), ("unterminated", "the JSON object of the call does not end")
        return nothing, at, ("bad_json", f"the call is not JSON ({error.msg} at character {error.pos - at})")
    except RecursionError:
        return nothing, at, ("bad_json", "the JSON is nested too deeply")
    except ValueError as error:
        return nothing, at, ("bad_json", f"the call is not JSON ({error})")
    if not isinstance(name, str) or not name:
        return nothing, end, ("malformed", 'the object has no "name"')
    if not isinstance(arguments, dict):
        return (name, {}), end, ("bad_json", '"arguments" must be a JSON object')
    return (name, arguments), end, None


def _call(value: dict) -> tuple[Any, Any]:
    arguments = value.get("arguments")
    if isinstance(arguments, str):  # a JSON text inside the JSON
        arguments = _DECODER.decode(arguments) if arguments.strip() else {}
    arguments = {} if arguments is None else arguments
    for item in (value, arguments):
        if isinstance(item, _Pairs):
            raise _Repeated(item.repeated)
    return value.get("name"), arguments


class _Pairs(dict):
    """An object in which a key stood twice."""

    repeated: str


def _pairs(pairs: list[tuple[str, Any]]) -> dict:
    result = dict(pairs)
    if len(result) < len(pairs):
        keys = [key for key, _ in pairs]
        result = _Pairs(result)
        result.repeated = next(key for i, key in enumerate(keys) if key in keys[:i])
    return result


def _number(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text} is too large")
    return value


def _constant(text: str) -> float:
    raise ValueError(f"{text} is not JSON")


_DECODER = json.JSONDecoder(strict=False, object_pairs_hook=_pairs, parse_float=_number, parse_constant=_constant)
