"""Tool calls a server has parsed already: `message.tool_calls` of the OpenAI API."""

from __future__ import annotations

import json
from typing import Any

from slm_ext.toolcalls.call import Parsed, ToolCall
from slm_ext.toolcalls.rejection import Rejection
from slm_ext.toolcalls.schema import coerce, example, names

__all__ = ["parse_native"]


def parse_native(message: dict, tools: list[dict] | None) -> Parsed:
    """Read the calls of an assistant message.

    Arguments may be a JSON string, a JSON string inside a JSON string, or an object: servers differ. Missing ids are
    filled. Note that mlx-lm 0.32.2 has turned the text `null` into a null before it arrives here.

    Returns:
        `rejection` is set at the first unreadable call (rules `malformed`, `bad_json`).
    """
    text = message.get("content") or ""
    calls: list[ToolCall] = []
    for i, item in enumerate(message.get("tool_calls") or [], start=1):
        function = item.get("function") if isinstance(item, dict) else None
        function = function if isinstance(function, dict) else {}
        name = function.get("name")
        if not isinstance(name, str) or not name:
            return Parsed(calls, text, _rejection("malformed", "a call without a name", item, "", tools))
        arguments, problem = _decode(function.get("arguments"))
        if problem:
            return Parsed(calls, text, _rejection("bad_json", problem, function.get("arguments"), name, tools))
        calls.append(ToolCall(id=item.get("id") or f"call_{i}", name=name, arguments=coerce(name, arguments, tools)))
    return Parsed(calls, text)


def _decode(arguments: Any) -> tuple[dict[str, Any], str]:
    for _ in range(2):
        if not isinstance(arguments, str):
            break
        try:
            arguments = json.loads(arguments, strict=False) if arguments.strip() else {}
        except ValueError as error:
            return {}, f"the arguments are not JSON ({error})"
    if arguments is None:
        return {}, ""
    if not isinstance(arguments, dict):
        return {}, f"the arguments must be a JSON object, not {type(arguments).__name__}"
    return arguments, ""


def _rejection(rule: str, message: str, got: Any, name: str, tools: list[dict] | None) -> Rejection:
    known = names(tools)
    shown = name if name in known else (known[0] if known else None)
    text = got if isinstance(got, str) else json.dumps(got, ensure_ascii=False, default=str)
    return Rejection(
        rule=rule,
        message=message,
        got=text[:200],
        expected="a call with its arguments as one JSON object",
        example=example(shown, {}, tools) if shown else None,
    )
