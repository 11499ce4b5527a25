"""The state file of one managed server: written by its keeper alone, read by everybody.

`servers_dir()/<fingerprint>/` holds `launch.json` (what to start, written by the client), `state.json`, `leases/`,
`lock`, `server.log`, and for our own engine `engine.json`, `ready.json` and `token`. States: starting, ready, degraded,
stopping, stopped, failed. Standard library only.
"""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import Any, TypeGuard

from .processes import alive

__all__ = [
    "SCHEMA_VERSION",
    "UP",
    "child_alive",
    "keeper_alive",
    "log_tail",
    "read",
    "read_json",
    "write",
    "write_json",
    "write_text",
]

SCHEMA_VERSION = 1
UP = ("ready", "degraded")
"""The states of a server that has answered and was not told to end."""


def write_json(path: Path, data: dict[str, Any]) -> None:
    """Replace `path` at once: a reader sees the old document or the new one. Only the owner may read it."""
    write_text(path, json.dumps(data, indent=1))


def write_text(path: Path, text: str) -> None:
    """Like `write_json`, for a text as it is."""
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)  # mkstemp gives mode 0600
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            stream.write(text)
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def read_json(path: Path) -> dict[str, Any] | None:
    """The document, or None where there is none that can be read."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return data if isinstance(data, dict) else None


def write(folder: Path, state: dict[str, Any]) -> None:
    write_json(folder / "state.json", {"schema_version": SCHEMA_VERSION, **state})


def read(folder: Path) -> dict[str, Any] | None:
    """The last state written, whether its keeper lives or not; None where it is missing or of another schema."""
    state = read_json(folder / "state.json")
    return state if state and state.get("schema_version") == SCHEMA_VERSION else None


def keeper_alive(state: dict[str, Any] | None) -> TypeGuard[dict[str, Any]]:
    """Whether the keeper that wrote `state` still runs. False also for a later process with its pid."""
    return state is not None and alive(state.get("pid"), state.get("start_time"))


def child_alive(state: dict[str, Any] | None) -> bool:
    """Whether the server process that `state` names still runs, kept or not."""
    return state is not None and alive(state.get("child_pid"), state.get("child_start_time"))


def log_tail(path: str | Path | None, lines: int = 20) -> str:
    """The last `lines` lines of a log, each cut to 400 characters; reads 64 kB at most."""
    if not path:
        return ""
    try:
        with open(path, "rb") as stream:
            stream.seek(0, os.SEEK_END)
            stream.seek(max(0, stream.tell() - 65536))
            text = stream.read().decode("utf-8", "replace")
    except OSError:
        return ""
    return "\n".join(line[:400] for line in text.splitlines()[-lines:])
