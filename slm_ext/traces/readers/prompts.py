"""Lists of messages that repeat each other, as SWE-agent writes one at every step: what comes again is read once."""

from __future__ import annotations

from typing import Any

import msgspec

from slm_ext.traces.readers.decoding import decode, items_of
from slm_ext.traces.readers.messages import plain
from slm_ext.traces.trace import Message

__all__ = ["Prompts"]


class Prompts:
    """Reads messages; equal ones are one object."""

    def __init__(self) -> None:
        self._known: dict[bytes, Message] = {}
        self._equal: dict[tuple, Message] = {}
        self._asking: set[int] = set()
        self._text, self._messages = b"", []

    def read(self, raw: msgspec.Raw) -> list[Message]:
        """The messages of a list. Where it goes on from the list before, only what is new is looked at.

        Raises:
            ValueError, AttributeError: it is no list of messages.
        """
        text, before = bytes(raw).strip()[:-1].rstrip(), self._text
        if len(before) > 1 and text.startswith(before) and text[len(before) : len(before) + 1] in (b"", b","):
            self._messages = [*self._messages, *self._read(b"[" + text[len(before) + 1 :] + b"]")]
        else:
            self._messages = self._read(bytes(raw))
        self._text = text
        return self._messages

    def message(self, raw: msgspec.Raw | bytes) -> Message:
        """One message."""
        data = bytes(raw)
        if data not in self._known:
            self._known[data] = self._once(decode(data))
        return self._known[data]

    def asks_again(self, message: Message) -> bool:
        """Whether it is what SWE-agent says about a reply that it rejected."""
        return id(message) in self._asking

    def _read(self, raw: bytes) -> list[Message]:
        return [self.message(item) for item in items_of(msgspec.Raw(raw))]

    def _once(self, entry: dict[str, Any]) -> Message:
        asking, message = entry.get("message_type") == "user", plain(entry)
        calls = ((call["id"], *call["function"].values()) for call in message.get("tool_calls", ()))
        key = (asking, message["role"], message["content"], message.get("tool_call_id"), *calls)
        message = self._equal.setdefault(key, message)
        if asking:
            self._asking.add(id(message))
        return message
