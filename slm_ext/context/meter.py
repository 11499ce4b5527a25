"""A token estimate without a tokenizer: characters times a ratio measured on this very conversation."""

from __future__ import annotations

import json

__all__ = ["TokenMeter", "characters"]

_FRAME = 8
"""Characters a chat template adds around a message, about."""
_LOW = 0.2
"""Tokens per character assumed before the first measurement: low for code, so that a prompt which fits is never
refused on a guess; the server's own count is checked afterwards."""


def characters(messages: list[dict], tools: list[dict] | None = None) -> int:
    """Size of a request in characters: contents, tool calls, tools' schemas and the template's frame."""
    size = len(json.dumps(tools, ensure_ascii=False)) if tools else 0
    for message in messages:
        size += _FRAME + len(message.get("content") or "")
        for call in message.get("tool_calls") or []:
            size += len(call["function"]["name"]) + len(call["function"]["arguments"])
    return size


class TokenMeter:
    """Estimates prompt tokens; `learn` from each answer makes the next estimate better."""

    def __init__(self) -> None:
        self._last: tuple[int, int] | None = None

    def learn(self, size: int, tokens: int | None) -> None:
        """Take the server's count of a prompt of `size` characters. None or 0 teaches nothing."""
        if tokens and size:
            self._last = (size, tokens)

    def estimate(self, size: int) -> int:
        """Tokens of a prompt of `size` characters: the last count, plus the growth since at the same ratio."""
        if self._last is None:
            return int(size * _LOW)
        last_size, tokens = self._last
        return max(0, round(tokens + (size - last_size) * tokens / last_size))
