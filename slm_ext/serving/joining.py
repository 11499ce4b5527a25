"""Under the lock of a state folder: join the server that lives there, or start its keeper. `acquisition` calls this."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from slm_ext import paths
from slm_ext.errors import ServingError, StartFailed

from . import deaths, ports, states
from .launch import Launch
from .processes import end_group

__all__ = ["OnEvent", "crash_loop", "end_orphan", "join_or_start", "writing"]

OnEvent = Callable[[str, str], None]
POLL_S = 0.02
PORT_PATIENCE_S = 1.0


def join_or_start(folder: Path, launch: Launch, tell: OnEvent) -> None:
    """Returns when there is a server that is starting or up. The caller holds a lease.

    Raises:
        StartFailed: it died three times within ten minutes, or its keeper does not start.
        ServingError: its port is taken, or it does not fit into memory.
    """
    from filelock import FileLock

    while True:
        with FileLock(folder / "lock"):
            state = states.read(folder)
            if not states.keeper_alive(state):
                end_orphan(state)
                if deaths.is_loop(deaths.carried(state, now := time.time()), now):
                    raise crash_loop(state or {}, launch)
                _refuse_taken_port(launch)
                if launch.before_start is not None:
                    launch.config = {**(launch.config or {}), **launch.before_start()}
                tell("starting", f"server for {launch.model_path}")
                return _start_keeper(folder, launch)
            if state["state"] in ("starting", *states.UP):
                return tell("joined", f"server pid {state['child_pid'] or state['pid']}")
        time.sleep(POLL_S)  # it is stopping; its keeper ends within the grace time


def crash_loop(state: dict[str, Any], launch: Launch) -> StartFailed:
    """The refusal to start what died again and again, with the log's end at its last death."""
    error = state.get("error") or {}
    log = state.get("log_path") or launch.log_path
    name = launch.name or state.get("name") or "NAME"
    return StartFailed(
        f"start the server for {launch.model_path}",
        seen=error.get("message") or f"it died {deaths.MOST} times within ten minutes",
        allowed="fewer deaths, or ten minutes of rest",
        next_step=f"read {log}; then `slm stop {name}` forgets these deaths and it may be started again",
        log_tail=error.get("log_tail") or states.log_tail(log),
    )


@contextmanager
def writing(folder: Path) -> Generator[None]:
    """Turns an OSError, as of a full disk, into a ServingError about the state folder."""
    try:
        yield
    except OSError as error:
        raise ServingError(
            "keep the state of a local server",
            seen=f"{folder}: {error.strerror}",
            allowed="a writable folder on a disk with room",
            next_step="make room, or export SLM_HOME=FOLDER",
        ) from None


def end_orphan(state: dict[str, Any] | None) -> None:
    """End the engine of a keeper that was killed. A later process with that pid is left alone."""
    if state and not states.keeper_alive(state) and states.child_alive(state):
        end_group(state["child_pid"], 2)


def _start_keeper(folder: Path, launch: Launch) -> None:
    """Returns once the keeper wrote its first state. The caller holds the lock."""
    with writing(folder):
        launch.write(folder)
    started = subprocess.run(
        [sys.executable, "-m", "slm_ext.serving.keeper", str(folder)],
        cwd=Path(__file__).resolve().parents[2],  # `-m` finds the package there, installed or not
        env={**os.environ, **launch.secret_env},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,  # Ctrl-C on the terminal is for the client
    )
    if started.returncode != 0:
        tail = started.stderr.decode("utf-8", "replace") or states.log_tail(folder / "keeper.log")
        raise StartFailed("start the server's keeper", seen=f"exit code {started.returncode}", log_tail=tail)


def _refuse_taken_port(launch: Launch) -> None:
    if launch.port and not _comes_free(launch.host, launch.port):
        ours = _server_on(launch.port)
        if ours is not None:
            name = ours.get("name") or ours["fingerprint"]
            raise ServingError(
                f"serve {launch.model_path} on port {launch.port}",
                seen=f"the port is taken by the server of {name!r}, with other settings",
                allowed="a free port, or `port: 0` to have one chosen",
                next_step=f"slm stop {name}, or set another port",
            )
        who = ports.holder(launch.port)
        raise ServingError(
            f"serve {launch.model_path} on port {launch.port}",
            seen=f"the port is held by {who}" if who else "the port is taken by another process",
            allowed="a free port, or `port: 0` to have one chosen",
            next_step=f"stop {who or 'that process'}, or set another port",
        )


def _comes_free(host: str, port: int) -> bool:
    """Whether a port is free, or soon: a server that has just died, or a passing connection, may hold it still."""
    deadline = time.monotonic() + PORT_PATIENCE_S
    while not ports.is_free(host, port):
        if time.monotonic() > deadline or _server_on(port) is not None:
            return False
        time.sleep(POLL_S)
    return True


def _server_on(port: int) -> dict[str, Any] | None:
    """The state of the server of ours that has `port`."""
    found = (states.read(path.parent) for path in paths.servers_dir().glob("*/state.json"))
    return next((state for state in found if states.keeper_alive(state) and state.get("port") == port), None)
