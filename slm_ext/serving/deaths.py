"""Deaths of a server, as unix times: three within ten minutes are a crash loop, and nobody starts it again by itself.

Pure; the keeper records them in `state.json`, and the next keeper of the same folder goes on counting.
"""

from __future__ import annotations

from typing import Any

from . import states

__all__ = ["MOST", "WINDOW_S", "carried", "is_loop", "recent"]

WINDOW_S = 600
MOST = 3


def recent(times: list[float], now: float) -> list[float]:
    """Those of the last ten minutes."""
    return [float(time) for time in times if now - WINDOW_S < time <= now]


def is_loop(times: list[float], now: float) -> bool:
    return len(recent(times, now)) >= MOST


def carried(state: dict[str, Any] | None, now: float) -> list[float]:
    """The deaths that count for a server that is about to start, after a keeper that is gone left `state` behind.

    A keeper that was killed could not write down that its server, which was ready, ended with it.
    """
    if state is None:
        return []
    unwritten = [now] if state.get("state") in states.UP else []
    return recent(state.get("deaths") or [], now) + unwritten
