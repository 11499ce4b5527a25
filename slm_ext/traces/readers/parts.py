"""The lines of a `calls.jsonl`, told apart by run: which are whose, and where every message stands.

The file may be larger than memory: one pass finds the places, then one run at a time is read.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import msgspec

from slm_ext.traces.reader import resolved
from slm_ext.traces.readers.decoding import NULL, WRONG_SHAPE, decode, given, position
from slm_ext.traces.readers.documents import Broken
from slm_ext.traces.readers.messages import plain
from slm_ext.traces.trace import Message

__all__ = ["Part", "find_parts", "read_part"]


@dataclass
class Part:
    """The lines of one run, or of one try of a host that started anew, as SWE-agent's retries do."""

    run_id: str
    attempt: int
    lines: list[int] = field(default_factory=list)
    step: int = 0


def find_parts(path: Path, begin: int) -> tuple[list[Part], dict[int, int], list[Broken]]:
    """(the parts of the file, hash of a message's hash → the line that has it, the lines that cannot be read).

    Lines are told by their first byte.
    """
    parts: list[Part] = []
    open_parts: dict[str, Part] = {}
    messages: dict[int, int] = {}
    broken: list[Broken] = []
    with path.open("rb") as file:
        file.seek(begin)
        for raw in file:
            offset, begin = begin, begin + len(raw)
            line = _line(raw, offset)
            if isinstance(line, Broken):
                broken.append(line)
            elif line is not None:
                _add(line, offset, parts, open_parts, messages)
    return parts, messages, broken


def read_part(
    file: IO[bytes], part: Part, messages: dict[int, int], path: Path, blobs: dict[str, Any]
) -> list[dict[str, Any]]:
    """The part's records, with every message in place."""

    def read(offset: int) -> dict[str, Any]:
        file.seek(offset)
        return decode(file.readline())

    records = [read(offset) for offset in part.lines]
    calls = [record["request"] for record in records if record["kind"] == "call"]
    wanted = {entry["sha256"] for request in calls for entry in request["messages"]}
    elsewhere = {messages[hash(sha)] for sha in wanted if hash(sha) in messages}.difference(part.lines)
    others = [read(offset) for offset in sorted(elsewhere)]
    for record in others:
        entries = record["request"]["messages"]
        record["request"]["messages"] = [entry for entry in entries if entry["sha256"] in wanted]
    resolved(records, path, others, blobs)
    once: dict[int, tuple[dict[str, Any], Message]] = {}
    for request in calls:
        sent = request["messages"]
        request["messages"] = [once.setdefault(id(message), (message, _plain(message)))[1] for message in sent]
    return records


class _Entry(msgspec.Struct):
    sha256: str
    message: msgspec.Raw = NULL


class _Request(msgspec.Struct):
    messages: list[_Entry]


class _Line(msgspec.Struct):
    kind: str
    run_id: str
    step: int = 0
    request: _Request | None = None


_LINES = msgspec.json.Decoder(_Line)


def _add(line: _Line, offset: int, parts: list[Part], open_parts: dict[str, Part], messages: dict[int, int]) -> None:
    part = open_parts.get(line.run_id)
    if part is None or (line.kind == "call" and line.step < part.step):
        part = open_parts[line.run_id] = Part(line.run_id, part.attempt + 1 if part else 1)
        parts.append(part)
    if line.kind == "call" and line.request is not None:
        part.step = line.step
        for entry in line.request.messages:
            if given(entry.message):
                messages[hash(entry.sha256)] = offset
    part.lines.append(offset)


def _line(raw: bytes, offset: int) -> _Line | Broken | None:
    """None for an empty line."""
    if not raw.strip():
        return None
    try:
        return _LINES.decode(raw)
    except (ValueError, RecursionError):
        pass  # what Python writes beyond the standard is read below
    try:
        record = decode(raw.rstrip())
    except ValueError as error:
        return Broken(offset + position(error), f"no JSON ({error})", torn=True)
    try:
        return _LINES.decode(json.dumps(_places(record)))
    except WRONG_SHAPE as error:
        return Broken(offset, f"no call record ({error})")


def _places(record: dict[str, Any]) -> dict[str, Any]:
    """What of a record its place is told by, without the messages themselves."""
    found = {name: record[name] for name in ("kind", "run_id", "step") if name in record}
    if record.get("request") is None:
        return found
    entries = record["request"]["messages"]
    there = [{"sha256": entry["sha256"], "message": None if entry["message"] is None else {}} for entry in entries]
    return found | {"request": {"messages": there}}


def _plain(message: dict[str, Any]) -> Message:
    found = plain(message)
    return message if found == message else found
