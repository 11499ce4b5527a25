"""A file's JSON documents, one after another: a whole file, a list, or one document a line; in constant memory.

Documents of ordinary size come as `Fields`: the values of the top level as bytes, decoded when they are asked for, so
that what a reader passes over costs nothing. A larger one comes as `Streamed`: its lists are read item by item.
"""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast

import msgspec

from slm_ext.traces.readers.decoding import Step, Stepped, decode, fields_of, given, items_of, position, stepped
from slm_ext.traces.readers.spans import Unbalanced, between, spans

__all__ = ["Broken", "Document", "Fields", "Streamed", "documents"]

LARGE = 64 * 1024 * 1024
"""Bytes above which a document is not held in memory."""
_LINES_TRIED = 8


@dataclass(frozen=True)
class Broken:
    """A stretch of a file that cannot be read."""

    offset: int
    """Byte at which the mistake is, or at which the stretch begins."""
    cause: str
    torn: bool = False
    """A line of call records that was cut short, as a kill does it: it is all that is missing."""


class Document(ABC):
    """A JSON object.

    Attributes:
        offset: byte of the file at which it begins.
    """

    offset: int

    def __contains__(self, key: str) -> bool:
        return key in self.names()

    @abstractmethod
    def names(self) -> list[str]:
        """Names on the top level."""

    @abstractmethod
    def get(self, key: str) -> Any:
        """The value, decoded; None where it is missing. Not for a list that makes a document large."""

    @abstractmethod
    def raw_items(self, key: str) -> Iterator[msgspec.Raw | bytes]:
        """The items of a list as they are written; none where it is missing or null.

        Raises:
            ValueError: it is no list, or no JSON.
        """

    def items(self, key: str) -> Iterator[Any]:
        """The items of a list, decoded; raises as `raw_items`."""
        return map(decode, self.raw_items(key))

    def steps(self) -> list[Step] | None:
        """The items of `trajectory`, where they were decoded on the way."""
        return None

    def parts(self, key: str) -> Iterator[Document | Broken]:
        """The items of a list that are documents themselves; raises as `raw_items`."""
        return (_document(bytes(item), self.offset) for item in self.raw_items(key))


class Fields(Document):
    """A document in memory.

    Raises:
        ValueError: it is no JSON, or no object.
    """

    def __init__(self, raw: bytes, offset: int):
        self.offset = offset
        found = stepped(raw)
        self._steps = found.trajectory if found else None
        self._fields: dict[str, msgspec.Raw | Any] = fields_of(raw) if found is None else _named(found)

    def steps(self) -> list[Step] | None:
        return self._steps

    def names(self) -> list[str]:
        return list(self._fields)

    def get(self, key: str) -> Any:
        value = self._fields.get(key)
        return decode(value) if isinstance(value, msgspec.Raw) else value

    def raw_items(self, key: str) -> Iterator[msgspec.Raw | bytes]:
        if self._steps is not None and key in _LISTS:
            return iter(cast("list[msgspec.Raw]", self._fields[key]))
        try:
            return iter(items_of(self._fields.get(key)))
        except ValueError as error:
            raise ValueError(f"{key}: {error}") from None


_LISTS = ("trajectory", "history")


def _named(found: Stepped) -> dict[str, Any]:
    """The fields that a `.traj` has."""
    fields = {"trajectory": [], "history": found.history}
    single = {name: getattr(found, name) for name in ("info", "replay_config", "environment")}
    return fields | {name: value for name, value in single.items() if given(value)}


@dataclass
class _Place:
    """Where a value of the top level stands in the file."""

    begin: int
    end: int
    items: array[int]
    """Of a list: begin and end of each item."""


class Streamed(Document):
    """A document that is too large to hold: what is asked for is read from the file."""

    def __init__(self, path: Path, offset: int, fields: dict[str, _Place | Any]):
        self.offset = offset
        self._path, self._fields = path, fields

    def names(self) -> list[str]:
        return list(self._fields)

    def get(self, key: str) -> Any:
        value = self._fields.get(key)
        return decode(self._read(value.begin, value.end)) if isinstance(value, _Place) else value

    def raw_items(self, key: str) -> Iterator[bytes]:
        with self._path.open("rb") as file:
            for begin, end in self._items(key):
                file.seek(begin)
                yield file.read(end - begin)

    def parts(self, key: str) -> Iterator[Document | Broken]:
        return (_part(self._path, begin, end) for begin, end in self._items(key))

    def _items(self, key: str) -> Iterator[tuple[int, int]]:
        value = self._fields.get(key)
        if value is None:
            return
        if not isinstance(value, _Place) or self._read(value.begin, value.begin + 1) != b"[":
            raise ValueError(f"{key} is no list")
        last = value.begin + 1
        with self._path.open("rb") as file:
            for begin, end in zip(value.items[::2], value.items[1::2], strict=True):
                _nothing_between(file, last, begin, key)
                yield begin, end
                last = end
            _nothing_between(file, last, value.end - 1, key)

    def _read(self, begin: int, end: int) -> bytes:
        with self._path.open("rb") as file:
            file.seek(begin)
            return file.read(end - begin)


