"""Rows, and ratios that a busy machine cannot bend: both sides are measured in turn, the median of the pairs counts."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from typing import Any, Literal

__all__ = ["pairwise", "row", "skipped"]


def row(
    name: str, value: float, unit: str, goal: float, better: Literal["higher", "lower"] = "higher", **detail: Any
) -> dict[str, Any]:
    """One figure. `detail` says what it was made of."""
    ok = value >= goal if better == "higher" else value <= goal
    return {"name": name, "value": round(value, 3), "unit": unit, "goal": goal, "better": better, "ok": ok, **detail}


def skipped(name: str, unit: str, goal: float, why: str, better: Literal["higher", "lower"] = "higher") -> dict:
    """The row of a figure that cannot be measured here."""
    return {"name": name, "value": None, "unit": unit, "goal": goal, "better": better, "ok": None, "skipped": why}


def pairwise(one: Callable[[int], float], other: Callable[[int], float], pairs: int) -> tuple[float, dict[str, Any]]:
    """The median of one ÷ other over neighbouring measurements, the order alternated.

    Args:
        one, other: given the pair's number, measure and return a speed.

    Returns:
        The ratio, and as detail the median of each side and every ratio.
    """
    ones, others = [], []
    for turn in range(pairs):
        sides = [(one, ones), (other, others)]
        for measure, results in sides if turn % 2 == 0 else sides[::-1]:
            results.append(measure(turn))
    ratios = [a / b for a, b in zip(ones, others, strict=True)]
    return statistics.median(ratios), {
        "speeds": [round(statistics.median(ones), 1), round(statistics.median(others), 1)],
        "ratios": [round(ratio, 3) for ratio in ratios],
    }
