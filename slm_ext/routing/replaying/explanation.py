"""Why each step of a recorded run went to whom it did: as recorded, or read from the conversation where it is not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from slm_ext.routing.reading.signals import Signals, read_signals
from slm_ext.routing.replaying.recorded import RecordedCall, RecordedRun, Situation, situations

__all__ = ["UNKNOWN", "Explained", "Row", "Total", "explain"]

UNKNOWN = "unknown"
_SHOWN = ("attempt", "last_status", "format_errors", "repeated", "cycle", "failing_tests", "steps_without_diff")


@dataclass(frozen=True)
class Row:
    """One model call."""

    step: int
    attempt: int
    subtask: str
    provider: str
    cause: str
    """As in `RouteDecision`; `unknown` where no route is recorded."""
    status: str
    """As in the record; `summary` where it wrote a summary for another call."""
    answers: bool
    """It is the call that ended the step."""
    tool: str
    arguments: Mapping[str, Any]
    said: str
    """Why it was not taken."""
    prompt_tokens: int | None
    cached_tokens: int | None
    reply_tokens: int | None
    seconds: float | None
    signals: Mapping[str, Any]
    alternatives: list[Mapping[str, Any]]
    switch_cost: Mapping[str, Any] | None
    escalated_from: str | None
    switched_from: str | None
    endpoint: str | None
    context: Mapping[str, Any] | None
    computed: list[str] = field(default_factory=list)
    """Fields that were not recorded and are read from the conversation now."""


@dataclass
class Total:
    """Of one provider."""

    steps: int = 0
    """That it ended."""
    calls: int = 0
    prompt_tokens: int = 0
    cached_tokens: int = 0
    reply_tokens: int = 0
    seconds: float = 0.0


@dataclass(frozen=True)
class Explained:
    """A run."""

    rows: list[Row]
    totals: dict[str, Total]
    """By provider, in the order of their first call."""
    switches: int
    """Steps and attempts for which another provider was asked than before."""
    escalations: int
    """Of them, those to one that stands in for a weaker one."""
    routed: bool
    """Whether any route was recorded."""


def explain(run: RecordedRun) -> Explained:
    """All calls of a run, oldest first, with what the router knew."""
    rows: list[Row] = []
    for now in situations(run):
        rows += [_row(now, call, call is now.turn.answer) for call in now.turn.calls]
    totals: dict[str, Total] = {}
    for row in rows:
        _add(totals.setdefault(row.provider, Total()), row)
    changed = [row for row in _deciding(rows) if row.switched_from]
    return Explained(
        rows=rows,
        totals=totals,
        switches=len(changed),
        escalations=sum(row.escalated_from is not None for row in changed),
        routed=any(call.route for turn in run.turns for call in turn.calls),
    )


def _row(now: Situation, call: RecordedCall, last: bool) -> Row:
    route = call.route or {}
    signals = _signals(now)
    computed = [] if route.get("subtask") else ["subtask"]
    if not route.get("signals"):
        computed.append("signals")
    return Row(
        step=now.turn.step,
        attempt=now.turn.attempt,
        subtask=route.get("subtask") or signals.subtask,
        provider=call.provider or call.model or UNKNOWN,
        cause=route.get("cause") or UNKNOWN,
        status="summary" if call.summary and call.status == "ok" else call.status,
        answers=last and call.status == "ok" and not call.summary,
        tool=call.tool,
        arguments=call.arguments,
        said=call.said,
        prompt_tokens=call.prompt_tokens,
        cached_tokens=call.cached_tokens,
        reply_tokens=call.reply_tokens,
        seconds=call.seconds,
        signals=route.get("signals") or {name: getattr(signals, name) for name in _SHOWN},
        alternatives=list(route.get("alternatives") or []),
        switch_cost=route.get("switch_cost"),
        escalated_from=route.get("escalated_from"),
        switched_from=route.get("switched_from") if not call.summary else None,
        endpoint=route.get("endpoint"),
        context=call.context,
        computed=computed,
    )


def _signals(now: Situation) -> Signals:
    return read_signals(
        now.actions, step=now.turn.step, attempt=now.turn.attempt, format_errors=now.format_errors,
        prompt_tokens=now.prompt_tokens,
    )  # fmt: skip


def _add(total: Total, row: Row) -> None:
    total.steps += row.answers
    total.calls += 1
    total.prompt_tokens += row.prompt_tokens or 0
    total.cached_tokens += row.cached_tokens or 0
    total.reply_tokens += row.reply_tokens or 0
    total.seconds += row.seconds or 0.0


def _deciding(rows: list[Row]) -> list[Row]:
    """One row for each decision: calls drawn again share theirs, and a choice that failed did not come about."""
    found: dict[tuple[int, int], Row] = {}
    for row in rows:
        if row.status in ("ok", "rejected"):
            found[row.step, row.attempt] = row
    return list(found.values())
