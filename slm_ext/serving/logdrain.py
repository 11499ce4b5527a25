"""The thread that empties a server's output pipe into its log, so that a talkative server never blocks.

The log is bounded: past `LIMIT` bytes it moves to `<log>.1` and begins anew.
"""

from __future__ import annotations

import os
import shutil
import threading
from contextlib import suppress
from pathlib import Path

__all__ = ["LogDrain", "keep_copy"]

LIMIT = 16 * 1024 * 1024
COPIES = 9


def keep_copy(log: Path) -> None:
    """Copy `server.log` to `server.stall-1.log`, or the next free number; the last one is taken again and again."""
    numbered = [log.with_name(f"{log.stem}.stall-{number}{log.suffix}") for number in range(1, COPIES + 1)]
    with suppress(OSError):
        shutil.copy(log, next((path for path in numbered if not path.exists()), numbered[-1]))


class LogDrain(threading.Thread):
    """Copies `stream` to `path` until its last writer is gone. Starting keeps the previous log as `<log>.1`."""

    def __init__(self, stream, path: Path):
        super().__init__(daemon=True)
        self.stream, self.path = stream, path
        self.bytes = 0
        """What came so far."""
        self._rotate()

    def run(self) -> None:
        while chunk := os.read(self.stream.fileno(), 65536):
            self.bytes += len(chunk)
            self._write(chunk)
        self.stream.close()

    def note(self, text: str) -> None:
        """Add a line of our own."""
        self._write(f"{text}\n".encode())

    def _write(self, chunk: bytes) -> None:
        try:
            if self.path.stat().st_size + len(chunk) > LIMIT:
                self._rotate()
            with open(self.path, "ab") as log:
                log.write(chunk)
        except OSError:  # a full disk must not stop the server; its output is lost, the pipe stays empty
            pass

    def _rotate(self) -> None:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            if self.path.exists():
                os.replace(self.path, f"{self.path}.1")
            self.path.touch(mode=0o600)
        except OSError:
            pass
