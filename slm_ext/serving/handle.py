"""What a client holds while it uses an endpoint, ours or somebody else's. Completion never asks which it is."""

from __future__ import annotations

from typing import Any, Literal, Protocol

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr

from .identity import Identity

__all__ = ["ServerHandle", "State"]

State = Literal["starting", "ready", "degraded", "stopping", "stopped", "failed"]


class _Hold(Protocol):
    def look(self) -> dict[str, Any]: ...

    def failure(self) -> str: ...

    def revive(self, known: Identity, timeout_s: float | None) -> dict[str, Any]: ...

    def release(self) -> None: ...


class ServerHandle(BaseModel):
    """An endpoint that is ready, with a lease on it where we keep it. A context manager; `release` is idempotent."""

    model_config = ConfigDict(extra="forbid", protected_namespaces=())

    schema_version: int = 1
    pid: int | None = None
    """Of the server process; None for an endpoint that others run."""
    base_url: str
    """Ends in `/v1` where the server's API does."""
    token: str = Field(default="", repr=False, exclude=True)
    """For the `Authorization` header."""
    model_id: str
    """What a request's `model` has to be."""
    identity: Identity
    state: State = "ready"
    started_at: str | None = None
    """ISO 8601, UTC."""
    log_path: str | None = None
    engine: Literal["slm", "plain", "command"] | None = None
    """What answers there; None for an endpoint that others run."""
    context_tokens: int | None = None
    """The window that our own engine enforces, tokens."""
    notes: list[str] = Field(default_factory=list)
    """What the engine says about its settings, e.g. that a draft model switches batching off."""

    _hold: _Hold | None = PrivateAttr(default=None)
    _released: bool = PrivateAttr(default=False)

    @property
    def managed(self) -> bool:
        """Whether we keep the server."""
        return self._hold is not None

    def refresh(self) -> State:
        """Read the state anew, and the fields of a server that its keeper has started again meanwhile.

        `starting`: it died or hung, and is being started again. `stopped`: it ended, or another keeper's server took
        its place, which `revive` joins. `failed`: it could not be started again, or its keeper was killed. Declared
        endpoints stay as they are.
        """
        if self._hold is not None:
            self._take(self._hold.look())
        return self.state

    def failure(self) -> str:
        """Why the state is `failed`, and the log's last lines; empty where it is not or nobody knows."""
        return self._hold.failure() if self._hold is not None and self.state == "failed" else ""

    def revive(self, timeout_s: float | None = None) -> None:
        """After a failed connection: wait for the restarted server, or start it anew; then this handle is its handle.

        Does nothing for an endpoint that others run, and little where the server answers.

        Args:
            timeout_s: seconds to wait; default: the provider's startup_timeout_s and stop_grace_s.

        Raises:
            StartFailed: not ready in time; or it died three times within ten minutes.
            WrongModel: what was started serves other weights or another template than before.
            ServingError: it was stopped on request, or cannot be started.
        """
        if self._hold is None or self._released:
            return
        self._take(self._hold.revive(self.identity, timeout_s))

    def release(self) -> None:
        """Give the lease back. The last one of a server without idle time waits until that server is gone."""
        if self._hold is not None and not self._released:
            self._released = True
            self._hold.release()

    def _take(self, fields: dict[str, Any]) -> None:
        for name, value in fields.items():
            setattr(self, name, value)

    def __enter__(self) -> ServerHandle:
        return self

    def __exit__(self, *exception) -> None:
        self.release()
