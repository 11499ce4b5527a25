"""Lists of messages that repeat each other, as SWE-agent writes one at every step: what comes again is read once."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from slm_ext.traces.readers.decoding import decode, items_of
from slm_ext.traces.readers.messages import plain
from slm_ext.traces.trace import Message

__all__ = ["Prompts"]


_ENDS = 64
"""Bytes."""
_INDENTATION = re.compile(rb"\n +")


class Prompts:
    """Reads messages; equal ones are one object. They are looked for by their length and their ends: to hash a long
    text takes longer than to compare it with the one or two that are like it."""

    def __init__(self) -> None:
        self._known: dict[tuple, list[tuple[bytes, Message]]] = {}
        self._equal: dict[tuple, list[tuple[bool, Message]]] = {}
        self._asking: set[int] = set()
        self._text, self._messages = b"", []

    def read(self, raw: msgspec.Raw) -> list[Message]:
        """The messages of a list. Where it goes on from the list before, only what is new is looked at.

        Raises:
            ValueError, AttributeError: it is no list of messages.
        """
        text, before = bytes(raw).strip()[:-1].rstrip(), self._text
        if len(before) > 1 and text.startswith(before) and text[len(before) : len(before) + 1] in (b"", b","):
            self._messages = [*self._messages, *self._read(msgspec.Raw(b"[" + text[len(before) + 1 :] + b"]"))]
        else:
            self._messages = self._read(raw)
        self._text = text
        return self._messages

    def go_on(self, raw: msgspec.Raw) -> list[Message]:
        """The messages of the list before and of this one; raises as `read`."""
        self._messages = [*self._messages, *self._read(raw)]
        self._text = b""
        return self._messages

    def entry(self, raw: msgspec.Raw | bytes) -> tuple[dict[str, Any], Message]:
        """(as it is written, the message)."""
        entry, data = decode(raw), _at_the_margin(bytes(raw))
        message = self._once(entry)
        self._known.setdefault((len(data), data[-_ENDS:]), []).append((data, message))
        return entry, message

    def message(self, raw: msgspec.Raw | bytes) -> Message:
        """One message."""
        data = _at_the_margin(bytes(raw))
        alike = self._known.setdefault((len(data), data[-_ENDS:]), [])
        for known, message in alike:
            if known == data:
                return message
        message = self._once(decode(data))
        alike.append((data, message))
        return message

    def asks_again(self, message: Message) -> bool:
        """Whether it is what SWE-agent says about a reply that it rejected."""
        return id(message) in self._asking

    def _read(self, raw: msgspec.Raw) -> list[Message]:
        return [self.message(item) for item in items_of(raw)]

    def _once(self, entry: dict[str, Any]) -> Message:
        asking, message = entry.get("message_type") == "user", plain(entry)
        content = message["content"]
        alike = self._equal.setdefault((len(content), content[:_ENDS], message.get("tool_call_id")), [])
        for asked, known in alike:
            if asked == asking and known == message:
                return known
        alike.append((asking, message))
        if asking:
            self._asking.add(id(message))
        return message


def _at_the_margin(data: bytes) -> bytes:
    """Without indentation: the same message is written at several depths. A line feed is no part of a text in JSON."""
    return _INDENTATION.sub(b"\n", data)
