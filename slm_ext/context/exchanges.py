"""A conversation as its parts: what comes before the first answer, and the exchanges after it.

An exchange is an assistant's message with everything up to the next one: a call with its results, or words and what was
said to them. It is the smallest thing that can be left out, so that no call ever stands without its result.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

from slm_ext.context.kinds import Kind, failed, kind_of, named_in

__all__ = ["Conversation", "Exchange", "Result", "size"]


class Exchange(NamedTuple):
    """Messages `start` up to, not with, `end`."""

    start: int
    end: int


@dataclass(frozen=True)
class Result:
    """What came back for one call, or was said to an answer without calls."""

    index: int
    """Of its message in the conversation."""
    exchange: int
    name: str
    """The tool's; empty where the answer was words alone and names none."""
    arguments: dict[str, Any]
    kind: Kind
    content: str


class Conversation:
    """Messages as `[system] user (assistant (tool… | user))…`, and where their parts are."""

    def __init__(self, messages: list[dict]):
        self.messages = messages
        starts = [i for i, message in enumerate(messages) if message["role"] == "assistant"]
        self.head = starts[0] if starts else len(messages)
        ends = [*starts[1:], len(messages)] if starts else []
        self.exchanges = [Exchange(*span) for span in zip(starts, ends, strict=True)]
        self._results: dict[int, list[Result]] = {}

    def results(self, ordinal: int) -> list[Result]:
        """The results within an exchange."""
        found = self._results.get(ordinal)
        if found is None:
            found = self._results[ordinal] = list(self._read(ordinal))
        return found

    def last_failure(self) -> Result | None:
        """The last result that reports a failure."""
        for ordinal in range(len(self.exchanges) - 1, -1, -1):
            for result in reversed(self.results(ordinal)):
                if failed(result.content, result.kind):
                    return result
        return None

    def _read(self, ordinal: int) -> Iterator[Result]:
        start, end = self.exchanges[ordinal]
        assistant = self.messages[start]
        calls = {call["id"]: call["function"] for call in assistant.get("tool_calls") or []}
        for index in range(start + 1, end):
            message = self.messages[index]
            function = calls.get(message.get("tool_call_id"))
            if function is not None:
                name = function["name"]
                arguments, kind = _read_call(name, function["arguments"])
            else:
                name, arguments = named_in(assistant.get("content") or "")
                kind = kind_of(name, arguments)
            yield Result(index, ordinal, name, arguments, kind, message.get("content") or "")


@lru_cache(maxsize=4096)
def _read_call(name: str, arguments: str) -> tuple[dict[str, Any], Kind]:
    """A call's arguments, not to be changed, and what it is for; the same calls come with every cut."""
    values = _object(arguments)
    return values, kind_of(name, values)


def size(message: dict) -> int:
    """Characters of a message: its content, the names and arguments of its calls."""
    calls = (call["function"] for call in message.get("tool_calls") or [])
    return len(message.get("content") or "") + sum(len(f["name"]) + len(f["arguments"]) for f in calls)


def _object(arguments: str) -> dict[str, Any]:
    try:
        decoded = json.loads(arguments or "{}")
    except ValueError:
        return {}
    return decoded if isinstance(decoded, dict) else {}
