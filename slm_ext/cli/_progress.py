"""What a person sees of a download: one bar with an estimate on a terminal, plain lines in a pipe."""

from __future__ import annotations

import os
from types import TracebackType
from typing import IO, Any

__all__ = ["make_progress"]

WAITING = "another slm pull is fetching it, waiting"
STEP = 10
"""Percent of all bytes between two plain lines."""


def make_progress(stream: IO[str], listings: list[Any], *, quiet: bool = False) -> Plain | Bar:
    """A `progress` of `fetch`, to be used in a `with` statement.

    Args:
        stream: where it is shown.
        listings: all that is fetched; its bytes are the total.
        quiet: shows nothing.
    """
    total = sum(listing.bytes for listing in listings)
    if not quiet and total and stream.isatty() and os.environ.get("TERM") != "dumb":
        return Bar(stream, total)
    return Plain(None if quiet else stream, total)


class _Progress:
    def __enter__(self):
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        pass


class Plain(_Progress):
    """A line per file, and one at every tenth of all bytes."""

    def __init__(self, stream: IO[str] | None, total: int):
        self._stream, self._total, self._done, self._told = stream, total, 0, 0

    def __call__(self, event: str, file: Any, number: int) -> None:
        from slm_ext.serving.memory import readable

        if event == "start":
            had = ", here" if number == file.bytes else f", {readable(number)} of it are here" if number else ""
            self._say(f"{file.name}: {readable(file.bytes)}{had}")
            self._done += number
            self._told = max(self._told, self._percent())
        elif event in ("bytes", "back"):
            self._done += number if event == "bytes" else -number
            if self._percent() >= self._told + STEP:
                self._told = self._percent()
                self._say(f"  {self._told} %, {readable(self._done)} of {readable(self._total)}")
        elif event == "wait":
            self._say(WAITING)
        elif event == "check" and file.bytes > 100_000_000:
            self._say(f"  checking {file.name}")

    def _percent(self) -> int:
        return 100 * self._done // self._total if self._total else 100

    def _say(self, text: str) -> None:
        if self._stream is not None:
            print(text, file=self._stream, flush=True)


class Bar(_Progress):
    """One bar over all bytes: the file at work, speed, and the time that is left."""

    def __init__(self, stream: IO[str], total: int):
        from rich.console import Console
        from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn
        from rich.progress import TransferSpeedColumn as Speed

        columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), Speed(), TimeRemainingColumn())
        self._progress = Progress(*columns, console=Console(file=stream))
        self._task = self._progress.add_task("", total=total)

    def __enter__(self):
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._progress.stop()

    def __call__(self, event: str, file: Any, number: int) -> None:
        if event in ("start", "check"):
            self._progress.update(self._task, description="checking " * (event == "check") + file.name)
        if event == "wait":
            self._progress.update(self._task, description=WAITING)
        if event in ("start", "bytes", "back"):
            self._progress.advance(self._task, -number if event == "back" else number)
