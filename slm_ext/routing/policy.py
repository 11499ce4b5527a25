"""Who answers the next call: a pure function of the rules, the signals, what the run remembers and what is known now.

    wished (rule → subtask → default) → stands in? → trigger? → return? → worth the switch? → first that can

The same function decides a live run and replays a recorded one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from slm_ext.errors import CompletionError
from slm_ext.registry.router import Route, Router, Rule, Style, Team
from slm_ext.routing.decision import RouteDecision
from slm_ext.routing.reading.signals import Signals
from slm_ext.routing.state import RouteState

__all__ = ["Choice", "Known", "NobodyLeft", "decide", "prefix_of"]

_GOOD = ("ok", "tests_passed", "none")
_WISHED = ("default", "subtask", "rule", "returned")
"""Causes of a change that is merely wished."""
_REFUGE = ("overflow", "unhealthy", "missing", "budget")
"""Causes of a change because the wished one could not be asked; the way back is no mere wish."""


@dataclass(frozen=True)
class Known:
    """The world outside of the run, at one moment."""

    now: float = 0.0
    """In seconds, of any clock that `RouteState.cooling` was written with."""
    unusable: Mapping[str, str] = field(default_factory=dict)
    """Provider → why it cannot be asked for this call: `overflow: …`, `unhealthy: …`, `budget: …`."""
    load_s: Mapping[str, float | None] = field(default_factory=dict)
    """Provider → seconds until its model is loaded; 0 where it is, None where nobody knows. Left out: 0."""


@dataclass(frozen=True)
class Choice:
    """A decision, how the provider is asked, and what the run remembers from now on."""

    decision: RouteDecision
    style: Style
    state: RouteState


class NobodyLeft(CompletionError):
    """No provider of the team can be asked; `reasons` has provider → why not."""

    def __init__(self, team: Team, reasons: Mapping[str, str]):
        self.reasons = dict(reasons)
        super().__init__(
            f"choose a provider of {team.name!r}",
            seen="; ".join(f"{name}: {why}" for name, why in reasons.items()),
            allowed="one that can be asked",
            next_step=f"slm providers check {team.name}",
        )


def decide(team: Team, signals: Signals, state: RouteState, known: Known, *, actions: int = 0) -> Choice:
    """Choose for one call.

    Args:
        actions: how many actions the run has; an escalation or a return looks at later ones only.

    Raises:
        NobodyLeft: none can be asked.
    """
    router = team.router
    base, cause = _base(router, signals)
    remembered = _judged(state, signals)
    wished, cause, state = _standing(team, base, cause, signals, remembered, actions)
    reasons = _reasons(team, base.provider, signals, state, known)
    candidates = _candidates(team, wished, base, cause, signals)
    why = _not_worth(team, wished, cause, signals, state, known, base)
    if why and state.current not in reasons:
        reasons[wished], cause, state = why, "sticky", remembered
        candidates.insert(0, str(state.current))
    chosen = next((name for name in candidates if name not in reasons), None)
    if chosen is None:
        raise NobodyLeft(team, {name: reasons[name] for name in candidates})
    if chosen != wished and cause != "sticky":
        cause = reasons[wished].partition(":")[0]
    if state.stands_in and chosen not in (state.stands_in, wished if cause in _WISHED else None):
        if chosen in _stronger(team, str(state.stands_in_for), signals):
            state = replace(state, stands_in=chosen)
        elif cause != "sticky":  # nobody stronger could be asked
            state = replace(state, stands_in=None, stands_in_for=None)
    decision = RouteDecision(
        step=signals.step,
        subtask=signals.subtask,
        provider=chosen,
        cause="single_provider" if team.alone else cause,
        signals=_shown(signals),
        alternatives=[
            {"provider": name, "why_not": reasons.get(name) or f"{cause} chose {chosen}"}
            for name in team.providers
            if name != chosen
        ],
        switch_cost=_cost(team, chosen, base, signals, state, known),
        escalated_from=_escalated_from(chosen, wished, base, state, reasons),
        switched_from=state.current if state.current not in (None, chosen) else None,
        prompt_tokens=signals.prompt_tokens,
    )
    style = Style(**base.model_dump(include=set(Style.model_fields)))
    refuge = cause in _REFUGE or (cause == "sticky" and state.refuge)
    return Choice(decision, style, replace(state, current=chosen, refuge=refuge))


def prefix_of(provider: str, style: Style) -> str:
    """Names what a prompt begins with: the provider, and what a style changes of system text and tools."""
    tools = ",".join(style.tools or [])
    return "#".join([provider, *filter(None, [style.system, tools])])


def _base(router: Router, signals: Signals) -> tuple[Route, str]:
    """Who the rules wish, all else left aside."""
    for rule in router.rules:
        if _holds(rule, signals):
            return rule, "rule"
    if route := router.subtasks.get(signals.subtask):
        return route, "subtask"
    return Route(provider=router.default), "default"


def _holds(rule: Rule, signals: Signals) -> bool:
    when = rule.when
    return (
        rule.subtask in (None, signals.subtask)
        and (when.min_tokens is None or signals.prompt_tokens >= when.min_tokens)
        and (when.max_tokens is None or signals.prompt_tokens <= when.max_tokens)
        and when.last_status in (None, signals.last_status)
        and (when.attempt is None or signals.attempt >= when.attempt)
    )


def _judged(state: RouteState, signals: Signals) -> RouteState:
    """Count the steps that went well while a stronger one stands in."""
    if not state.stands_in:
        return state
    if signals.attempt > 1:
        return replace(state, good_steps=0) if signals.format_errors else state
    if signals.step <= state.judged:
        return state
    good = state.good_steps + 1 if signals.last_status in _GOOD else 0
    return replace(state, good_steps=good, judged=signals.step)


def _standing(
    team: Team, base: Route, cause: str, signals: Signals, state: RouteState, actions: int
) -> tuple[str, str, RouteState]:
    """(wished provider, cause, state) once escalation and return are thought of."""
    rules, ladder, wished = team.router.escalate, team.router.ladder, base.provider
    if state.stands_in:
        above = wished in ladder and state.stands_in in ladder and ladder.index(wished) > ladder.index(state.stands_in)
        if not above:
            wished, cause = state.stands_in, "escalated"
    trigger = _trigger(team.router, signals, state)
    stronger = _stronger(team, wished, signals) if trigger else []
    if not trigger or not stronger:
        if state.stands_in and not trigger and state.good_steps >= rules.return_after:
            calm = signals.step + rules.cooldown_steps
            state = replace(state, stands_in=None, stands_in_for=None, good_steps=0, since=actions, calm_until=calm)
            return base.provider, "returned", state
        return wished, cause, state
    state = replace(
        state,
        stands_in=stronger[0],
        stands_in_for=state.stands_in_for or wished,
        good_steps=0,
        judged=signals.step,
        since=actions,
        format_errors=0,
    )
    return stronger[0], trigger, state


def _trigger(router: Router, signals: Signals, state: RouteState) -> str | None:
    rules = router.escalate
    if rules.format_errors is not None and signals.format_errors >= rules.format_errors:
        return "format_errors"
    if signals.step <= state.calm_until or signals.attempt > 1:
        return None
    if rules.cycle is not None and signals.cycle >= rules.cycle:
        return "cycle"
    if rules.repeated_actions is not None and signals.repeated >= rules.repeated_actions:
        return "repeated_action"
    if rules.failing_tests is not None and signals.failing_tests >= rules.failing_tests:
        return "failing_tests"
    return None


def _stronger(team: Team, name: str, signals: Signals) -> list[str]:
    """Who could stand in for `name`, the next one first. One that stands beside the ladder has only its top above it,
    and that only where `escalate.to` says so."""
    ladder = team.router.ladder
    above = ladder[ladder.index(name) + 1 :] if name in ladder else team.router.escalate.to[-1:]
    return [other for other in above if other != name and not _barred(team, other, signals)]


def _barred(team: Team, name: str, signals: Signals) -> bool:
    """Whether its `roles` leave this subtask out."""
    roles = team.providers[name].roles
    return bool(roles) and signals.subtask not in roles


def _candidates(team: Team, wished: str, base: Route, cause: str, signals: Signals) -> list[str]:
    router = team.router
    stronger = _stronger(team, wished, signals) if cause in ("escalated", *_TRIGGERS) else []
    named = [wished, *stronger, base.provider, *base.fallback, *router.fallback, router.default]
    return list(dict.fromkeys(named))


_TRIGGERS = ("format_errors", "repeated_action", "cycle", "failing_tests")


def _reasons(team: Team, named: str, signals: Signals, state: RouteState, known: Known) -> dict[str, str]:
    """Provider → why it cannot be asked now. `named`: who the rules name for this subtask."""
    reasons = {name: why for name, why in known.unusable.items() if name in team.providers}
    for name, provider in team.providers.items():
        until = state.cooling.get(name, 0)
        if name in reasons:
            continue
        if until > known.now and not team.alone:
            reasons[name] = f"unhealthy: it failed, and is left alone for {until - known.now:.0f} s more"
        elif name not in (named, team.router.default) and _barred(team, name, signals):
            reasons[name] = f"roles: it is for {', '.join(provider.roles)}"
    return reasons


def _not_worth(
    team: Team, wished: str, cause: str, signals: Signals, state: RouteState, known: Known, base: Route
) -> str:
    """Why a change that is merely wished is not made."""
    if cause not in _WISHED or state.current in (None, wished) or state.refuge:
        return ""
    limits, cost = team.router.switching, _cost(team, wished, base, signals, state, known)
    tokens, load = cost["prefill_tokens"] or 0, cost["load_s"]
    if limits.max_prefill_tokens is not None and tokens > limits.max_prefill_tokens:
        return f"sticky: {tokens:.0f} tokens to prefill, at most {limits.max_prefill_tokens}"
    if limits.max_load_s is not None and (load is None or load > limits.max_load_s):
        said = "unknown" if load is None else f"{load:.1f} s"
        return f"sticky: {said} to load, at most {limits.max_load_s:g} s"
    return ""


def _cost(
    team: Team, name: str, base: Route, signals: Signals, state: RouteState, known: Known
) -> dict[str, float | None]:
    """Tokens to prefill and seconds to load; what a prompt has beyond the provider's limit it will not be shown."""
    load, limit = known.load_s.get(name, 0.0), team.providers[name].prompt_limit
    held = state.held.get(prefix_of(name, base), 0) if load == 0 else 0
    size = min(signals.prompt_tokens, limit or signals.prompt_tokens)
    return {"prefill_tokens": max(0, size - held), "load_s": load}


def _escalated_from(chosen: str, wished: str, base: Route, state: RouteState, reasons: Mapping[str, str]) -> str | None:
    if state.stands_in == chosen and state.stands_in_for != chosen:
        return state.stands_in_for
    if chosen != wished and reasons.get(wished, "").partition(":")[0] in ("overflow", "unhealthy", "budget", "missing"):
        return wished
    return None


def _shown(signals: Signals) -> dict[str, Any]:
    known = {name: getattr(signals, name) for name in signals.__dataclass_fields__}
    return {name: value for name, value in known.items() if name not in ("step", "subtask")}
