"""What a conversation has shown of files, and which edits in it can be taken back. Pure.

A tool whose call names a file shows lines of that file: its result is one line of head, then rows ``NUMBER|text``. The
heads ``edited PATH line N`` (or ``lines N-M``) and ``undone in PATH line N`` tell of edits; the numbers of lines shown
before move with them.
"""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

__all__ = ["History", "read_history"]

_ROW = re.compile(r"(\d+)\|(.*)", re.DOTALL)
_CUT = re.compile(r" … \d+ characters omitted$")
_EDITED = re.compile(r"edited (.+) lines? (\d+)(?:-(\d+))?$")
_UNDONE = re.compile(r"undone in (.+) lines? (\d+)(?:-\d+)?$")
_READ = re.compile(r"(.+?): (?:.*lines \d+-\d+ of \d+|empty)$")


@dataclass
class History:
    """What a conversation tells.

    Attributes:
        lines: path → line number → (text as last shown, index of the message that showed it).
        edits: path → (first line, number of lines) of each edit that is not undone, oldest first.
        named: path → index of the last call that named it.
        others: a tool was called of which nothing is declared: it may have changed any file or shown any line.
    """

    lines: dict[str, dict[int, tuple[str, int]]] = field(default_factory=dict)
    edits: dict[str, list[tuple[int, int]]] = field(default_factory=dict)
    named: dict[str, int] = field(default_factory=dict)
    others: bool = False


def read_history(messages: Sequence[dict], files: Mapping[str, str | None], offered: Sequence[str]) -> History:
    """Read a conversation.

    Args:
        messages: OpenAI-shaped; each call's result follows it as a message of role `tool`.
        files: declared tool → its argument that names a file, None for one without.
        offered: names of the tools that exist.
    """
    history = History()
    for at, name, arguments, result in _calls(messages):
        if name not in files:
            history.others |= name in offered
            continue
        given = arguments.get(files[name] or "")
        if isinstance(given, str) and given:
            _take(history, at, given, result)
    return history


def _calls(messages: Sequence[dict]) -> Iterator[tuple[int, str, dict[str, Any], str]]:
    """(index of the message, tool, arguments, result) of every call, in order."""
    for at, message in enumerate(messages):
        for call in message.get("tool_calls") or []:
            function = call["function"]
            arguments = function["arguments"]
            arguments = json.loads(arguments or "{}") if isinstance(arguments, str) else arguments
            result = ""
            for later in messages[at + 1 :]:
                if later["role"] != "tool":
                    break
                if later.get("tool_call_id") == call["id"]:
                    result = later["content"]
                    break
            yield at, function["name"], arguments, result


def _take(history: History, at: int, given: str, result: str) -> None:
    head, *rest = [line.removesuffix("\r") for line in result.split("\n")]
    edited, undone, read = _EDITED.match(head), _UNDONE.match(head), _READ.match(head)
    path = posixpath.normpath(given)
    if posixpath.isabs(path):
        found = edited or undone or read
        if found is None:
            return
        path = found.group(1)
    history.named[path] = at
    if edited:
        first, last = int(edited.group(2)), int(edited.group(3) or edited.group(2))
        history.edits.setdefault(path, []).append((first, last - first + 1))
        _move(history.lines.get(path, {}), first, 1, last - first + 1)
    elif undone:
        stack, first = history.edits.get(path, []), int(undone.group(2))
        _, span = stack.pop() if stack else (first, 1)
        _move(history.lines.get(path, {}), first, span, 1)
    rows = {}
    for line in rest:
        row = _ROW.fullmatch(line)
        if row is None:
            break
        rows[int(row.group(1))] = (row.group(2), at)
    if len(rows) == 1:
        rows = {number: (_CUT.sub("", text), at) for number, (text, _) in rows.items()}
    if rows:
        history.lines.setdefault(path, {}).update(rows)


def _move(lines: dict[int, tuple[str, int]], first: int, before: int, after: int) -> None:
    """`before` lines from `first` on became `after` lines: forget them, and move what follows."""
    kept = {n: shown for n, shown in lines.items() if n < first}
    kept |= {n - before + after: shown for n, shown in lines.items() if n >= first + before}
    lines.clear()
    lines.update(kept)
