"""Which files are recorded runs, and the runs in them: a file, a run's folder, or a tree of folders.

Beside a trajectory its call records are read instead: they say most.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from slm_ext.errors import UsageError
from slm_ext.traces.readers import Problem, begins_like, begins_like_a_run, read_file
from slm_ext.traces.trace import Trace

__all__ = ["ALLOWED", "find_files", "find_traces", "iter_traces", "read_traces"]

ALLOWED = "a run folder, a calls.jsonl, a .traj of SWE-agent, a .traj.json of mini-swe-agent, ATIF or ADP"


def read_traces(path: Path | str) -> list[Trace]:
    """The runs that `path` tells of, oldest first: a `calls.jsonl` that was continued has several, and so
    has one of a host that started anew.

    Beside a trajectory its `calls.jsonl` is read instead.

    Raises:
        UsageError: it is not there, not a run's record, or cannot be read to its end.
    """
    path = Path(path)
    with _entering(f"read the run {path}"):
        return list(_strict([_of_one_run(path)]))


def _of_one_run(path: Path) -> Path:
    """The file that tells of the run at `path`."""
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
    return _preferred(path)


def find_traces(paths: Iterable[Path | str]) -> list[Trace]:
    """All runs in files and folders, ordered by path.

    Raises:
        UsageError: as `find_files`, or a record that cannot be read.
    """
    return list(_strict(find_files(paths)))


def iter_traces(files: Iterable[Path], on_problem: Callable[[Problem], None]) -> Iterator[Trace]:
    """The runs of files one by one; what cannot be read is told, and the rest is read."""
    for file in files:
        for found in read_file(file):
            if isinstance(found, Problem):
                on_problem(found)
            else:
                yield found


def find_files(paths: Iterable[Path | str]) -> list[Path]:
    """The files that hold runs, in files and folders; folders are searched to the bottom, each file counts once.

    Clones and earlier, interrupted tries inside a run folder are not looked at. In a folder a `.json` or `.jsonl` of
    another name counts where it begins like a run of a known format.

    Raises:
        UsageError: a path that is not there; a folder without a single run; one that cannot be entered.
    """
    files: dict[Path, Path] = {}
    for path in map(Path, paths):
        with _entering(f"find runs in {path}"):
            for one in _below(path):
                files.setdefault(one.resolve(), one)
    return [file for _, file in sorted(files.items())]


def _below(path: Path) -> list[Path]:
    if not path.is_dir():
        if not path.is_file():
            read_traces(path)  # says what is wrong
        return [_preferred(path)]
    found = [one for folder in _folders(path) for one in (*_in_folder(folder), *_others(folder))]
    if not found:
        raise UsageError(f"find runs in {path}", seen="none", allowed=ALLOWED)
    return found


@contextmanager
def _entering(attempted: str) -> Generator[None]:
    """Says which folder it was that could not be looked into."""
    try:
        yield
    except OSError as error:
        seen = f"{error.filename} cannot be entered ({error.strerror})"
        next_step = f"make {error.filename} readable, or name the folders beside it"
        raise UsageError(attempted, seen=seen, allowed="folders that may be read", next_step=next_step) from None


def _strict(files: Iterable[Path]) -> Iterator[Trace]:
    def refuse(problem: Problem) -> None:
        if problem.torn:
            return
        seen = problem.cause if not problem.offset else f"{problem.cause}, at byte {problem.offset}"
        raise UsageError(f"read the run {problem.file}", seen=seen, allowed=ALLOWED)

    return iter_traces(files, refuse)


def _others(folder: Path) -> list[Path]:
    """Files of other formats, which have no name of their own."""
    names = (path for path in folder.iterdir() if path.name.endswith((".json", ".jsonl")) and path.is_file())
    named = (path for path in names if not path.name.endswith(".traj.json") and path.name != "calls.jsonl")
    return sorted(path for path in named if begins_like_a_run(path))


def _preferred(path: Path) -> Path:
    """The call records beside a trajectory, where they are of the same run and there is something in them."""
    calls = path.parent / "calls.jsonl"
    if path.name.endswith(".jsonl") or not calls.is_file() or len(_trajectories(path.parent)) > 1:
        return path
    return calls if begins_like(calls) == "slm-calls" else path


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
    def refuse(error: OSError) -> None:
        raise error

    found = []
    for folder, below, names in os.walk(top, onerror=refuse):
        found.append(Path(folder))
        skipped = _OF_A_RUN if "run.json" in names or "calls.jsonl" in names else ()
        below[:] = sorted(name for name in below if name not in skipped and not name.startswith("."))
    return found
