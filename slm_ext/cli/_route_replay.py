"""`slm route replay`: what a router would have made of recorded runs, in tables or as data."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import asdict
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from slm_ext.cli._common import emit, say, table
from slm_ext.errors import UsageError

__all__ = ["show_replay"]

_QUIET_S = 2.0
_POINTS = 12


def show_replay(flags) -> int:
    """Print the comparison of all runs."""
    from slm_ext.registry import load_registry
    from slm_ext.routing.replaying.comparison import PROXY, compare
    from slm_ext.traces import find_traces

    team = load_registry().team(flags.router)
    given = list(_given(flags.recorded_by or [], team))
    runs = find_traces(flags.traj)
    marked = [(run, next((name for name, glob in given if _matches(run.source, glob)), None)) for run in runs]
    compared = compare(
        team, marked, small=flags.small, large=flags.large, seed=flags.seed, progress=_Progress(len(runs), flags.quiet)
    )
    if flags.json:
        emit(_document(team, compared, flags, PROXY))
        return 0
    _print_runs(compared)
    if not flags.quiet:
        print("\n" + "\n".join(_sums(compared.totals())))
    print()
    _print_baselines(compared)
    print()
    if compared.curve is None:
        print(f"no cost-quality curve: {compared.why_no_curve}")
    else:
        _print_curve(compared)
    if not flags.quiet:
        print(f"\n{PROXY}")
    return 0


class _Progress:
    """A line now and then once it takes more than two seconds."""

    def __init__(self, total: int, quiet: bool):
        self._total, self._quiet, self._told = total, quiet, time.monotonic()

    def __call__(self, done: int) -> None:
        if not self._quiet and time.monotonic() - self._told > _QUIET_S:
            self._told = time.monotonic()
            say(f"decided {done} of {self._total} runs again")


def _given(words: list[str], team) -> Iterator[tuple[str, str]]:
    for word in words:
        name, _, glob = word.partition("=")
        if not glob or name not in team.providers:
            allowed = f"NAME=GLOB, NAME one of {', '.join(team.providers)}"
            raise UsageError("read --recorded-by", seen=word, allowed=allowed, next_step="slm route replay --help")
        yield name, glob


def _matches(source: Path, glob: str) -> bool:
    return any(fnmatch(str(path), glob) for path in (source, source.parent, source.resolve(), source.resolve().parent))


def _print_runs(compared) -> None:
    rows = []
    for one in compared.judged:
        agreed, of = one.replay.agreement
        first = one.replay.escalations[:1]
        rows.append(
            [
                one.run.instance_id,
                one.by or "several" if of or one.by else "unknown",
                {True: "yes", False: "no", None: "–"}[one.run.resolved],
                str(len(one.replay.points)),
                f"{agreed}/{of}" if of else "no routes recorded",
                f"{one.replay.share(compared.small):.0%}",
                ", ".join(f"{_at(point)} {point.decision.cause}" for point in first) or "–",
                f"{one.stall.step} {one.stall.reason}" if one.stall else "–",
                {True: "yes", False: "no", None: "–"}[one.before_stall],
                str(len(one.replay.switches)),
                str(one.replay.prefill_tokens),
            ]
        )
    columns = (
        "RUN",
        "BY",
        "RESOLVED",
        "DECISIONS",
        "AGREE",
        "SMALL",
        "ESCALATES AT",
        "STALLS AT",
        "IN TIME",
        "SWITCHES",
    )
    table((*columns, "PREFILL"), rows)


def _at(point) -> str:
    """The step; 8.3 is the third attempt at step 8."""
    return f"{point.step}" if point.attempt == 1 else f"{point.step}.{point.attempt}"


def _sums(totals: dict[str, Any]) -> Iterator[str]:
    share = totals["share_small"] or 0
    yield f"runs: {totals['runs']}, decisions: {totals['decisions']}, on the small one: {share:.0%}"
    if totals["compared"]:
        yield f"agreement with the recorded provider: {totals['agreed']} of {totals['compared']}"
    else:
        yield "agreement: no routes recorded"
    yield (
        f"would escalate: {totals['escalations']} times in {totals['runs_escalated']} runs; in time for "
        f"{totals['runs_escalated_before_stall']} of {totals['runs_stalled']} that stalled, and in "
        f"{totals['runs_escalated_without_stall']} that did not"
    )
    yield f"switches: {totals['switches']}, {totals['prefill_tokens']} tokens prefilled anew by them"
    if totals["nobody_to_ask"]:
        yield f"decisions for which nobody of the router could have been asked: {totals['nobody_to_ask']}"


def _print_baselines(compared) -> None:
    rows = [
        [base.name, f"{base.share_small:.0%}", str(base.tokens), "–" if base.usd is None else f"{base.usd:.4f}"]
        for base in compared.baselines
    ]
    table(("THE RECORDED STEPS BY", "SMALL", "TOKENS", "USD"), rows)


def _print_curve(compared) -> None:
    curve, unit = compared.curve, compared.unit
    note = " (insufficient: fewer than 30)" if curve.insufficient else ""
    print(f"cost against quality over {curve.tasks} tasks{note}; cost in {unit} a task, 95 % intervals")
    table(
        ("WAY", "LARGE", "COST", "", "RESOLVED", ""),
        [
            [
                p.name,
                f"{p.at.large:.0%}",
                _cost(p.at.cost),
                _range(p.cost_95, _cost),
                f"{p.at.resolved:.0%}",
                _range(p.resolved_95, "{:.0%}".format),
            ]
            for p in curve.policies
        ],
    )
    print()
    rows = [
        [*_thresholds(setting), f"{p.large:.0%}", _cost(p.cost), f"{p.resolved:.0%}"] for setting, p in curve.points
    ]
    shown = rows if len(rows) <= _POINTS else rows[:: -(-len(rows) // _POINTS)]
    table(("FORMAT_ERRORS", "REPEATED_ACTIONS", "FAILING_TESTS", "CYCLE", "LARGE", "COST", "RESOLVED"), shown)
    if len(shown) < len(rows):
        print(f"{len(rows) - len(shown)} more points with --json")
    print()
    if curve.apgr is None:
        print("APGR, CPT: none; all-large is not better than all-small, or not dearer")
    else:
        print(f"APGR {curve.apgr:.2f} {_range(curve.apgr_95, '{:.2f}'.format)} (chance has 0.50)")
        for part, at in curve.cpt.items():
            print(f"CPT({part}) {at:.0f} % of the cost gap {_range(curve.cpt_95[part], '{:.0f}'.format)}")
    low, high = curve.against_random_95
    print(f"router less random at equal cost: {low:+.0%} … {high:+.0%} resolved")
    print(f"regret against the oracle: {curve.regret['resolved']:.0%} resolved, {_cost(curve.regret['cost'])} {unit}")


def _document(team, compared, flags, proxy: str) -> dict[str, Any]:
    return {
        "router": team.name,
        "small": compared.small,
        "large": compared.large,
        "seed": flags.seed,
        "proxy": proxy,
        "runs": [_run(one, compared.small) for one in compared.judged],
        "total": len(compared.judged),
        "omitted": 0,
        "steps": compared.totals(),
        "baselines": [asdict(base) for base in compared.baselines],
        "unit": compared.unit,
        "curve": None if compared.curve is None else _curve(compared.curve),
        "why_no_curve": compared.why_no_curve or None,
    }


def _run(one, small: str) -> dict[str, Any]:
    agreed, of = one.replay.agreement
    return {
        "source": str(one.run.source),
        "instance_id": one.run.instance_id,
        "host": one.run.host,
        "recorded_by": one.by,
        "resolved": one.run.resolved,
        "exit_status": one.run.exit_status,
        "decisions": len(one.replay.points),
        "agreement": {"agreed": agreed, "compared": of} if of else None,
        "escalations": [
            {
                "step": point.step,
                "attempt": point.attempt,
                "from": point.decision.escalated_from or point.decision.switched_from,
                "to": point.provider,
                "cause": point.decision.cause,
            }
            for point in one.replay.escalations
        ],
        "stall": asdict(one.stall) if one.stall else None,
        "escalates_before_stall": one.before_stall,
        "share_small": one.replay.share(small),
        "switches": len(one.replay.switches),
        "prefill_tokens": one.replay.prefill_tokens,
        "steps": [_step(point) for point in one.replay.points],
    }


def _step(point) -> dict[str, Any]:
    return {
        "step": point.step,
        "attempt": point.attempt,
        "recorded": point.recorded,
        "provider": point.provider,
        "cause": point.decision.cause if point.decision else None,
    }


def _curve(curve) -> dict[str, Any]:
    document = asdict(curve)
    for key in ("sweep", "points"):
        names = ("format_errors", "repeated_actions", "failing_tests", "cycle")
        document[key] = [
            {"thresholds": dict(zip(names, setting, strict=True)), **asdict(point)}
            for setting, point in getattr(curve, key)
        ]
    return document


def _thresholds(setting) -> list[str]:
    return ["off" if level is None else str(level) for level in setting]


def _cost(value: float) -> str:
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.4g}"


def _range(pair, written) -> str:
    return f"[{written(pair[0])} … {written(pair[1])}]" if pair else "[–]"
