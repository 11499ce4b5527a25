"""See and stop managed servers, whoever started them."""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from slm_ext import paths

from . import deaths, leases, states
from .joining import end_orphan

__all__ = ["servers", "stop"]


def servers(*, failed: bool = False) -> list[dict[str, Any]]:
    """The state of every server whose keeper lives, with `leases`, the number of its holders.

    Args:
        failed: also those that nobody starts again because they died three times within ten minutes.
    """
    found = []
    for path in sorted(paths.servers_dir().glob("*/state.json")):
        state = states.read(path.parent)
        if states.keeper_alive(state) or (failed and state and _looping(state)):
            found.append({**state, "leases": len(leases.live(path.parent))})
    return found


def stop(fingerprint: str, *, patience_s: float = 10) -> bool:
    """End a server whatever its leases say, wait until it is gone, and forget its deaths. Idempotent.

    Args:
        fingerprint: as `servers` shows it.
        patience_s: seconds past the server's grace time after which the keeper itself counts as stuck and is killed.

    Returns:
        Whether there was a server to stop, or deaths to forget.
    """
    folder: Path = paths.servers_dir() / fingerprint
    state = states.read(folder)
    running = states.keeper_alive(state)
    if running:
        grace_s = (states.read_json(folder / "launch.json") or {}).get("grace_s", 10)
        _signal(state, signal.SIGTERM)
        if not _gone(state, grace_s + patience_s):
            _signal(state, signal.SIGKILL)  # the keeper itself hangs
            _gone(state, 5)
    return _forget(folder) or running


def _forget(folder: Path) -> bool:
    """What a keeper left behind when it failed or was killed. Its state is ours to write now: it is gone."""
    from filelock import FileLock

    if not folder.is_dir():
        return False
    with FileLock(folder / "lock"):
        state = states.read(folder)
        if state is None or states.keeper_alive(state):  # somebody has started it again
            return False
        end_orphan(state)
        for name in ("token", "ready.json"):
            (folder / name).unlink(missing_ok=True)
        if not deaths.carried(state, time.time()):
            return False
        with suppress(OSError):  # a full disk
            states.write(folder, {**state, "state": "stopped", "deaths": [], "child_pid": None})
        return True


def _looping(state: dict[str, Any]) -> bool:
    now = time.time()
    return deaths.is_loop(deaths.carried(state, now), now)


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
