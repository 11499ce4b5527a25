"""What the text formats share when they read a reply: where thinking ends, and what a rejection shows."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from slm_ext.toolcalls.call import Parsed, ToolCall
from slm_ext.toolcalls.rejection import Rejection
from slm_ext.toolcalls.schema import coerce, example, names

__all__ = ["THINKING_BEGIN", "THINKING_END", "Scan", "behind", "behind_space", "read", "refuse"]

THINKING_BEGIN, THINKING_END = "<think>", "</think>"
_OPENS_THINKING = re.compile(r"[ \t\r\n]*<think>")
_SPACE = re.compile(r"[ \t\r\n]*")


@dataclass
class Scan:
    """What one format found in a text from some position on."""

    calls: list[ToolCall] = field(default_factory=list)
    start: int | None = None
    """Where the first thing that wants to be a call begins; None when there is none."""
    rejection: Rejection | None = None
    spans: list[tuple[int, int]] = field(default_factory=list)
    """Parts of the text that belong to a call, first those of `calls`, one each, then what was read of the unreadable
    one; a `</think>` in there is a value's, not the end of thinking."""

    def outside(self, text: str) -> str:
        """All of `text` but the readable calls."""
        pieces, at = [], 0
        for start, end in self.spans[: len(self.calls)]:
            pieces.append(text[at:start])
            at = end
        return "".join(piece for piece in [*pieces, text[at:]] if piece.strip())


def read(text: str, thinking: bool | None, scan: Callable[[str, int], Scan]) -> Parsed:
    """Read the calls behind the thinking.

    Args:
        thinking: True: the text begins inside the thinking, which its first `</think>` ends. False: thinking was
            split off already, `</think>` means nothing. None: judge by the text: a `<think>` at its beginning, or a
            `</think>` outside of every call. Thinking that never ends hides nothing.
        scan: finds the calls of one format from a position on.
    """
    begin = 0
    if thinking or (thinking is None and _OPENS_THINKING.match(text)):
        end = text.find(THINKING_END)
        begin = 0 if end < 0 else end + len(THINKING_END)
    while True:
        found = scan(text, begin)
        end = _thinking_end(text, begin, found.spans) if thinking is None and found.start is not None else -1
        if end < 0:
            break
        begin = end + len(THINKING_END)
    before = text if found.start is None else text[: found.start]
    return Parsed(found.calls, before, found.rejection, found.outside(text))


def behind_space(text: str, at: int) -> int:
    """Where the blanks at a position end."""
    found = _SPACE.match(text, at)
    return found.end() if found else at


def behind(text: str, at: int, tag: str) -> int:
    """Where `tag` ends, if it comes next behind blanks, whole or cut off with the text; else `at`."""
    begin = behind_space(text, at)
    if text.startswith(tag, begin) or tag.startswith(text[begin:]):
        return min(begin + len(tag), len(text))
    return at


def refuse(
    rule: str,
    message: str,
    got: str,
    tools: list[dict] | None,
    render: Callable[[ToolCall], str],
    name: str = "",
    arguments: dict | None = None,
) -> Rejection:
    """A rejection with an example in the format that `render` writes, keeping what was right of the given call."""
    known = names(tools)
    shown = name if name in known else (known[0] if known else None)
    sample = example(shown, coerce(shown, arguments or {}, tools), tools, render) if shown else None
    got = got if len(got) <= 200 else got[:199] + "…"
    return Rejection(rule=rule, message=message, got=got, expected="a complete tool call", example=sample)


def _thinking_end(text: str, begin: int, spans: list[tuple[int, int]]) -> int:
    at = text.find(THINKING_END, begin)
    while at >= 0 and (inside := next((end for start, end in spans if start <= at < end), None)) is not None:
        at = text.find(THINKING_END, inside)
    return at
