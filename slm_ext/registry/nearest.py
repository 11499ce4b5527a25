"""The names closest to a mistyped one, for error messages."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

__all__ = ["hint", "listed", "nearest"]


def nearest(name: str, known: Iterable[str], count: int = 3) -> list[str]:
    """At most `count` of `known` that resemble `name`, best first, ignoring case; empty when none is close."""
    by_folded: dict[str, str] = {}
    for candidate in known:
        by_folded.setdefault(candidate.casefold(), candidate)
    return [by_folded[found] for found in get_close_matches(name.casefold(), by_folded, n=count, cutoff=0.5)]


def hint(name: str, known: Iterable[str]) -> str:
    """``"nearest: 'ollama'"``, or an empty string when nothing is close."""
    close = nearest(name, known, count=1)
    return f"nearest: {close[0]!r}" if close else ""


def listed(name: str, known: Iterable[str]) -> str:
    """``"nearest: 'ollama'; all: …"`` for an error's `allowed`."""
    known = list(known)
    close = hint(name, known)
    return (f"{close}; all: " if close else "") + (", ".join(known) or "none are defined")
