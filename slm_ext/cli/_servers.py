"""What the verbs about local servers share: finding one by name, its row, and its log as it grows."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from slm_ext import paths
from slm_ext.errors import SlmError, UnknownName, UsageError

__all__ = ["age", "folder_of", "follow", "last_state", "managed_provider", "matching", "orphans", "row", "running"]

POLL_S = 0.1
LEAST_DIGITS = 6


def running() -> list[dict[str, Any]]:
    """The state of every server that is kept or has failed for good, with `leases`."""
    from slm_ext.serving.control import servers

    return servers(failed=True)


def orphans() -> list[dict[str, Any]]:
    """The state of every server process that lost its keeper."""
    from slm_ext.serving import states

    found = [states.read(path.parent) for path in paths.servers_dir().glob("*/state.json")]
    return [state for state in found if state and not states.keeper_alive(state) and states.child_alive(state)]


def matching(name: str, states: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Those of `states` that `name` means: a provider's name, a model, or a fingerprint's first six digits or more.

    Raises:
        UnknownName: none of them, and no provider is called so either.
    """
    key = name.strip().removeprefix("slm/")
    names = ("name", "model_id", "model_path")
    found = [
        state
        for state in states
        if any(state.get(field) == key for field in names)
        or (len(key) >= LEAST_DIGITS and state["fingerprint"].startswith(key))
    ]
    if found:
        return found
    from slm_ext.registry import load_registry

    try:
        provider = load_registry().provider(key)
    except UnknownName as error:
        known = sorted({state.get("name") or state["model_id"] for state in states})
        raise UnknownName(
            f"find the server {key!r}", seen="no server and no provider of that name",
            allowed=", ".join(known) or error.allowed, next_step="slm ps",
        ) from None  # fmt: skip
    if provider.server is None or not states:
        return []
    from slm_ext.serving.launch import launch_for

    try:
        fingerprint = launch_for(provider).fingerprint  # another provider may have started the same
    except SlmError:
        return []
    return [state for state in states if state["fingerprint"] == fingerprint]


def last_state(name: str) -> dict[str, Any] | None:
    """The newest state that `name` means, of servers that ended too; None where there never was one."""
    from slm_ext.serving import states

    live = {state["fingerprint"] for state in running()}
    found = []
    for path in paths.servers_dir().glob("*/state.json"):
        if (state := states.read(path.parent)) and state.get("fingerprint"):
            found.append((state["fingerprint"] in live, path.stat().st_mtime, state))
    chosen = matching(name, [state for *_, state in sorted(found, key=lambda item: item[:2], reverse=True)])
    return chosen[0] if chosen else None


def managed_provider(name: str):
    """The provider called `name`, which we can serve.

    Raises:
        UsageError: there is none, or others serve it.
    """
    from slm_ext.registry import load_registry

    provider = load_registry().provider(name)
    if provider.server is None:
        raise UsageError(
            f"serve provider {provider.name!r}",
            seen=f"it answers at {provider.api_base}, where others run it",
            allowed="a provider with `server`",
            next_step=f"slm providers check {provider.name}",
        )
    return provider


def row(state: dict[str, Any]) -> dict[str, Any]:
    """One server as `--json` shows it."""
    now = time.time()
    until = state.get("keep_until")
    return {
        "name": state.get("name") or None,
        "model": state["model_path"],
        "model_id": state["model_id"],
        "engine": state["engine"],
        "state": state["state"],
        "pid": state.get("child_pid"),
        "keeper_pid": state["pid"],
        "port": state.get("port"),
        "base_url": state.get("base_url"),
        "started_at": state["started_at"],
        "age_s": round(now - datetime.fromisoformat(state["started_at"]).timestamp(), 1),
        "leases": state.get("leases", 0),
        "idle_left_s": round(max(0.0, until - now), 1) if until and not state.get("leases") else None,
        "deaths": len(state.get("deaths") or []),
        "context_tokens": (state.get("info") or {}).get("context_tokens"),
        "notes": (state.get("info") or {}).get("notes") or [],
        "fingerprint": state["fingerprint"],
        "token_file": str(token) if (token := folder_of(state) / "token").exists() else None,
        "log_path": state["log_path"],
    }


def folder_of(state: dict[str, Any]) -> Path:
    """The state folder of a server."""
    return paths.servers_dir() / state["fingerprint"]


def age(seconds: float | None) -> str:
    """`45 s`, `12 min`, `3 h 20 min`; a dash for None."""
    if seconds is None:
        return "-"
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"


def follow(path: Path, goes_on: Callable[[], bool], *, from_end: bool = False) -> Iterator[str]:
    """Pieces of a log as it grows, also past its rotation, until `goes_on()` is false and all of it was read."""
    stream, inode = None, None
    while True:
        alive = goes_on()  # asked first: what was written until then is read below
        try:
            status = path.stat()
        except OSError:
            status = None
        if status and (stream is None or status.st_ino != inode or status.st_size < stream.tell()):
            rest = stream.read() if stream and status.st_ino != inode else ""
            if stream:
                stream.close()
            if rest:
                yield rest
            first = stream is None
            stream, inode = open(path, encoding="utf-8", errors="replace"), status.st_ino  # noqa: SIM115
            if from_end and first:
                stream.seek(0, 2)
        if stream and (text := stream.read()):
            yield text
        elif not alive:
            if stream:
                stream.close()
            return
        else:
            time.sleep(POLL_S)
