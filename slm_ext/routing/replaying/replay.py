"""A recorded run decided again by other rules, step by step, without a model.

Every decision is made on the conversation as it was recorded. From the first decision that differs from the recorded
one, the steps after it are those of another run than the one that would have followed: what they say is a proxy.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from slm_ext.context import TokenCounter, fit
from slm_ext.errors import ContextOverflow
from slm_ext.registry.provider import Provider
from slm_ext.registry.router import Team
from slm_ext.routing.decision import RouteDecision
from slm_ext.routing.policy import Choice, Known, NobodyLeft, decide, prefix_of
from slm_ext.routing.reading.signals import Signals, read_signals
from slm_ext.routing.replaying.recorded import RecordedCall, Situation
from slm_ext.routing.state import RouteState

__all__ = ["TRIGGERS", "Point", "Replay", "replay"]

TRIGGERS = ("format_errors", "repeated_action", "cycle", "failing_tests")
"""Causes by which a stronger provider takes over because of what went wrong."""
_FORCED = ("overflow", "unhealthy", "missing", "budget")
"""Causes by which another one is asked because the wished one cannot."""


@dataclass(frozen=True)
class Point:
    """One decision."""

    turn: int
    """Index among the run's turns."""
    step: int
    attempt: int
    decision: RouteDecision | None
    """None: nobody of the team could have been asked."""
    recorded: str | None
    """Who answered, where the run recorded routes and an answer."""
    escalates: bool
    """A stronger provider takes over here."""

    @property
    def provider(self) -> str | None:
        return self.decision.provider if self.decision else None


@dataclass(frozen=True)
class Replay:
    """What a router would have decided."""

    points: tuple[Point, ...]

    @property
    def escalations(self) -> list[Point]:
        """Where a stronger provider takes over."""
        return [point for point in self.points if point.escalates]

    @property
    def switches(self) -> list[Point]:
        """Where another provider is asked than before."""
        return [point for point in self.points if point.decision and point.decision.switched_from]

    @property
    def prefill_tokens(self) -> int:
        """Prompt tokens that the switches have prefilled anew."""
        costs = [point.decision.switch_cost for point in self.switches if point.decision]
        return int(sum((cost or {}).get("prefill_tokens") or 0 for cost in costs))

    @property
    def agreement(self) -> tuple[int, int]:
        """(decisions that are the recorded ones, decisions that can be compared)."""
        compared = [point for point in self.points if point.recorded is not None]
        return sum(point.recorded == point.provider for point in compared), len(compared)

    def share(self, provider: str) -> float:
        """Part of the decisions that fall on `provider`; 0 without decisions."""
        return sum(point.provider == provider for point in self.points) / len(self.points) if self.points else 0.0


def replay(team: Team, situations: Sequence[Situation], *, until_escalation: bool = False) -> Replay:
    """Decide every turn of a run again.

    Of the world outside, what was recorded counts: a provider of the team that failed in a turn cannot be asked in it
    and is left alone for the router's `cooldown_s`; reasons why one could not be asked hold again; and one whose window
    the recorded prompt would not fit into cannot be asked. Budgets are not counted.

    Args:
        situations: all of a run.
        until_escalation: end with the first escalation.
    """
    state, points = RouteState(), []
    for index, now in enumerate(situations):
        known, signals = _known(team, now), _signals(now, state)
        recorded = now.turn.answer.provider if now.turn.answer.route and now.answered else None
        try:
            choice = _decide(team, now, signals, state, known)
        except NobodyLeft:
            points.append(Point(index, now.turn.step, now.turn.attempt, None, recorded, False))
            continue
        escalates = _escalates(team, choice.decision)
        points.append(Point(index, now.turn.step, now.turn.attempt, choice.decision, recorded, escalates))
        if escalates and until_escalation:
            break
        state = _after(team, now, choice, known.now)
    return Replay(tuple(points))


def _decide(team: Team, now: Situation, signals: Signals, state: RouteState, known: Known) -> Choice:
    """As a live run does it: where nobody else is left, those that are left alone for a while can be asked again."""
    try:
        return decide(team, signals, state, known, actions=len(now.actions))
    except NobodyLeft as nobody:
        cooling = {name: until for name, until in state.cooling.items() if name not in nobody.reasons}
        if cooling == dict(state.cooling):
            raise
        return decide(team, signals, replace(state, cooling=cooling), known, actions=len(now.actions))


