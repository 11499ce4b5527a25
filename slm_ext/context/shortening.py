"""What stands in place of something left out. Each notice says how much it was; equal input gives equal text."""

from __future__ import annotations

import re

__all__ = ["LEAST", "elided", "left_out", "truncated"]

LEAST = 200
"""Characters below which a result is not truncated further."""
_NOTICE = 64
"""Characters a notice in the middle of a text has at most, with its line ends."""
_BEGINNING = 80
_FIRST_LINE = re.compile(r"\S.{0,200}")


def elided(name: str, content: str) -> str:
    """One line for a whole result: what it was of, how much, and how it began (a model that is told nothing of an
    answer asks for it again)."""
    first = _FIRST_LINE.search(content)
    began = f"; it began: {_clipped(first[0])}" if first else ""
    return f"[… result{f' of {name}' if name else ''}, {amount(content)}, left out{began}]"


def truncated(content: str, keep: int) -> tuple[str, int]:
    """Head and tail of a text, at line ends where there are some, with a notice between: `keep` characters in all.

    Returns:
        The text and how many characters of it were left out. One that is not longer comes back as it is, with 0.
        `keep` below 200 counts as 200.
    """
    keep = max(keep, LEAST)
    if len(content) <= keep:
        return content, 0
    room = keep - _NOTICE
    head, tail = content[: room - room // 2], content[len(content) - room // 2 :]
    at = head.rfind("\n") + 1
    if at > len(head) // 2:
        head = head[:at]
    at = tail.find("\n") + 1
    if 0 < at <= len(tail) // 2:
        tail = tail[at:]
    between = content[len(head) : len(content) - len(tail)]
    line_end = "" if head.endswith("\n") else "\n"
    return f"{head}{line_end}[… {amount(between)} left out …]\n{tail}", len(between)


def left_out(exchanges: int, messages: int, characters: int) -> str:
    """The notice for whole exchanges."""
    many = "1 earlier exchange" if exchanges == 1 else f"{exchanges:,} earlier exchanges"
    return f"[… {many} ({messages:,} messages, {characters:,} characters) left out here …]"


def amount(content: str) -> str:
    """`120 lines (5,312 characters)`; lines are those that begin or end in it."""
    lines = content.count("\n") + (not content.endswith("\n"))
    return f"{lines:,} line{'s' if lines != 1 else ''} ({len(content):,} characters)"


def _clipped(line: str) -> str:
    line = " ".join(line.split())
    return line if len(line) <= _BEGINNING else line[: _BEGINNING - 1] + "…"
