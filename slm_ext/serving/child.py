"""The engine's process as its keeper holds it: started in a group of its own, drained into the log, ended to the last.

Standard library only (psutil where a process has to be ended), because the keeper lives on this.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

from .logdrain import LogDrain
from .processes import birth, end_group

__all__ = ["Child", "adopt_orphans"]


class Child:
    """One started process. Raises OSError where it cannot be started.

    Args:
        argv: command line, complete.
        cwd: its working directory.
        env: its whole environment.
        log_path: where its output goes; what is there moves to `<log>.1`.
    """

    def __init__(self, argv: list[str], *, cwd: Path, env: dict[str, str], log_path: Path):
        self._process = subprocess.Popen(
            argv,
            cwd=cwd,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=_die_with_parent if sys.platform == "linux" else None,
        )
        self.pid = self._process.pid
        self.born = birth(self.pid)
        self._drain = LogDrain(self._process.stdout, log_path)
        self._drain.start()

    @property
    def log_bytes(self) -> int:
        """How much it has printed."""
        return self._drain.bytes

    def ended(self) -> str:
        """`exit code 3` or `signal SIGKILL`; empty while it runs."""
        status = self._process.poll()
        if status is None:
            return ""
        if status >= 0:
            return f"exit code {status}"
        try:
            return f"signal {signal.Signals(-status).name}"
        except ValueError:
            return f"signal {-status}"

    def end(self, grace_s: float) -> None:
        """TERM, grace, KILL, reap; also what left the group. Afterwards the log is complete."""
        strays = _descendants()
        if end_group(self.pid, grace_s, reap=_reap):
            self._drain.note(f"slm-ext: KILL was needed {grace_s:g} s after TERM")
        for process in strays:
            _kill(process)
        _reap()
        self._drain.join(timeout=2)


def _descendants() -> list:
    import psutil

    return psutil.Process().children(recursive=True)


def _kill(process) -> None:
    import psutil

    with suppress(psutil.Error):
        process.kill()  # psutil checks the start time first


def _reap() -> None:
    """Collect every dead child, adopted ones too."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        pass


_libc = None


def adopt_orphans() -> None:
    """Linux: descendants whose parent dies become ours (PR_SET_CHILD_SUBREAPER), so that none is lost sight of."""
    global _libc
    if sys.platform == "linux":
        import ctypes

        _libc = ctypes.CDLL(None)
        _libc.prctl(36, 1, 0, 0, 0)


def _die_with_parent() -> None:
    """In the child, Linux: TERM when the keeper is killed (PR_SET_PDEATHSIG)."""
    if _libc is not None:
        _libc.prctl(1, int(signal.SIGTERM), 0, 0, 0)
