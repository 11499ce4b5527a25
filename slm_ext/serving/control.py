"""See and stop managed servers, whoever started them."""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from slm_ext import paths

from . import leases, states
from .acquisition import end_orphan

__all__ = ["servers", "stop"]


def servers() -> list[dict[str, Any]]:
    """The state of every server whose keeper lives, with `leases`, the number of its holders."""
    found = []
    for path in sorted(paths.servers_dir().glob("*/state.json")):
        state = states.read(path.parent)
        if states.keeper_alive(state):
            found.append({**state, "leases": len(leases.live(path.parent))})
    return found


def stop(fingerprint: str, *, patience_s: float = 10) -> bool:
    """End a server whatever its leases say, and wait until it is gone. Stopping what is stopped does nothing.

    Args:
        fingerprint: as `servers` shows it.
        patience_s: seconds past the server's grace time after which the keeper itself counts as stuck and is killed.

    Returns:
        Whether there was a server to stop.
    """
    folder: Path = paths.servers_dir() / fingerprint
    state = states.read(folder)
    if not states.keeper_alive(state):
        end_orphan(state)
        return False
    grace_s = (states.read_json(folder / "launch.json") or {}).get("grace_s", 10)
    _signal(state, signal.SIGTERM)
    if not _gone(state, grace_s + patience_s):
        _signal(state, signal.SIGKILL)  # the keeper itself hangs
        _gone(state, 5)
        end_orphan(states.read(folder))
    return True


def _signal(state: dict[str, Any], number: int) -> None:
    if states.keeper_alive(state):
        with suppress(ProcessLookupError):
            os.kill(state["pid"], number)


def _gone(state: dict[str, Any], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while states.keeper_alive(state):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True