def documents(path: Path) -> Iterator[Document | Broken]:
    """Every document of a file, in order. After a broken line or item the next one is read; a broken whole is the end.

    Raises:
        OSError: the file cannot be read.
    """
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        head = file.read(1 << 16)
        text = head.lstrip()
        if not text:
            yield Broken(0, "an empty file")
        elif text.startswith(b"["):
            yield from _list(path, file, len(head) - len(text), size)
        elif _is_lines(file):
            yield from _lines(path, file)
        elif size <= LARGE:
            file.seek(0)
            yield _document(file.read(), 0)
        else:
            yield from _large(path, 0, size)


def _is_lines(file: IO[bytes]) -> bool:
    """Whether a document stands on one of the first lines, and is not all there is."""
    file.seek(0)
    found, lines = False, 0
    for _ in range(_LINES_TRIED):
        line = file.readline(LARGE)
        if len(line) == LARGE:
            return found
        lines += bool(line.strip())
        found = found or (line.startswith(b"{") and line.rstrip().endswith(b"}") and _is_document(line))
        if found and lines > 1:
            return True
    return False


def _is_document(line: bytes) -> bool:
    document = _document(line, 0)
    return isinstance(document, Fields) and bool(document.names())


def _lines(path: Path, file: IO[bytes]) -> Iterator[Document | Broken]:
    file.seek(0)
    begin = 0
    while line := file.readline(LARGE):
        if line.endswith(b"\n") or len(line) < LARGE:
            if line.strip():
                yield _document(line.rstrip(), begin)
        else:
            while not line.endswith(b"\n") and (line := file.readline(LARGE)):
                pass
            yield _part(path, begin, file.tell())
        begin = file.tell()


def _document(raw: bytes, offset: int) -> Document | Broken:
    try:
        return Fields(raw, offset)
    except ValueError as error:
        return Broken(offset + position(error), f"no JSON ({error})")


def _list(path: Path, file: IO[bytes], opening: int, size: int) -> Iterator[Document | Broken]:
    """The documents of a list, up to the place where it is broken."""
    last, found = opening + 1, False
    try:
        for depth, begin, end in spans(file, opening, size):
            if depth == 1:
                yield from _stray(file, last, begin)
                yield _part(path, begin, end)
                last, found = end, True
            elif depth == 0:
                yield from _stray(file, last, end - 1)
                last = end
                if not found:
                    yield Broken(begin, "an empty list")
        yield from _stray(file, last, size)
    except Unbalanced as error:
        yield Broken(error.start, f"no JSON ({error})")


def _part(path: Path, begin: int, end: int) -> Document | Broken:
    """The document between two bytes."""
    if end - begin > LARGE:
        return next(_large(path, begin, end), Broken(begin, "no JSON"))
    with path.open("rb") as file:
        file.seek(begin)
        return _document(file.read(end - begin), begin)


def _large(path: Path, begin: int, end: int) -> Iterator[Document | Broken]:
    """Documents one behind another; the top level of each is held, and the place of its lists' items."""
    places: list[_Place] = []
    items = array("Q")
    try:
        with path.open("rb") as file:
            for depth, start, stop in spans(file, begin, end):
                if depth == 2:
                    items.extend((start, stop))
                elif depth == 1:
                    places.append(_Place(start, stop, items))
                    items = array("Q")
                else:
                    yield from _stray(file, begin, start)
                    yield _streamed(path, start, stop, places)
                    begin, places = stop, []
            yield from _stray(file, begin, end)
    except Unbalanced as error:
        yield Broken(error.start, f"no JSON ({error})")


def _streamed(path: Path, begin: int, end: int, places: list[_Place]) -> Document | Broken:
    try:
        return Streamed(path, begin, _outline(path, begin, end, places))
    except ValueError as error:
        return Broken(begin, f"no JSON ({error})")


def _outline(path: Path, begin: int, end: int, places: list[_Place]) -> dict[str, Any]:
    """The top level, with objects and lists as the place where they stand."""
    pieces = []
    with path.open("rb") as file:
        for number, place in enumerate(places):
            file.seek(begin)
            pieces += [file.read(place.begin - begin), b"[%d]" % number]
            begin = place.end
        file.seek(begin)
        pieces.append(file.read(end - begin))
    fields = decode(b"".join(pieces))
    if not isinstance(fields, dict):
        raise ValueError(f"no object, but {type(fields).__name__}")
    return {key: places[value[0]] if isinstance(value, list) else value for key, value in fields.items()}


def _stray(file: IO[bytes], begin: int, end: int) -> Iterator[Broken]:
    """What stands where nothing but a comma may stand."""
    if text := between(file, begin, end):
        yield Broken(begin, f"no object ({text[:20].decode('utf-8', 'replace')})")


def _nothing_between(file: IO[bytes], begin: int, end: int, key: str) -> None:
    if between(file, begin, end):
        raise ValueError(f"{key} has an item that is neither object nor list")
