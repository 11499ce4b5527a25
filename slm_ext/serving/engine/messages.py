"""Messages of a chat request as chat templates take them: contents are texts, arguments of calls are objects."""

from __future__ import annotations

import json
from typing import Any

__all__ = ["read_message", "refuse_unknown", "strict_json"]

_FIELDS = {"role", "content", "name", "tool_call_id", "tool_calls", "reasoning_content"}
_MEANINGLESS = {"annotations", "cache_control", "provider_specific_fields", "thinking_blocks"}
"""What clients add for other providers. What is computed once is kept here in any case; the rest says nothing new."""


def read_message(message: dict, at: int) -> dict:
    """The message, number `at` of its conversation. Raises ValueError for what cannot be read, images for example."""
    role = message.get("role")
    if role not in ("system", "developer", "user", "assistant", "tool"):
        raise ValueError(f"message {at}: role is {role!r}; allowed: system, developer, user, assistant, tool")
    if message.get("function_call"):
        raise ValueError(f"message {at}: function_call is not supported here; write it as tool_calls")
    refuse_unknown(message, _FIELDS | _MEANINGLESS, f"message {at}")
    if message.get("tool_calls") and role != "assistant":
        raise ValueError(f"message {at}: tool_calls are the assistant's, not of role {role}")
    result = {"role": "system" if role == "developer" else role, "content": _content(message.get("content"), at)}
    if message.get("reasoning_content"):
        result["reasoning_content"] = str(message["reasoning_content"])
    result |= {key: message[key] for key in ("tool_call_id", "name") if message.get(key)}
    if role == "assistant" and message.get("tool_calls"):
        if not isinstance(message["tool_calls"], list):
            raise ValueError(f"message {at}: tool_calls is a list")
        calls = [_call(call, at) for call in message["tool_calls"]]
        result["content"] += "".join(call["text"] for call in calls if "text" in call)
        if kept := [call for call in calls if "text" not in call]:
            result["tool_calls"] = kept
    return result


def refuse_unknown(given: dict, known: set[str], where: str) -> None:
    """Raises ValueError where `given` says something, neither null, false nor empty, under a key not `known`."""
    unknown = [key for key, value in given.items() if key not in known and value]
    if unknown:
        raise ValueError(
            f"{where}: {', '.join(map(str, unknown))} not supported here; supported: {', '.join(sorted(known))}"
        )


def _content(content: Any, at: int) -> str:
    if content is None or isinstance(content, str):
        return content or ""
    if not isinstance(content, list):
        raise ValueError(f"message {at}: content is a text or a list of text parts")
    for part in content:
        if not isinstance(part, dict) or part.get("type") != "text" or not isinstance(part.get("text"), str):
            kind = part.get("type") if isinstance(part, dict) else type(part).__name__
            raise ValueError(f"content parts of type {kind!r} cannot be read by this model (message {at}); only text")
        refuse_unknown(part, {"type", "text"} | _MEANINGLESS, f"message {at}, a part of its content")
    return "".join(part["text"] for part in content)


def _call(call: Any, at: int) -> dict:
    """The call with its arguments as an object, as chat templates want them; unreadable ones become text."""
    function = call.get("function") if isinstance(call, dict) else None
    if not isinstance(function, dict) or not isinstance(function.get("name"), str):
        raise ValueError(f"message {at}: a tool call is {{id, type, function: {{name, arguments}}}}")
    arguments = function.get("arguments") or {}
    if isinstance(arguments, str):
        try:
            arguments = strict_json(arguments)
        except (ValueError, RecursionError):
            return {"text": f"\n{function['name']} {arguments}"}
    if not isinstance(arguments, dict):
        return {"text": f"\n{function['name']} {json.dumps(arguments)}"}
    return {
        "id": str(call.get("id") or ""),
        "type": "function",
        "function": {"name": function["name"], "arguments": arguments},
    }


def strict_json(text: str) -> Any:
    """What JSON says. Halves of a surrogate pair, which no tokenizer takes, are a ValueError too."""
    data = json.loads(text)
    if "\\ud" in text or "\\uD" in text:
        json.dumps(data, ensure_ascii=False).encode("utf-8")
    return data
