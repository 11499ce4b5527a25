"""The process that owns one server: `python -m slm_ext.serving.keeper STATE_DIR`.

It detaches, starts the engine of `launch.json` as a process group of its own, drains its output to the log, writes
`state.json`, and ends the engine and itself when no lease is live and the idle time is over, or on TERM. It never
imports mlx, nor anything else that is slow.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from . import leases, ports, states
from .logdrain import LogDrain
from .processes import birth, end_group
from .readiness import EngineFailed, Probe

__all__ = ["Keeper", "main"]

STARTING_TICK_S = 0.02
READY_TICK_S = 0.2
PORT_TRIES = 5


class Ended(Exception):
    """The keeper was told to stop, or nobody needs the server any more."""


class Keeper:
    """Owner of the server described in `folder/launch.json`, and the only writer of `folder/state.json`."""

    def __init__(self, folder: Path):
        self.folder = folder
        launch = states.read_json(folder / "launch.json")
        if launch is None:
            raise SystemExit(f"no launch.json in {folder}")
        self.launch = launch
        self.child: subprocess.Popen | None = None
        self.drain: LogDrain | None = None
        self.told_to_stop = False
        self.keep_until = time.monotonic()
        carried = ("engine", "model_path", "model_id", "identity", "log_path", "fingerprint")
        self.state: dict[str, Any] = {
            "state": "starting",
            "stage": "starting",
            "pid": os.getpid(),
            "start_time": birth(os.getpid()),
            "started_at": datetime.now(UTC).isoformat(timespec="seconds"),
            "child_pid": None,
            "child_start_time": None,
            "port": None,
            "base_url": None,
            "keep_until": None,
            "error": None,
            **{key: launch.get(key) for key in carried},
        }

    def publish(self, **changes) -> None:
        self.state.update(changes)
        states.write(self.folder, self.state)

    def run(self) -> int:
        """Start, keep, stop. Returns the exit status: 0 after a stop, 1 where the engine failed."""
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, self._on_signal)
        try:
            self.start()
            while True:
                self.watch()
                time.sleep(READY_TICK_S)
        except Ended:
            self.publish(state="stopping")
            self.end_child()
            self.publish(state="stopped", child_pid=None)
            return 0
        except EngineFailed as error:
            self.end_child()
            self.publish(state="failed", error={"kind": error.kind, "message": str(error)}, child_pid=None)
            return 1
        except BaseException as error:
            self.end_child()
            message = f"the keeper itself failed: {error!r}, see {self.folder / 'keeper.log'}"
            self.publish(state="failed", error={"kind": "keeper", "message": message}, child_pid=None)
            raise

    def _on_signal(self, number, frame) -> None:
        self.told_to_stop = True

    # -- starting ------------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Bring the engine to its first token; another port where somebody was quicker on the chosen one."""
        deadline = time.monotonic() + self.launch["startup_timeout_s"]
        fixed = self.launch["port"]
        for _ in range(1 if fixed else PORT_TRIES):
            port = fixed or ports.free_port(self.launch["host"])
            self.spawn(port)
            if self.await_bound(port, deadline):
                self.await_token(deadline)
                self.publish(state="ready", stage="ready")
                return
            self.end_child()
        who = ports.holder(port)
        raise EngineFailed("port_taken", f"port {port} is held by {who or 'another process'}")

    def spawn(self, port: int) -> None:
        host = self.launch["host"]
        base_url = f"http://{f'[{host}]' if ':' in host else host}:{port}/v1"
        argv = [part.replace("{port}", str(port)).replace("{host}", host) for part in self.launch["argv"]]
        try:
            self.child = subprocess.Popen(
                argv,
                cwd=self.folder,
                env={**os.environ, **self.launch["env"]},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=_die_with_parent if sys.platform == "linux" else None,
            )
        except OSError as error:
            raise EngineFailed("exited", f"{argv[0]} cannot be started: {error.strerror}") from error
        self.drain = LogDrain(self.child.stdout, Path(self.launch["log_path"]))
        self.drain.start()
        self.publish(
            child_pid=self.child.pid,
            child_start_time=birth(self.child.pid),
            port=port,
            base_url=base_url,
            stage="starting",
        )

    def await_bound(self, port: int, deadline: float) -> bool:
        """Wait until the child listens on `port`. False where it is somebody else who does."""
        while not ports.answers(self.launch["host"], port):
            self.starting_tick(deadline)
        if not ports.owned_by_group(self.state["child_pid"], port):
            return False
        self.publish(stage="loading")
        return True

    def await_token(self, deadline: float) -> None:
        """Wait until one token came back from the right model."""
        asked = Probe(self.state["base_url"], self.launch)
        while True:
            self.starting_tick(deadline)
            if asked.is_alive():
                continue
            if asked.error is None:
                return
            if not asked.again:
                raise asked.error
            asked = Probe(self.state["base_url"], self.launch)

    def starting_tick(self, deadline: float) -> None:
        self.watch()
        if time.monotonic() > deadline:
            seconds = self.launch["startup_timeout_s"]
            raise EngineFailed("timeout", f"no token within startup_timeout_s = {seconds:g} seconds")
        time.sleep(STARTING_TICK_S)

    # -- keeping -------------------------------------------------------------------------------------------------------

    def watch(self) -> None:
        """One look at everything that can end a server."""
        if self.told_to_stop:
            raise Ended
        status = self.child.poll() if self.child else None
        if status is not None:
            raise EngineFailed("exited", f"the server process ended with {_status(status)}")
        now = time.monotonic()
        ttls = leases.live(self.folder)
        if ttls:
            self.keep_until = max(self.keep_until, now + max(ttls))
            if self.state["keep_until"]:
                self.publish(keep_until=None)
        elif now >= self.keep_until:
            self.end_if_idle()
        elif not self.state["keep_until"]:
            self.publish(keep_until=time.time() + self.keep_until - now)

    def end_if_idle(self) -> None:
        """Under the clients' lock, so that nobody joins a server that is about to end."""
        from filelock import FileLock, Timeout

        try:
            with FileLock(self.folder / "lock", timeout=0):
                if leases.live(self.folder):
                    return
                self.publish(state="stopping")
                raise Ended
        except Timeout:
            return

    def end_child(self) -> None:
        """TERM, grace, KILL, reap; also what left the group. Safe to call again, and without a child."""
        child, drain, self.child = self.child, self.drain, None
        if child is None or drain is None:
            return
        strays = _descendants()
        if end_group(child.pid, self.launch["grace_s"], reap=_reap):
            drain.note(f"slm-ext: KILL was needed {self.launch['grace_s']:g} s after TERM")
        for process in strays:
            _kill(process)
        _reap()
        drain.join(timeout=2)


def _status(status: int) -> str:
    if status >= 0:
        return f"exit code {status}"
    try:
        return f"signal {signal.Signals(-status).name}"
    except ValueError:
        return f"signal {-status}"


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


def _adopt_orphans() -> None:
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


def main(arguments: list[str] | None = None) -> int:
    """Detach, then keep. The process that was called returns 0 as soon as the first state is written."""
    arguments = sys.argv[1:] if arguments is None else arguments
    if len(arguments) != 1 or not Path(arguments[0]).is_dir():
        print("usage: python -m slm_ext.serving.keeper STATE_DIR (a folder holding launch.json)", file=sys.stderr)
        return 2
    folder = Path(arguments[0]).resolve()
    reading, writing = os.pipe()
    if os.fork():
        os.close(writing)
        return 0 if os.read(reading, 1) else 1
    os.close(reading)
    os.setsid()
    log = os.open(folder / "keeper.log", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(log, 1)
    os.dup2(log, 2)
    _adopt_orphans()
    keeper = Keeper(folder)
    keeper.publish()
    os.write(writing, b"1")
    os.close(writing)
    return keeper.run()


if __name__ == "__main__":
    sys.exit(main())
