"""The process that owns one server: `python -m slm_ext.serving.keeper STATE_DIR`.

It detaches, starts the engine of `launch.json` as a process group of its own, drains its output to the log, writes
`state.json`, starts the engine again when it died or hangs, and ends it and itself when no lease is live and the idle
time is over, or on TERM. It never imports mlx, nor anything else that is slow.

`starting` has the start up to the first token, `watching` whether a server that was ready still works, `deaths` when
starting it again would be no use.
"""

from __future__ import annotations

import os
import secrets
import signal
import sys
import time
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from . import deaths, leases, states
from .child import adopt_orphans
from .logdrain import keep_copy
from .processes import birth
from .readiness import EngineFailed
from .starting import Start
from .watching import Watcher

__all__ = ["Keeper", "main"]

READY_TICK_S = 0.2
STUCK_GRACE_S = 2


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
        self.token = secrets.token_urlsafe(32) if launch["port_from_child"] else ""
        self.current: Start | None = None
        self.was_ready = False
        self.unwritten: bool | None = None  # None: it was never written
        self.told_to_stop = False
        self.keep_until = time.monotonic()
        self.idle_s = 0.0  # that the last lease asked for
        self.watcher: Watcher | None = None
        carried = ("engine", "name", "model_path", "model_id", "identity", "log_path", "fingerprint")
        self.state: dict[str, Any] = {
            "state": "starting",
            "stage": "starting",
            "pid": os.getpid(),
            "start_time": birth(os.getpid()),
            "started_at": _now(),
            "launch_id": None,
            "child_pid": None,
            "child_start_time": None,
            "port": None,
            "base_url": None,
            "keep_until": None,
            "load_s": (states.read(folder) or {}).get("load_s"),
            "late": None,
            "error": None,
            "deaths": deaths.carried(states.read(folder), time.time()),
            "restarts": 0,
            **{key: launch.get(key) for key in carried},
        }

    def publish(self, **changes) -> None:
        """Change the state. After the first time a full disk is no failure: it is written when there is room."""
        self.state.update(changes)
        try:
            states.write(self.folder, self.state)
            self.unwritten = False
        except OSError as error:
            if self.unwritten is None:
                raise
            self.unwritten = True
            _log(f"state.json cannot be written: {error}")

    def run(self) -> int:
        """Start, keep, stop. Returns the exit status: 0 after a stop, 1 where the engine failed."""
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, self._on_signal)
        try:
            self.live()
        except Ended:
            self.publish(state="stopping")
            self.end_child()
            died = [] if self.told_to_stop else self.state["deaths"]  # a stop on request forgets them
            self.publish(state="stopped", child_pid=None, deaths=died)
            return 0
        except EngineFailed as error:
            self.end_child()
            tail = states.log_tail(self.launch["log_path"])
            self.publish(
                state="failed", error={"kind": error.kind, "message": str(error), "log_tail": tail}, child_pid=None
            )
            return 1
        except BaseException as error:
            self.end_child()
            message = f"the keeper itself failed: {error!r}, see {self.folder / 'keeper.log'}"
            self.publish(state="failed", error={"kind": "keeper", "message": message}, child_pid=None)
            raise
        finally:
            for name in ("token", "ready.json"):
                (self.folder / name).unlink(missing_ok=True)
        return 0

    def live(self) -> None:
        """From the first start, over the deaths, to the end. Raises Ended or EngineFailed."""
        leases.left(self.folder)  # what was wished of the server before this one is over
        if self.token:
            states.write_text(self.folder / "token", self.token)
        while True:
            try:
                self.start()
                self.keep()
            except EngineFailed as error:
                if not self.was_ready:
                    raise
                self.mourn(error)

    def start(self) -> None:
        """Bring the engine to its first token."""
        self.current, began = Start(self), time.monotonic()
        found = self.current.run()
        self.was_ready = True
        self.publish(state="ready", stage="ready", load_s=round(time.monotonic() - began, 3), **found)

    def keep(self) -> None:
        """Until it ends: publish how it fares. Raises Ended, or EngineFailed where it died or is stuck."""
        watcher = self.watcher = Watcher(self.current, self.launch)
        try:
            while True:
                self.watch()
                verdict = watcher.verdict
                if verdict.stuck:
                    raise EngineFailed("stalled", verdict.stuck)
                state = "degraded" if verdict.late else "ready"
                if state != self.state["state"] or self.unwritten:
                    self.publish(state=state, late=verdict.late or None)
                time.sleep(READY_TICK_S)
        finally:
            watcher.close()
            self.watcher = None

    def mourn(self, error: EngineFailed) -> None:
        """After a death. Returns where the server should be started again."""
        now = time.time()
        died = deaths.recent([*self.state["deaths"], now], now)
        self.publish(state="starting", stage="restarting", late=None, deaths=died, launch_id=None)
        self.was_ready = False
        self.end_child(min(self.launch["grace_s"], STUCK_GRACE_S))
        if error.kind == "stalled":
            keep_copy(Path(self.launch["log_path"]))
        if deaths.is_loop(died, now):
            raise EngineFailed("crash_loop", f"it died {len(died)} times within ten minutes; the last time: {error}")
        if not leases.live(self.folder) and time.monotonic() >= self.keep_until:
            raise error
        self.publish(child_pid=None, restarts=self.state["restarts"] + 1)

    def watch(self) -> None:
        """One look at everything that can end a server."""
        if self.told_to_stop:
            raise Ended
        child = self.current.child if self.current else None
        if child and (how := child.ended()):
            raise EngineFailed("exited", f"the server process ended with {how}")
        if self.heed_leases():
            if self.state["keep_until"]:
                self.publish(keep_until=None)
            return
        now = time.monotonic()
        if self.idle_s and self.watcher is not None and self.watcher.used_at is not None:
            self.keep_until = max(self.keep_until, self.watcher.used_at + self.idle_s)  # somebody asks without a lease
        if now >= self.keep_until:
            self.end_if_idle()
        elif abs((self.state["keep_until"] or 0) - (until := time.time() + self.keep_until - now)) > 1:
            self.publish(keep_until=until)

    def heed_leases(self) -> bool:
        """Put the end off as leases ask for, also those given back since the last look. True: one lives."""
        live, left = leases.live(self.folder), leases.left(self.folder)
        if live or left:
            self.idle_s = max(live + left)
            self.keep_until = max(self.keep_until, time.monotonic() + self.idle_s)
        return bool(live)

    def end_if_idle(self) -> None:
        """Under the clients' lock, so that nobody joins a server that is about to end."""
        from filelock import FileLock, Timeout

        try:
            with FileLock(self.folder / "lock", timeout=0):
                if self.heed_leases() or time.monotonic() < self.keep_until:
                    return
                self.publish(state="stopping")
                raise Ended
        except Timeout:
            return

    def end_child(self, grace_s: float | None = None) -> None:
        """End the process of the current start. Safe to call again, and before any start."""
        start, self.current = self.current, None
        if start is not None and start.child is not None:
            start.child.end(self.launch["grace_s"] if grace_s is None else grace_s)

    def _on_signal(self, number, frame) -> None:
        self.told_to_stop = True


def _log(text: str) -> None:
    with suppress(OSError):  # on the disk that is full
        print(f"{_now()} {text}", flush=True)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


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
    adopt_orphans()
    keeper = Keeper(folder)
    keeper.publish()
    os.write(writing, b"1")
    os.close(writing)
    return keeper.run()


if __name__ == "__main__":
    sys.exit(main())
