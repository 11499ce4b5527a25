"""Wait until the server of a state folder is ready, or until it is known why it will not be."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from slm_ext.errors import ServingError, StartFailed, WrongModel

from . import probe, states
from .joining import OnEvent, crash_loop
from .launch import Launch

__all__ = ["await_answering", "await_ready"]

POLL_S = 0.02


def await_ready(folder: Path, launch: Launch, tell: OnEvent, deadline: float | None = None) -> dict[str, Any]:
    """The state of the ready server, with its `token`. The keeper keeps the time; it always settles.

    Args:
        deadline: of the monotonic clock, for callers that wait no longer.

    Raises:
        StartFailed, WrongModel, ServingError: why it is not ready.
    """
    began, told = time.monotonic(), "starting"
    while True:
        state = states.read(folder) or {"state": "failed", "error": {"kind": "keeper", "message": "its state is gone"}}
        if state["state"] == "ready" and (token := _token(folder, state)) is not None:
            tell("ready", f"after {time.monotonic() - began:.1f} s, {state['base_url']}")
            return {**state, "token": token}
        if state["state"] in ("failed", "stopped") or not states.keeper_alive(state):
            state = states.read(folder) or state  # it may have settled between the two looks
            _await_keeper_end(state, 5)
            if state["state"] != "ready" or not states.keeper_alive(state):
                raise _start_error(state, launch)
        if state.get("stage") == "loading" and told != "loading":
            told = "loading"
            tell("loading", launch.model_path)
        _sleep(deadline, state, launch)


def await_answering(folder: Path, launch: Launch, tell: OnEvent, deadline: float) -> dict[str, Any]:
    """Like `await_ready`, after a connection failed: the state may not know yet that its server is dead."""
    while True:
        state = await_ready(folder, launch, tell, deadline)
        if states.child_alive(state) and _answers(state["base_url"]):
            return state
        _sleep(deadline, state, launch)


def _answers(base_url: str) -> bool:
    """Whether a process is behind the port: any HTTP answer will do. The socket of a dying one may still accept."""
    try:
        probe.request(base_url.removesuffix("/v1"), "/health", timeout_s=2)
    except TimeoutError:
        return True  # it is busy; whether it is stuck is for its keeper to find out
    except OSError:
        return False
    return True


def _sleep(deadline: float | None, state: dict[str, Any], launch: Launch) -> None:
    if deadline is not None and time.monotonic() > deadline:
        raise StartFailed(
            f"wait for the server for {launch.model_path}",
            seen=f"state {state['state']!r}, {state.get('stage')}",
            allowed="a server that is ready in time",
            next_step=f"read {state.get('log_path')}",
        )
    time.sleep(POLL_S)


def _token(folder: Path, state: dict[str, Any]) -> str | None:
    """The token of the server of `state`, empty where it has none; None where the state is another one by now."""
    if state["engine"] != "slm":
        return ""
    try:
        token = (folder / "token").read_text(encoding="utf-8")
    except OSError:
        return None
    return token if (states.read(folder) or {}).get("pid") == state["pid"] else None


def _start_error(state: dict[str, Any], launch: Launch) -> ServingError:
    attempted = f"start the server for {launch.model_path}"
    error = state.get("error") or {}
    kind, message = error.get("kind"), error.get("message") or f"its keeper is gone, state {state['state']!r}"
    if kind == "crash_loop":
        return crash_loop(state, launch)
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
    tail = error.get("log_tail") or states.log_tail(log)
    return StartFailed(attempted, seen=message, next_step=f"read {log}{longer}", log_tail=tail)


def _await_keeper_end(state: dict[str, Any], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while states.keeper_alive(state) and time.monotonic() < deadline:
        time.sleep(POLL_S)
