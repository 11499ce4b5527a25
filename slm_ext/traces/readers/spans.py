"""Where the objects and lists of a JSON file begin and end: found in one pass, in constant memory.

Texts are passed over and brackets counted; nothing else is looked at, so what stands in a span may still be no JSON.
A streaming parser would give values: dearer, without their bytes, and none from NaN or a lone surrogate on, which
Python writes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import IO, NamedTuple

__all__ = ["Span", "Unbalanced", "between", "spans"]

CHUNK = 1 << 22
"""Bytes read at once."""
LEVELS = 3
"""Containers further in are passed over."""
DEEPEST = 10_000
_NEXT = re.compile(rb'[^"\[\]{}]*+(?:"[^"]*+"[^"\[\]{}]*+)*+(["\[\]{}]|\Z)')
"""Up to the next bracket outside of texts, the quote of a text that goes on behind the chunk, or the chunk's end."""


class Span(NamedTuple):
    """An object or a list."""

    depth: int
    """0 for the value itself, 1 for what it holds, and so on."""
    begin: int
    """Byte of its opening bracket."""
    end: int
    """Byte behind its closing bracket."""


class Unbalanced(ValueError):
    """Brackets that do not match.

    Attributes:
        start: byte at which that shows.
    """

    def __init__(self, said: str, start: int):
        super().__init__(said)
        self.start = start


def spans(file: IO[bytes], begin: int, end: int) -> Iterator[Span]:
    """The objects and lists between two bytes, each when it ends: what a container holds comes before it.

    Raises:
        Unbalanced: a bracket that closes nothing, one that nothing closes, or more than 10,000 levels; what ended
            before it was given.
    """
    opened: list[int] = []
    for at, bracket in _brackets(file, begin, end):
        if bracket in b"[{":
            opened.append(at)
            if len(opened) > DEEPEST:
                raise Unbalanced(f"more than {DEEPEST} levels", at)
        elif not opened:
            raise Unbalanced("a bracket that closes nothing", at)
        else:
            start = opened.pop()
            if len(opened) < LEVELS:
                yield Span(len(opened), start, at + 1)
    if opened:
        raise Unbalanced(f"ends within what begins at byte {opened[0]}", end)


def between(file: IO[bytes], begin: int, end: int) -> bytes:
    """What stands between two containers of a list, without commas and spaces; the first of much."""
    file.seek(begin)
    return file.read(min(end - begin, CHUNK)).strip(b" \t\r\n,")


def _brackets(file: IO[bytes], begin: int, end: int) -> Iterator[tuple[int, int]]:
    """(place, character) of every bracket outside of texts."""
    inside = False  # a text that began in an earlier chunk
    while chunk := _chunk(file, begin, end):
        bare = chunk.replace(rb"\\", b"  ").replace(rb"\"", b"  ")
        at = 0
        if inside:
            at = bare.find(b'"') + 1
            inside = not at
        if not inside:
            for found in _NEXT.finditer(bare, at):
                mark = found[1]
                if mark in (b"", b'"'):
                    inside = bool(mark)
                    break
                yield begin + found.end() - 1, mark[0]
        begin += len(chunk)


def _chunk(file: IO[bytes], begin: int, end: int) -> bytes:
    """The next bytes; an escape is not cut in two."""
    file.seek(begin)
    chunk = file.read(min(CHUNK, end - begin))
    while chunk.endswith(b"\\") and begin + len(chunk) < end:
        chunk += file.read(1)
    return chunk
