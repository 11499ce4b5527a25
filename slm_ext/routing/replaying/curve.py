"""Cost against quality, task by task: what a router would have brought, beside all-small, all-large.

It is a proxy. Each task was tried by both models on their own; a router that escalates a run of the small one before it
stalls is given the outcome of the large one, at the price of what the small one took until then and of the whole run of
the large one. How the large one would have gone on from the small one's work, nobody has seen.

Measures: APGR and CPT of RouteLLM (arXiv 2406.18665), over cost between all-small and all-large in place of the share
of calls. Intervals: paired bootstrap over tasks.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from statistics import fmean

from slm_ext.routing.replaying.thresholds import SETTINGS, SWEEP, First, Setting

__all__ = ["ENOUGH", "Curve", "Large", "Point", "Policy", "Small", "Task", "apgr", "cost_quality", "cpt", "recovered"]

ENOUGH = 30
"""Tasks; figures of fewer are marked `insufficient`."""
_DRAWS = 1000


@dataclass(frozen=True)
class Small:
    """A run of the small model. Costs are in the curve's unit."""

    resolved: bool
    before: tuple[float, ...]
    """Cost before each turn, and of the whole run at the end."""
    own: int | None
    """The turn of its first escalation by the router as it is."""
    first: First
    """The same by thresholds."""
    stall: int | None
    """The turn at which it stands still."""


@dataclass(frozen=True)
class Large:
    """A run of the large model."""

    resolved: bool
    cost: float


@dataclass(frozen=True)
class Task:
    """One task with runs of both models. With several runs of one, each is paired with each of the other."""

    instance_id: str
    small: tuple[Small, ...]
    large: tuple[Large, ...]


@dataclass(frozen=True)
class Point:
    """One way to choose: means over the tasks."""

    cost: float
    resolved: float
    large: float
    """Share of the tasks that the large model ended."""


@dataclass(frozen=True)
class Policy:
    """A way to choose by name, with 95 % intervals."""

    name: str
    at: Point
    resolved_95: tuple[float, float]
    cost_95: tuple[float, float]


@dataclass(frozen=True)
class Curve:
    """All of it."""

    tasks: int
    insufficient: bool
    policies: list[Policy]
    """all-small, all-large, router, random (at the router's cost), oracle."""
    sweep: list[tuple[Setting, Point]]
    """All triggers alike, from off to the most impatient: APGR and CPT are of the line through them."""
    points: list[tuple[Setting, Point]]
    """Every different point that some combination of thresholds gives, by cost. Which one is best was seen on the same
    runs, so it is none to compare with."""
    apgr: float | None
    """Performance gap recovered, averaged over cost from all-small to all-large; random has 0.5. None: all-large is not
    better, or not dearer."""
    apgr_95: tuple[float, float] | None
    cpt: Mapping[int, float | None]
    """Percent of the gap's quality → percent of its cost for which it is had."""
    cpt_95: Mapping[int, tuple[float, float] | None]
    against_random_95: tuple[float, float]
    """Resolved by the router less resolved at random for the same cost."""
    against_small_95: tuple[float, float]
    regret: dict[str, float] = field(default_factory=dict)
    """`resolved` that the oracle has more than the router, `cost` that the router has more than the oracle."""


def cost_quality(tasks: Sequence[Task], *, seed: int = 0, draws: int = _DRAWS) -> Curve:
    """The curve of some tasks; there must be one at least.

    Args:
        seed: of the bootstrap.
        draws: of the bootstrap.
    """
    ways: dict[str, list[Point]] = {
        "all-small": [_task(task, lambda small, large: _small(small)) for task in tasks],
        "all-large": [_task(task, lambda small, large: Point(large.cost, large.resolved, 1.0)) for task in tasks],
        "router": [_task(task, lambda small, large: _routed(small, large, small.own)) for task in tasks],
        "oracle": [_task(task, _oracle) for task in tasks],
    }
    swept = [[_by(task, setting) for task in tasks] for setting in SWEEP]
    rng, size = random.Random(seed), len(tasks)
    samples = [_measure(ways, swept, range(size))]
    samples += [_measure(ways, swept, rng.choices(range(size), k=size)) for _ in range(draws)]
    whole, drawn = samples[0], samples[1:]
    policies = [
        Policy(
            name,
            whole.at[name],
            _interval([one.at[name].resolved for one in drawn]) or (0.0, 0.0),
            _interval([one.at[name].cost for one in drawn]) or (0.0, 0.0),
        )
        for name in ("all-small", "all-large", "router", "random", "oracle")
    ]
    oracle, router = whole.at["oracle"], whole.at["router"]
    return Curve(
        tasks=size,
        insufficient=size < ENOUGH,
        policies=policies,
        sweep=list(zip(SWEEP, whole.swept, strict=True)),
        points=_points(tasks),
        apgr=whole.apgr,
        apgr_95=_interval([one.apgr for one in drawn]) if whole.apgr is not None else None,
        cpt=whole.cpt,
        cpt_95={part: _interval([one.cpt[part] for one in drawn]) for part in whole.cpt},
        against_random_95=_interval([_less(one, "random") for one in drawn]) or (0.0, 0.0),
        against_small_95=_interval([_less(one, "all-small") for one in drawn]) or (0.0, 0.0),
        regret={"resolved": oracle.resolved - router.resolved, "cost": router.cost - oracle.cost},
    )


