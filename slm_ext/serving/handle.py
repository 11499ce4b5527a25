"""What a client holds while it uses an endpoint, ours or somebody else's. Completion never asks which it is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr

from . import states
from .identity import Identity

__all__ = ["ServerHandle", "State"]

State = Literal["starting", "ready", "degraded", "stopping", "stopped", "failed"]


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

    _folder: Path | None = PrivateAttr(default=None)
    _release: Callable[[], None] | None = PrivateAttr(default=None)

    @property
    def managed(self) -> bool:
        """Whether we keep the server."""
        return self._folder is not None

    def refresh(self) -> State:
        """Read the state anew: `failed` or `stopped` where the server ended. Declared endpoints stay as they are."""
        if self._folder is not None:
            written = states.read(self._folder)
            if written is None or (written["state"] not in ("failed", "stopped") and not states.keeper_alive(written)):
                self.state = "failed"
            elif written["child_pid"] not in (None, self.pid):
                self.state = "stopped"  # another server took its place
            else:
                self.state = written["state"]
        return self.state

    def release(self) -> None:
        """Give the lease back. The last one of a server without idle time waits until that server is gone."""
        release, self._release = self._release, None
        if release is not None:
            release()

    def __enter__(self) -> ServerHandle:
        return self

    def __exit__(self, *exception) -> None:
        self.release()
