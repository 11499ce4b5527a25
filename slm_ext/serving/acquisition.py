"""`acquire(provider)`: join the live server of the same fingerprint, or start one; hold a lease on it until released.

Many processes and threads may acquire at once: under the fingerprint's file lock one of them starts the keeper, the
others join (`joining`). Waiting for the first token happens outside of the lock (`waiting`).
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

from slm_ext import paths
from slm_ext.errors import ServingError, WrongModel

from . import leases, states
from .handle import ServerHandle
from .identity import Identity
from .joining import OnEvent, end_orphan, join_or_start, writing
from .launch import Launch, launch_for
from .waiting import await_answering, await_ready

__all__ = ["acquire", "hold"]

POLL_S = 0.02


def acquire(
    provider, log_dir: Path | str | None = None, on_event: OnEvent | None = None, log_name: str = "server.log"
) -> ServerHandle:
    """A ready endpoint for `provider`; use it in a `with` statement.

    Args:
        provider: a registry entry. With `server` it is managed; with `api_base` nothing is started; of several
            `endpoints` it is the first.
        log_dir: folder for the log `log_name` of a server that is started here; default: beside its state.
        on_event: called with (stage, message); stages: checking, starting, loading, joined, ready, stopping, stopped.

    Raises:
        MissingExtra, ServingError: before anything is started.
        StartFailed: it ended or was not ready in time, and nothing is left running; or it died three times within
            ten minutes. The last 20 log lines are shown.
        WrongModel: it answers as another model.
    """
    if provider.server is None:
        return ServerHandle(
            base_url=provider.replicas[0].url,
            token=provider.resolve_api_key(),
            model_id=provider.model,
            identity=Identity(kind="declared", model_id=provider.model),
        )
    tell = on_event or (lambda stage, message: None)
    tell("checking", f"{provider.name}: model files")
    return hold(launch_for(provider), log_dir=log_dir, on_event=on_event, log_name=log_name)


def hold(
    launch: Launch, log_dir: Path | str | None = None, on_event: OnEvent | None = None, log_name: str = "server.log"
) -> ServerHandle:
    """Like `acquire`, for a launch that is already made."""
    folder = paths.servers_dir() / launch.fingerprint
    _make(folder)
    if log_dir is not None and not launch.log_path:
        launch.log_path = str(Path(log_dir).resolve() / log_name)
    launch.log_path = launch.log_path or str(folder / "server.log")
    kept = _Hold(folder, launch, on_event or (lambda stage, message: None))
    try:
        join_or_start(folder, launch, kept.tell)
        fields = kept.fields(await_ready(folder, launch, kept.tell))
    except BaseException:
        kept.release()
        raise
    handle = ServerHandle(**fields)
    handle._hold = kept
    return handle


class _Hold:
    """A lease on a managed server: what a handle needs to see it, to have it revived, and to let it go."""

    def __init__(self, folder: Path, launch: Launch, tell: OnEvent):
        self.folder, self.launch, self.tell = folder, launch, tell
        with writing(folder):
            self.lease = leases.take(folder, launch.ttl_s)  # first of all: from here on nothing ends as unwanted
        self.launch_id: str | None = None
        self.keeper: tuple[int, str] | None = None
        self.token = ""

    def fields(self, state: dict[str, Any]) -> dict[str, Any]:
        """The fields of a handle on the ready server of `state`."""
        self.launch_id, self.keeper = state["launch_id"], (state["pid"], state["start_time"])
        self.token = state["token"] or "dummy"  # mlx_lm.server has no authentication; OpenAI clients want some key
        info = state.get("info") or {}
        return {
            "pid": state["child_pid"],
            "base_url": state["base_url"],
            "token": self.token,
            "model_id": state["model_id"],
            "identity": Identity(**state["identity"]),
            "state": "ready",
            "started_at": state["started_at"],
            "log_path": state["log_path"],
            "engine": state["engine"],
            "context_tokens": info.get("context_tokens"),
            "notes": info.get("notes") or [],
        }

    def look(self) -> dict[str, Any]:
        """Fields of the handle that have changed, `state` always. See `ServerHandle.refresh`."""
        state = states.read(self.folder)
        if state is None or (state["state"] not in ("failed", "stopped") and not states.keeper_alive(state)):
            return {"state": "failed"}
        if state["state"] in states.UP and state["launch_id"] != self.launch_id:
            if (state["pid"], state["start_time"]) != self.keeper:
                return {"state": "stopped"}
            return {**self.fields({**state, "token": self.token}), "state": state["state"]}
        return {"state": state["state"]}

    def failure(self) -> str:
        state = states.read(self.folder) or {}
        error = state.get("error") or {}
        return "\n".join(filter(None, (error.get("message"), error.get("log_tail")))) if error else ""

    def revive(self, known: Identity, timeout_s: float | None) -> dict[str, Any]:
        """See `ServerHandle.revive`."""
        patience = self.launch.startup_timeout_s + self.launch.grace_s if timeout_s is None else timeout_s
        deadline = time.monotonic() + patience
        if not self.lease.exists():
            with writing(self.folder):
                self.lease = leases.take(self.folder, self.launch.ttl_s)
        state = states.read(self.folder)
        if state and (state["pid"], state["start_time"]) == self.keeper and state["state"] in ("stopping", "stopped"):
            raise ServingError(
                f"use the server for {self.launch.model_path}",
                seen="it was stopped while this process used it",
                allowed="a server that runs as long as it is used",
                next_step="run the command again",
            )
        join_or_start(self.folder, self.launch, self.tell)
        fields = self.fields(await_answering(self.folder, self.launch, self.tell, deadline))
        found: Identity = fields["identity"]
        if found != known:
            raise WrongModel(
                f"use the server for {self.launch.model_path} after it was started again",
                seen=f"weights {found.weights_sha}, template {found.template_sha}, model {found.model_id!r}",
                allowed=f"weights {known.weights_sha}, template {known.template_sha}, model {known.model_id!r}",
                next_step="run the command again: the model's files have changed",
            )
        return fields

    def release(self) -> None:
        """Drop the lease. Where that ends the server, wait for its end (a second Ctrl-C stops the waiting only)."""
        leases.give_back(self.lease)
        state = states.read(self.folder)
        if not states.keeper_alive(state):
            end_orphan(state)
            return
        told = False
        deadline = time.monotonic() + self.launch.grace_s + 10
        while self.launch.ttl_s == 0 and states.keeper_alive(state) and time.monotonic() < deadline:
            settling = (states.read(self.folder) or {}).get("state") in ("stopping", "stopped", "failed")
            if not settling and (leases.live(self.folder) or self._kept_by_others()):
                return
            if not told:
                told = True
                self.tell("stopping", f"server pid {state['child_pid'] or state['pid']}")
            time.sleep(POLL_S)
        if told:
            self.tell("stopped", "server ended")

    def _kept_by_others(self) -> bool:
        """Whether an earlier holder's idle time is not over yet; the keeper publishes it as the last lease ends."""
        return ((states.read(self.folder) or {}).get("keep_until") or 0) > time.time()


def _make(folder: Path) -> None:
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not os.access(folder, os.W_OK):
            raise PermissionError(13, "not writable", str(folder))
