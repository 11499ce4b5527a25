"""Recorded runs as conversations, the same whoever recorded them: what was known before each answer, and who gave it.

`read_conversations` takes a run folder, a `calls.jsonl`, a `.traj` of SWE-agent or a `.traj.json` of mini. The call
records say most and are preferred: `from_records` reads them, `from_hosts` the hosts' own trajectories.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from slm_ext.errors import UsageError

__all__ = ["ALLOWED", "Call", "Conversation", "Turn", "find_conversations", "read_conversations", "refused"]

ALLOWED = "a run folder, a calls.jsonl, a .traj of SWE-agent or a .traj.json of mini-swe-agent"


@dataclass(frozen=True)
class Call:
    """One model call. None is what the record does not say."""

    status: str
    """`ok`, `rejected`, `resampled`, `overflow`, `provider_down` or `interrupted`."""
    provider: str | None = None
    model: str | None = None
    """The model's own name, where no provider is recorded."""
    tool: str = ""
    """The tool that was called; empty where no call was taken."""
    arguments: dict[str, Any] = field(default_factory=dict)
    said: str = ""
    """Why it was not taken: the rule that the reply broke, or the error."""
    prompt_tokens: int | None = None
    """As the server counted them."""
    cached_tokens: int | None = None
    reply_tokens: int | None = None
    seconds: float | None = None
    """Until the answer was there."""
    ended_at: float | None = None
    """Unix time, in seconds."""
    requests: int = 1
    route: dict[str, Any] | None = None
    """The `RouteDecision`."""
    context: dict[str, Any] | None = None
    """The `ContextEvent`."""

    @property
    def summary(self) -> bool:
        """Whether it wrote a summary for another call, and no answer."""
        return bool(self.route) and self.route.get("cause") == "summarize"


@dataclass(frozen=True)
class Turn:
    """One answer that the host asked for, with all calls it took; the last one is the answer, or the failure."""

    step: int
    attempt: int
    """1 for a step's first; one more for each reply to it that was rejected."""
    messages: tuple[dict[str, Any], ...]
    """The conversation as the host had it, nothing left out, calls of tools in OpenAI's form. A call that was rejected
    is a text: nobody ran it."""
    calls: tuple[Call, ...]

    @property
    def answer(self) -> Call:
        """The last call."""
        return self.calls[-1]


@dataclass(frozen=True)
class Conversation:
    """One run."""

    source: Path
    """The file that was read."""
    instance_id: str
    run_id: str
    host: str
    """`mini`, `sweagent`, or empty where nothing says so."""
    turns: tuple[Turn, ...]
    resolved: bool | None = None
    submitted: bool | None = None
    exit_status: str | None = None
    """None: the run was cut off, or its end is not recorded."""

    @property
    def providers(self) -> list[str]:
        """Who gave answers, in the order of their first."""
        names = (turn.answer.provider for turn in self.turns if turn.answer.status in ("ok", "rejected"))
        return [name for name in dict.fromkeys(names) if name]

    @property
    def routed(self) -> bool:
        """Whether who answered was recorded."""
        return any(call.route for turn in self.turns for call in turn.calls)


def read_conversations(path: Path | str) -> list[Conversation]:
    """The runs that `path` tells of, oldest first: a `calls.jsonl` that was continued has several, and so
    has one of a host that started anew.

    Beside a trajectory its `calls.jsonl` is read instead.

    Raises:
        UsageError: it is not there, or not a run's record.
    """
    path = Path(path)
    attempted = f"read the run {path}"
    if path.is_dir():
        found = _in_folder(path)
        if not found:
            names = ", ".join(sorted(entry.name for entry in path.iterdir())[:8]) or "an empty folder"
            below = next((folder for folder in sorted(path.iterdir()) if folder.is_dir() and _in_folder(folder)), None)
            next_step = f"name one run, such as {below}" if below else ""
            raise UsageError(attempted, seen=names, allowed=ALLOWED, next_step=next_step)
        if len(found) > 1:
            seen = f"{len(found)} trajectories: {', '.join(one.name for one in found[:5])}"
            raise UsageError(attempted, seen=seen, allowed="one run", next_step=f"name one of them: {found[0]}")
        path = found[0]
    if not path.is_file():
        raise UsageError(attempted, seen="no such file or folder", allowed=ALLOWED)
    if not _is_record(path.name):
        raise UsageError(attempted, seen=f"a file called {path.name}", allowed=ALLOWED)
    return _read(path)


def find_conversations(paths: Iterable[Path | str]) -> list[Conversation]:
    """All runs in files and folders; folders are searched to the bottom, each run counts once, ordered by path.

    Clones and earlier, interrupted tries inside a run folder are not looked at.

    Raises:
        UsageError: a path that is not there, or a record that cannot be read; a folder without a single run.
    """
    files: dict[Path, Path] = {}
    for path in map(Path, paths):
        if not path.is_dir():
            if not path.is_file() or not _is_record(path.name):
                read_conversations(path)  # says what is wrong
            chosen = _preferred(path)
            files.setdefault(chosen.resolve(), chosen)
            continue
        found = [one for folder in _folders(path) for one in _in_folder(folder)]
        if not found:
            raise UsageError(f"find runs in {path}", seen="none", allowed=ALLOWED)
        for one in found:
            files.setdefault(one.resolve(), one)
    return [run for _, file in sorted(files.items()) for run in _read(file)]


def refused(content: str, calls: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """The message of a reply that was rejected."""
    functions = [call.get("function") or {} for call in calls]
    told = [f"{function.get('name') or ''} {function.get('arguments') or ''}".strip() for function in functions]
    return {"role": "assistant", "content": "\n".join(part for part in (content, *told) if part)}


def _read(path: Path) -> list[Conversation]:
    from slm_ext.traces.from_hosts import read_mini, read_sweagent
    from slm_ext.traces.from_records import read_records

    path = _preferred(path)
    if path.name.endswith(".jsonl"):
        return read_records(path)
    try:
        return [read_mini(path) if path.name.endswith(".json") else read_sweagent(path)]
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        seen = f"a trajectory of another shape ({error})"
        raise UsageError(f"read the run {path}", seen=seen, allowed=ALLOWED) from None


def _is_record(name: str) -> bool:
    return name.endswith((".traj", ".traj.json", ".jsonl"))


def _preferred(path: Path) -> Path:
    """The call records beside a trajectory, where they are of the same run."""
    calls = path.parent / "calls.jsonl"
    alone = len(_trajectories(path.parent)) <= 1
    return calls if not path.name.endswith(".jsonl") and alone and calls.is_file() else path


def _in_folder(folder: Path) -> list[Path]:
    """The records right in this folder."""
    found = [_preferred(path) for path in _trajectories(folder)]
    calls = folder / "calls.jsonl"
    if calls.is_file() and not found:
        found = [calls]
    return list(dict.fromkeys(found))


def _trajectories(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.is_file() and path.name.endswith((".traj", ".traj.json")))


_OF_A_RUN = ("repo", "work", "blobs", "attempts")
"""Folders inside a run folder that hold no records of it."""


def _folders(top: Path) -> list[Path]:
    found = []
    for folder, below, names in os.walk(top):
        found.append(Path(folder))
        skipped = _OF_A_RUN if "run.json" in names or "calls.jsonl" in names else ()
        below[:] = sorted(name for name in below if name not in skipped and not name.startswith("."))
    return found
