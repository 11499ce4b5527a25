"""Servers of our own that run, those that died too often, and what killed keepers left behind."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from slm_ext import paths
from slm_ext.cli._checks.finding import Finding

__all__ = ["loaded", "server_findings"]


def server_findings() -> Iterator[Finding]:
    """Of this SLM_HOME."""
    from slm_ext.cli._servers import orphans, running
    from slm_ext.serving import states

    known = running()
    up = [state for state in known if states.keeper_alive(state)]
    said = ", ".join(f"{_called(state)} {state['state']}" for state in up)
    yield Finding("servers", "ok", f"{len(up)} running" + (f": {said}" if said else ""))
    for state in known:
        if not states.keeper_alive(state):
            name = _called(state)
            yield Finding(
                "servers", "problem", f"{name} died again and again", f"slm logs {name}, then slm stop {name}"
            )
    if lost := orphans():
        pids = ", ".join(str(state["child_pid"]) for state in lost)
        yield Finding("servers", "hint", f"processes without a keeper: {pids}", "slm stop --all")
    if stale := _stale():
        yield Finding("servers", "ok", f"{stale} ended without a word; the next start clears up")


def loaded(provider) -> bool:
    """Whether a server of this provider runs, so that its memory is taken already."""
    from slm_ext.cli._servers import running
    from slm_ext.serving import states

    return any(state.get("name") == provider.name and states.keeper_alive(state) for state in running())


def _called(state: dict[str, Any]) -> str:
    return state.get("name") or state["model_id"]


def _stale() -> int:
    """How many states say that a server runs while nothing does."""
    from slm_ext.serving import states

    found = [states.read(path.parent) for path in paths.servers_dir().glob("*/state.json")]
    return sum(
        state["state"] not in ("stopped", "failed") and not states.keeper_alive(state) and not states.child_alive(state)
        for state in found
        if state
    )
