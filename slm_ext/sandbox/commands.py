"""One command in a process group of its own: bounded in time, and gone when its caller is interrupted."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from slm_ext.sandbox.interrupts import held

__all__ = ["Finished", "end_survivors", "kill_all", "run_command"]

_GRACE_S = 2.0

_running: set[int] = set()
_survivors: dict[object, set[int]] = {}
_lock = threading.Lock()


@dataclass(frozen=True)
class Finished:
    """What a command left: `returncode` is -9 for one that was killed at its time limit."""

    returncode: int
    output: bytes
    errors: bytes
    timed_out: bool
    seconds: float

    @property
    def text(self) -> str:
        """Standard output as text; bytes that are not UTF-8 become U+FFFD."""
        return self.output.decode("utf-8", errors="replace")


def run_command(
    command: Sequence[str],
    *,
    cwd: Path | str,
    env: Mapping[str, str] | None = None,
    stdin: bytes = b"",
    timeout_s: float | None = None,
    merge: bool = False,
    owner: object = None,
) -> Finished:
    """Run `command` to its end and return what it printed.

    Args:
        env: the whole environment; None inherits ours.
        timeout_s: seconds after which the whole group is killed; what was printed until then is returned.
        merge: standard error goes into `output`, in the order it was written.
        owner: whose background processes these are; `end_survivors(owner)` kills those still alive.

    Raises:
        OSError: the program cannot be started.
    """
    start = time.monotonic()
    process = None
    try:
        with held():
            process = subprocess.Popen(
                list(command),
                cwd=cwd,
                env=None if env is None else dict(env),
                stdin=subprocess.PIPE if stdin else subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT if merge else subprocess.PIPE,
                start_new_session=True,
            )
            _running.add(process.pid)
        timed_out = False
        try:
            output, errors = process.communicate(stdin or None, timeout=timeout_s)
        except subprocess.TimeoutExpired:
            timed_out = True
            _end(process)
            output, errors = process.communicate()
        return Finished(process.returncode, output, errors or b"", timed_out, time.monotonic() - start)
    except BaseException:
        if process is not None:
            with held():
                _end(process)
            for pipe in (process.stdin, process.stdout, process.stderr):
                if pipe:
                    pipe.close()
        raise
    finally:
        if process is not None:
            with _lock:
                _running.discard(process.pid)
                if _alive(process.pid):
                    _survivors.setdefault(owner, set()).add(process.pid)


def end_survivors(owner: object = None) -> None:
    """Kill what commands of `owner` left running in the background."""
    with _lock:
        groups = _survivors.pop(owner, set())
    for group in groups:
        _kill(group)


def kill_all() -> None:
    """Kill every command in progress and every survivor, of all owners. For the end of the program only."""
    for group in [*_running, *(g for groups in _survivors.values() for g in groups)]:
        _kill(group)


def _end(process: subprocess.Popen) -> None:
    """End a command and all it started: TERM first, since a tool may have children in groups of their own to end."""
    import psutil

    family = []
    with contextlib.suppress(psutil.Error):
        family = psutil.Process(process.pid).children(recursive=True)
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGTERM)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(_GRACE_S)
    _kill(process.pid)
    for child in family:
        with contextlib.suppress(psutil.Error):
            child.kill()
    process.wait()


def _kill(group: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, signal.SIGKILL)


def _alive(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
