"""An evaluation in numbers: how many tasks were resolved, what the calls named, and two evaluations side by side."""

from __future__ import annotations

from collections.abc import Iterable
from math import comb
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

from slm_ext.errors import UsageError

if TYPE_CHECKING:
    from slm_ext.tiny.tasks import Task

__all__ = ["NAMES_NOTHING", "compare", "count_calls", "summarize", "wilson"]

NAMES_NOTHING = frozenset(
    {"no_file", "is_directory", "outside_root", "bad_range", "no_symbol", "not_found", "nothing_to_undo"}
)
"""Kinds of a tool's error that say: the path, line, text, symbol or edit that the call names is not there."""


def count_calls(calls_path: str | Path | None) -> dict[str, Any]:
    """What one run's `calls.jsonl` holds.

    Returns:
        `calls` (tool calls that were run), `calls_naming_nothing` (those whose tool said so), `replies` (status of a
        reply → number).
    """
    found: dict[str, Any] = {"calls": 0, "calls_naming_nothing": 0, "replies": {}}
    if calls_path is None or not Path(calls_path).is_file():
        return found
    from slm_ext.traces import read_calls

    for record in read_calls(calls_path, resolve=False):
        if record["kind"] == "call":
            status = record["validation"]["status"]
            found["replies"][status] = found["replies"].get(status, 0) + 1
            found["calls"] += status == "ok"
        elif record["kind"] == "observation":
            error = (record.get("tool_report") or {}).get("error") or {}
            found["calls_naming_nothing"] += error.get("kind") in NAMES_NOTHING
    return found


def summarize(tasks: list[Task], results: list, counts: list[dict[str, Any]]) -> dict[str, Any]:
    """One document of an evaluation.

    Args:
        results: the `RunResult` of each task.
        counts: the `count_calls` of each task.
    """
    resolved = sum(bool(r.resolved) for r in results)
    replies: dict[str, int] = {}
    for count in counts:
        for status, number in count["replies"].items():
            replies[status] = replies.get(status, 0) + number
    return {
        "tasks": len(tasks),
        "resolved": resolved,
        "rate": _rate(resolved, len(tasks)),
        "wilson_95": [round(x, 4) for x in wilson(resolved, len(tasks))],
        "calls": sum(count["calls"] for count in counts),
        "calls_naming_nothing": sum(count["calls_naming_nothing"] for count in counts),
        "replies": dict(sorted(replies.items())),
        "steps": sum(r.steps for r in results),
        "family": _by(tasks, results, "family"),
        "kind": _by(tasks, results, "kind"),
        "exit_statuses": _count(r.exit_status for r in results),
        "median_steps": _median([r.steps for r in results]),
        "median_seconds": _median([r.seconds for r in results]),
        "results": [
            {
                "task": f"{i:04d}-{task.family}",
                "resolved": bool(result.resolved),
                "exit_status": result.exit_status,
                "steps": result.steps,
                "calls": count["calls"],
                "calls_naming_nothing": count["calls_naming_nothing"],
            }
            for i, (task, result, count) in enumerate(zip(tasks, results, counts, strict=True))
        ],
    }


def compare(first: dict[str, Any], second: dict[str, Any]) -> dict[str, Any]:
    """Two evaluations of the same tasks, task by task.

    Returns:
        `tasks`, `resolved` and `rate` of both, `calls_naming_nothing` of both, `both`, `only_first`, `only_second`,
        `neither` (tasks resolved), and `mcnemar_p`: the exact two-sided p of a difference as large, were both equally
        good (McNemar 1947, with the binomial distribution of the tasks in which they differ).

    Raises:
        UsageError: they are not results of `slm tiny eval --json`, or of other tasks.
    """
    one, other = _outcomes(first), _outcomes(second)
    if list(one) != list(other) or any(first.get(k) != second.get(k) for k in ("seed", "held_out_families")):
        raise UsageError(
            "compare two evaluations",
            seen=f"{len(one)} tasks of seed {first.get('seed')}, {len(other)} of seed {second.get('seed')}",
            allowed="the same tasks: the same --tasks, --seed and --held-out-families",
        )
    cells = {(a, b): 0 for a in (True, False) for b in (True, False)}
    for task in one:
        cells[one[task], other[task]] += 1
    resolved = [sum(outcomes.values()) for outcomes in (one, other)]
    return {
        "tasks": len(one),
        "resolved": resolved,
        "rate": [_rate(count, len(one)) for count in resolved],
        "calls_naming_nothing": [first.get("calls_naming_nothing"), second.get("calls_naming_nothing")],
        "both": cells[True, True],
        "only_first": cells[True, False],
        "only_second": cells[False, True],
        "neither": cells[False, False],
        "mcnemar_p": _mcnemar(cells[True, False], cells[False, True]),
    }


def wilson(successes: int, n: int) -> tuple[float, float]:
    """95 % score interval of a proportion (Wilson 1927)."""
    if not n:
        return 0.0, 1.0
    z, p = 1.959964, successes / n
    centre, spread = p + z * z / (2 * n), z * (p * (1 - p) / n + z * z / (4 * n * n)) ** 0.5
    return max(0.0, (centre - spread) / (1 + z * z / n)), min(1.0, (centre + spread) / (1 + z * z / n))


def _mcnemar(b: int, c: int) -> float:
    n = b + c
    return min(1.0, 2 * sum(comb(n, k) for k in range(min(b, c) + 1)) / 2**n)


def _outcomes(summary: dict[str, Any]) -> dict[str, bool]:
    try:
        return {row["task"]: bool(row["resolved"]) for row in summary["results"]}
    except (KeyError, TypeError):
        raise UsageError(
            "compare two evaluations",
            seen="a document without the outcome of each task",
            allowed="what slm tiny eval --json prints",
        ) from None


def _rate(count: int, of: int) -> float | None:
    return round(count / of, 4) if of else None


def _by(tasks: list[Task], results: list, field: str) -> dict[str, dict[str, int]]:
    table: dict[str, dict[str, int]] = {}
    for task, result in zip(tasks, results, strict=True):
        row = table.setdefault(getattr(task, field), {"tasks": 0, "resolved": 0})
        row["tasks"] += 1
        row["resolved"] += bool(result.resolved)
    return dict(sorted(table.items()))


def _count(values: Iterable[str]) -> dict[str, int]:
    table: dict[str, int] = {}
    for value in values:
        table[value] = table.get(value, 0) + 1
    return table


def _median(values: list[float]) -> float | None:
    return round(median(values), 2) if values else None
