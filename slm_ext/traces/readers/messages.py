"""Messages of all hosts and formats in one form, and the calls in them."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import msgspec

from slm_ext.traces.readers.values import mapping
from slm_ext.traces.trace import Message

__all__ = ["call_of", "plain", "shell_call", "taken", "text_of"]


def text_of(content: Any) -> str:
    """The text of a message's content: a text, or a list of parts."""
    if isinstance(content, list):
        return "".join(str((part.get("text") if isinstance(part, dict) else part) or "") for part in content)
    return "" if content is None else str(content)


def plain(message: dict[str, Any]) -> Message:
    """Role, text, calls and the call it answers; what hosts add is left out."""
    found: Message = {"role": str(message.get("role")), "content": text_of(message.get("content"))}
    if calls := [_call(call) for call in message.get("tool_calls") or () if isinstance(call, dict)]:
        found["tool_calls"] = calls
    ids = message.get("tool_call_ids")  # SWE-agent's name for it
    if wanted := message.get("tool_call_id") or (ids[0] if isinstance(ids, list) and ids else None):
        found["tool_call_id"] = str(wanted)
    return found


def call_of(name: str, arguments: dict[str, Any], ident: str) -> dict[str, Any]:
    """An item of `tool_calls`."""
    text = json.dumps(arguments, ensure_ascii=False)
    return {"id": ident, "type": "function", "function": {"name": name, "arguments": text}}


def shell_call(command: str, ident: str) -> dict[str, Any]:
    """A command that a host read from a text, as a call of a shell."""
    return call_of("bash", {"command": command}, ident)


def taken(calls: Iterable[dict[str, Any]] | None) -> dict[str, Any]:
    """`tool` and `arguments` of the first call."""
    first = next(iter(calls or ()), None)
    if first is None:
        return {}
    function = first.get("function") or {}
    arguments = function.get("arguments")
    try:
        arguments = _decoded(arguments) if isinstance(arguments, str) else arguments
    except (ValueError, RecursionError):
        arguments = {"": arguments}
    return {"tool": str(function.get("name") or ""), "arguments": arguments if isinstance(arguments, dict) else {}}


def _decoded(text: str) -> Any:
    try:
        return msgspec.json.decode(text)
    except (ValueError, RecursionError):
        return json.loads(text)  # reads what Python writes beyond the standard


def _call(call: dict[str, Any]) -> dict[str, Any]:
    function = mapping(call.get("function")) or {}
    arguments = function.get("arguments")
    if not isinstance(arguments, str):
        arguments = json.dumps(arguments or {}, ensure_ascii=False)
    made = {"name": str(function.get("name") or ""), "arguments": arguments}
    return {"id": str(call.get("id") or ""), "type": "function", "function": made}