def recovered(point: Point, small: Point, large: Point) -> float | None:
    """Part of the quality gap between the models that a way recovers; None where there is no gap."""
    gap = large.resolved - small.resolved
    return (point.resolved - small.resolved) / gap if gap > 0 else None


def apgr(points: Sequence[Point], small: Point, large: Point) -> float | None:
    """Mean of `recovered` over cost from all-small to all-large, on the line through the points.

    Points that cost more than all-large are beyond the range. None where all-large is not better, or not dearer.
    """
    line = _line(points, small, large)
    if line is None:
        return None
    return sum((x2 - x1) * (y1 + y2) / 2 for (x1, y1), (x2, y2) in pairwise(line))


def cpt(points: Sequence[Point], small: Point, large: Point, part: float) -> float | None:
    """The least cost, in percent of the gap between all-small and all-large, at which `part` of the quality gap is
    recovered."""
    line = _line(points, small, large)
    if line is None:
        return None
    for (x1, y1), (x2, y2) in pairwise(line):
        if y1 >= part:
            return 100 * x1
        if y2 >= part:
            return 100 * (x1 + (x2 - x1) * (part - y1) / (y2 - y1))
    return 100.0


@dataclass(frozen=True)
class _Measured:
    at: dict[str, Point]
    swept: list[Point]
    apgr: float | None
    cpt: dict[int, float | None]


def _measure(ways: Mapping[str, list[Point]], swept: Sequence[list[Point]], chosen: Sequence[int]) -> _Measured:
    """Everything, of the tasks with these indices."""
    at = {name: _mean([points[i] for i in chosen]) for name, points in ways.items()}
    line = [_mean([points[i] for i in chosen]) for points in swept]
    small, large = at["all-small"], at["all-large"]
    at["random"] = _random(at["router"].cost, small, large)
    parts = {part: cpt(line, small, large, part / 100) for part in (50, 80)}
    return _Measured(at, line, apgr(line, small, large), parts)


def _task(task: Task, way: Callable[[Small, Large], Point]) -> Point:
    return _mean([way(small, large) for small in task.small for large in task.large])


def _by(task: Task, setting: Setting) -> Point:
    return _task(task, lambda small, large: _routed(small, large, small.first.of(setting)))


def _small(small: Small) -> Point:
    return Point(small.before[-1], small.resolved, 0.0)


def _routed(small: Small, large: Large, turn: int | None) -> Point:
    """First escalated before turn `turn`; never, or after the run stood still, leaves the small one's outcome."""
    if turn is None or (small.stall is not None and turn > small.stall):
        return _small(small)
    return Point(small.before[turn] + large.cost, large.resolved, 1.0)


def _oracle(small: Small, large: Large) -> Point:
    """The cheapest that resolves it, else the cheapest."""
    both = [_small(small), Point(large.cost, large.resolved, 1.0)]
    return min(both, key=lambda point: (not point.resolved, point.cost))


def _random(cost: float, small: Point, large: Point) -> Point:
    """What chance brings on average where it may cost as much: each task goes to the large one with the same
    probability."""
    gap = large.cost - small.cost
    part = min(1.0, max(0.0, (cost - small.cost) / gap)) if gap > 0 else 0.0
    return Point(
        small.cost + part * gap if gap > 0 else small.cost,
        small.resolved + part * (large.resolved - small.resolved),
        part,
    )


def _points(tasks: Sequence[Task]) -> list[tuple[Setting, Point]]:
    """One setting for each different point; of those that give the same, the most patient."""
    found: dict[Point, Setting] = {}
    for setting in sorted(SETTINGS, key=lambda levels: [-(level or 99) for level in levels]):
        found.setdefault(_mean([_by(task, setting) for task in tasks]), setting)
    return sorted(((setting, point) for point, setting in found.items()), key=_by_cost)


def _by_cost(pair: tuple[Setting, Point]) -> tuple[float, float]:
    return pair[1].cost, pair[1].resolved


def _line(points: Sequence[Point], small: Point, large: Point) -> list[tuple[float, float]] | None:
    gap = large.cost - small.cost
    if gap <= 0 or large.resolved <= small.resolved:
        return None
    line = [((point.cost - small.cost) / gap, recovered(point, small, large) or 0.0) for point in points]
    start = max([0.0, *(y for x, y in line if x <= 0)])  # better, and no dearer than all-small
    return [(0.0, start), *sorted((x, y) for x, y in line if 0 < x < 1), (1.0, 1.0)]


def _mean(points: Sequence[Point]) -> Point:
    return Point(
        fmean(point.cost for point in points),
        fmean(point.resolved for point in points),
        fmean(point.large for point in points),
    )


def _less(one: _Measured, other: str) -> float:
    return one.at["router"].resolved - one.at[other].resolved


def _interval(values: Sequence[float | None]) -> tuple[float, float] | None:
    """The middle 95 %; None where a tenth of the draws or more has no value."""
    known = sorted(value for value in values if value is not None)
    if len(known) <= 0.9 * len(values):
        return None
    return known[int(0.025 * (len(known) - 1))], known[int(0.975 * (len(known) - 1) + 0.5)]