def _signals(now: Situation, state: RouteState) -> Signals:
    return read_signals(
        now.actions, step=now.turn.step, attempt=now.turn.attempt, format_errors=state.format_errors,
        prompt_tokens=now.prompt_tokens, since=state.since,
    )  # fmt: skip


def _escalates(team: Team, decision: RouteDecision) -> bool:
    """Whether a stronger one takes over with this decision, and not with one before it."""
    ladder, before = team.router.ladder, decision.switched_from or decision.escalated_from
    if decision.cause in TRIGGERS:
        return decision.provider != before
    weaker = decision.escalated_from
    climbs = weaker in ladder and decision.provider in ladder and ladder.index(weaker) < ladder.index(decision.provider)
    return decision.cause in _FORCED and climbs and decision.switched_from is not None


def _known(team: Team, now: Situation) -> Known:
    calls, load_s = [call for call in now.turn.calls if not call.summary], {}
    answered = {call.provider for call in calls if call.status in ("ok", "rejected", "resampled")}
    sent = {call.provider: call.prompt_tokens for call in calls if call.provider in answered and call.prompt_tokens}
    unusable: dict[str, str] = {}
    for call in calls:
        for other in (call.route or {}).get("alternatives") or []:
            if other.get("provider") not in answered and str(other.get("why_not")).partition(":")[0] in _FORCED:
                unusable[str(other.get("provider"))] = str(other.get("why_not"))
        if call.status in ("overflow", "provider_down") and call.provider not in answered:
            kind = "overflow" if call.status == "overflow" else "unhealthy"
            unusable[str(call.provider)] = f"{kind}: recorded"
        if call.provider and (cost := (call.route or {}).get("switch_cost")):
            load_s[call.provider] = cost.get("load_s")
    for name, provider in team.providers.items():
        shown = sent.get(name, now.prompt_tokens)  # who answered was shown what fitted then
        if name not in unusable and (why := _too_long(provider, now, shown)):
            unusable[name] = why
    return Known(_began(calls), {name: why for name, why in unusable.items() if name in team.providers}, load_s)


def _began(calls: Iterable[RecordedCall]) -> float:
    """Unix time at which the first call was made, in seconds; 0 where no time is recorded."""
    return next((call.ended_at - (call.seconds or 0) for call in calls if call.ended_at is not None), 0.0)


def _too_long(provider: Provider, now: Situation, shown: int) -> str:
    """Why the prompt, of which `shown` tokens were or would be sent, cannot be made to fit a provider's window."""
    limit, tokens = provider.prompt_limit, now.prompt_tokens
    if limit is None or shown <= limit:
        return ""
    if provider.context.strategies:
        counter, messages = TokenCounter(), list(now.turn.messages)
        try:
            counter.learn(messages, None, tokens)
            fit(messages, limit=limit, policy=provider.context, counter=counter)
            return ""
        except (ContextOverflow, KeyError, TypeError, ValueError):  # what a stock host recorded may be of any shape
            pass
    return f"overflow: {tokens} tokens, at most {limit}"


def _after(team: Team, now: Situation, choice: Choice, began: float) -> RouteState:
    """What the run would remember after the turn: as recorded, but answered by whom this choice names."""
    state, answer = choice.state, now.turn.answer
    for call in now.turn.calls:
        own = call.provider == answer.provider and not call.summary
        name = choice.decision.provider if own else call.provider
        if name is None or name not in team.providers:
            continue
        state = state.answered(
            name,
            prefix_of(name, choice.style),
            prompt=call.prompt_tokens or 0,
            cached=call.cached_tokens or 0,
            reply=call.reply_tokens or 0,
            seconds=call.seconds or 0.0,
            price=team.providers[name].price,
            requests=call.requests,
        )
        if call.status == "provider_down" and not own:
            state = state.failed(name, until=began + team.router.cooldown_s)
    return state.judged_reply(answer.status == "ok") if now.answered else state
