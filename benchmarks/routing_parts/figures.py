"""Rows of figures, and what stands in them."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import Any, Literal

__all__ = ["compared", "percentile", "row", "times"]


def row(
    name: str, value: float, unit: str, goal: float, better: Literal["higher", "lower"] = "lower", **detail: Any
) -> dict[str, Any]:
    """One figure. `detail` says what it was made of."""
    ok = value >= goal if better == "higher" else value <= goal
    return {"name": name, "value": round(value, 3), "unit": unit, "goal": goal, "better": better, "ok": ok, **detail}


def compared(
    name: str, value: float, unit: str, better: Literal["higher", "lower"] = "lower", **detail: Any
) -> dict[str, Any]:
    """One figure without a goal."""
    return {"name": name, "value": round(value, 3), "unit": unit, "goal": None, "better": better, "ok": None, **detail}


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest of `values` that `share` of them do not pass."""
    ranked = sorted(values)
    return ranked[min(len(ranked) - 1, max(0, -int(-share * len(ranked) // 1) - 1))]


def times(seconds: Sequence[float]) -> dict[str, Any]:
    """Median, 99th percentile and number of measurements, in milliseconds."""
    return {
        "p50": round(1000 * statistics.median(seconds), 3),
        "p99": round(1000 * percentile(seconds, 0.99), 3),
        "calls": len(seconds),
    }
