"""`acquire(provider)`: join the live server of the same fingerprint, or start one; hold a lease on it until released.

Many processes and threads may acquire at once: under the fingerprint's file lock one of them starts the keeper, the
others join. Waiting for the first token happens outside of the lock.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from slm_ext import paths
from slm_ext.errors import ServingError, StartFailed, WrongModel

from . import leases, ports, states
from .handle import ServerHandle
from .identity import Identity
from .launch import Launch, launch_for
from .processes import alive, end_group

__all__ = ["acquire", "hold"]

OnEvent = Callable[[str, str], None]
POLL_S = 0.02


def acquire(provider, log_dir: Path | str | None = None, on_event: OnEvent | None = None) -> ServerHandle:
    """A ready endpoint for `provider`; use it in a `with` statement.

    Args:
        provider: a registry entry. With `server` it is managed; with `api_base` nothing is started.
        log_dir: folder for the log of a server that is started here; default: beside its state.
        on_event: called with (stage, message); stages: checking, starting, loading, joined, ready, stopping, stopped.

    Raises:
        MissingExtra, ServingError: before anything is started.
        StartFailed: it ended or was not ready in time; nothing is left running, the last 20 log lines are shown.
        WrongModel: it answers as another model.
    """
    if provider.server is None:
        return ServerHandle(
            base_url=provider.api_base,
            token=provider.resolve_api_key(),
            model_id=provider.model,
            identity=Identity(kind="declared", model_id=provider.model),
        )
    tell = on_event or (lambda stage, message: None)
    tell("checking", f"{provider.name}: model files")
    return hold(launch_for(provider), log_dir=log_dir, on_event=on_event)


def hold(launch: Launch, log_dir: Path | str | None = None, on_event: OnEvent | None = None) -> ServerHandle:
    """Like `acquire`, for a launch that is already made."""
    tell = on_event or (lambda stage, message: None)
    folder = paths.servers_dir() / launch.fingerprint
    _make(folder)
    if log_dir is not None and not launch.log_path:
        launch.log_path = str(Path(log_dir).resolve() / "server.log")
    launch.log_path = launch.log_path or str(folder / "server.log")
    lease = leases.take(folder, launch.ttl_s)  # first of all: from here on nothing ends because nobody holds it
    try:
        _join_or_start(folder, launch, tell)
        state = _await_ready(folder, launch, tell)
    except BaseException:
        _give_back(folder, lease, launch, tell)
        raise
    handle = ServerHandle(
        pid=state["child_pid"],
        base_url=state["base_url"],
        token="dummy",  # mlx_lm.server has no authentication; OpenAI clients want some key
        model_id=state["model_id"],
        identity=Identity(**state["identity"]),
        state="ready",
        started_at=state["started_at"],
        log_path=state["log_path"],
    )
    handle._folder = folder
    handle._release = lambda: _give_back(folder, lease, launch, tell)
    return handle


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not os.access(folder, os.W_OK):
            raise PermissionError(13, "not writable", str(folder))
    except OSError as error:
        raise ServingError(
            "keep the state of a local server",
            seen=f"{folder}: {error.strerror}",
            allowed="a writable folder",
            next_step="export SLM_HOME=FOLDER",
        ) from None


def _join_or_start(folder: Path, launch: Launch, tell: OnEvent) -> None:
    """Returns when there is a server that is starting or ready. The caller holds a lease."""
    from filelock import FileLock

    while True:
        with FileLock(folder / "lock"):
            state = states.read(folder)
            if not states.keeper_alive(state):
                end_orphan(state)
                _refuse_taken_port(launch)
                tell("starting", f"server for {launch.model_path}")
                return _start_keeper(folder, launch)
            if state["state"] in ("starting", "ready", "degraded"):
                return tell("joined", f"server pid {state['child_pid'] or state['pid']}")
        time.sleep(POLL_S)  # it is stopping; its keeper ends within the grace time


def _start_keeper(folder: Path, launch: Launch) -> None:
    """Returns once the keeper wrote its first state. The caller holds the lock."""
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


def _await_ready(folder: Path, launch: Launch, tell: OnEvent) -> dict[str, Any]:
    """The state of the ready server. The keeper keeps the time; it always settles."""
    began, told = time.monotonic(), "starting"
    while True:
        state = states.read(folder) or {"state": "failed", "error": {"kind": "keeper", "message": "its state is gone"}}
        if state["state"] == "ready":
            tell("ready", f"after {time.monotonic() - began:.1f} s, {state['base_url']}")
            return state
        if state["state"] in ("failed", "stopped") or not states.keeper_alive(state):
            state = states.read(folder) or state  # it may have settled between the two looks
            _await_keeper_end(state, 5)
            if state["state"] != "ready":
                raise _start_error(state, launch)
        if state.get("stage") == "loading" and told != "loading":
            told = "loading"
            tell("loading", launch.model_path)
        time.sleep(POLL_S)


def _start_error(state: dict[str, Any], launch: Launch) -> ServingError:
    attempted = f"start the server for {launch.model_path}"
    error = state.get("error") or {}
    kind, message = error.get("kind"), error.get("message") or f"its keeper is gone, state {state['state']!r}"
    if kind == "port_taken":
        return ServingError(
            attempted, seen=message, allowed="a free port", next_step="set `port: 0` to take a free one"
        )
    if kind == "wrong_model":
        return WrongModel(
            attempted, seen=message, allowed=f"model {launch.model_id!r}", next_step="correct the provider"
        )
    log = state.get("log_path") or launch.log_path
    longer = "; raise startup_timeout_s where the model needs longer to load" if kind == "timeout" else ""
    return StartFailed(attempted, seen=message, next_step=f"read {log}{longer}", log_tail=states.log_tail(log))


def _give_back(folder: Path, lease: Path, launch: Launch, tell: OnEvent) -> None:
    """Drop the lease. Where that ends the server, wait for its end (a second Ctrl-C stops the waiting, not the end)."""
    lease.unlink(missing_ok=True)
    state = states.read(folder)
    if not states.keeper_alive(state):
        end_orphan(state)
        return
    told = False
    deadline = time.monotonic() + launch.grace_s + 10
    while launch.ttl_s == 0 and states.keeper_alive(state) and time.monotonic() < deadline:
        settling = (states.read(folder) or {}).get("state") in ("stopping", "stopped", "failed")
        if not settling and (leases.live(folder) or _kept_by_others(folder)):
            return
        if not told:
            told = True
            tell("stopping", f"server pid {state['child_pid'] or state['pid']}")
        time.sleep(POLL_S)
    if told:
        tell("stopped", "server ended")


def _kept_by_others(folder: Path) -> bool:
    """Whether an earlier holder's idle time is not over yet; the keeper publishes it as the last lease ends."""
    return ((states.read(folder) or {}).get("keep_until") or 0) > time.time()


def _await_keeper_end(state: dict[str, Any], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while states.keeper_alive(state) and time.monotonic() < deadline:
        time.sleep(POLL_S)


def end_orphan(state: dict[str, Any] | None) -> None:
    """End the engine of a keeper that was killed. A later process with that pid is left alone."""
    if state and not states.keeper_alive(state) and alive(state.get("child_pid"), state.get("child_start_time")):
        end_group(state["child_pid"], 2)


def _refuse_taken_port(launch: Launch) -> None:
    if launch.port and not ports.is_free(launch.host, launch.port):
        who = ports.holder(launch.port)
        raise ServingError(
            f"serve {launch.model_path} on port {launch.port}",
            seen=f"the port is held by {who}" if who else "the port is taken by another process",
            allowed="a free port, or `port: 0` to have one chosen",
            next_step=f"stop {who or 'that process'}, or set another port",
        )
