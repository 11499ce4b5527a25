"""A chat completion's body as JSON. A conversation comes again with every call, so each message is written once."""

from __future__ import annotations

import json
from typing import Any

__all__ = ["Writer"]

_KEPT = 4096
"""Messages remembered; the oldest are forgotten first."""


class Writer:
    """Writes the bodies of one conversation."""

    def __init__(self) -> None:
        self._written: dict[tuple, str] = {}
        self._tools: tuple[list[dict], str] | None = None

    def body(self, arguments: dict[str, Any], messages: list[dict]) -> bytes:
        """The request's body: `arguments` as for OpenAI's SDK, whose `extra_body` goes over the others."""
        rest = {key: value for key, value in arguments.items() if key not in ("extra_body", "tools", *_NOT_IN_BODY)}
        extra = arguments.get("extra_body") or {}
        parts = [f'"messages":[{",".join(map(self._message, messages))}]'] if "messages" not in extra else []
        if "tools" in arguments and "tools" not in extra:
            parts.append(f'"tools":{self._offered(arguments["tools"])}')
        if small := _json(rest | extra)[1:-1]:
            parts.append(small)
        return ("{" + ",".join(parts) + "}").encode()

    def _message(self, message: dict) -> str:
        calls = message.get("tool_calls")
        made = tuple((call["id"], call["function"]["name"], call["function"]["arguments"]) for call in calls or ())
        key = (message["role"], message.get("content"), message.get("tool_call_id"), made)
        written = self._written.get(key)
        if written is None:
            if len(self._written) >= _KEPT:
                for old in list(self._written)[: _KEPT // 2]:
                    del self._written[old]
            written = self._written[key] = _json(message)
        return written

    def _offered(self, tools: list[dict]) -> str:
        if self._tools is None or self._tools[0] is not tools:
            self._tools = (tools, _json(tools))
        return self._tools[1]


_NOT_IN_BODY = ("extra_headers", "extra_query", "timeout")


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
