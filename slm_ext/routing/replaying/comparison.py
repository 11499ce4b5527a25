"""What a router would have made of recorded runs, all of them together."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from slm_ext.errors import UsageError
from slm_ext.registry.policies import Price
from slm_ext.registry.provider import Provider
from slm_ext.registry.router import Team
from slm_ext.routing.replaying.curve import Curve, Large, Small, Task, cost_quality
from slm_ext.routing.replaying.recorded import RecordedCall, RecordedRun, Situation, situations
from slm_ext.routing.replaying.replay import Replay, replay
from slm_ext.routing.replaying.stalling import Stall, stall_of
from slm_ext.routing.replaying.thresholds import first_escalations
from slm_ext.routing.state import Spent

__all__ = ["PROXY", "Baseline", "Comparison", "Judged", "compare", "judge"]

PROXY = (
    "A proxy: every decision is made on the steps as they were recorded, by whoever answered then. What another model "
    "would have done there, nobody has seen; agreement step by step does not predict that a task is solved."
)
"""Said with every figure of a replay."""


@dataclass(frozen=True)
class Judged:
    """One run with what the router would have decided."""

    run: RecordedRun
    situations: Sequence[Situation]
    replay: Replay
    stall: Stall | None
    by: str | None
    """The provider that gave all of its answers; None where several did, or nobody knows who."""

    @property
    def before_stall(self) -> bool | None:
        """Whether the first escalation comes before the run stalls, so that the stronger one has that turn already;
        None where it does not stall."""
        if self.stall is None:
            return None
        found = self.replay.escalations
        return bool(found) and found[0].turn <= self.stall.turn


@dataclass(frozen=True)
class Baseline:
    """What a way to choose takes, were the recorded steps its own."""

    name: str
    share_small: float
    """Part of the decisions that fall on the small one."""
    tokens: int
    """Of prompts and replies."""
    usd: float | None
    """None: none of the providers has a price."""


@dataclass(frozen=True)
class Comparison:
    """All runs."""

    judged: list[Judged]
    small: str
    large: str | None
    """None: the router has nobody stronger than its default."""
    baselines: list[Baseline]
    unit: str
    """Of the curve's costs: `tokens` or `usd`."""
    curve: Curve | None
    why_no_curve: str

    def totals(self) -> dict[str, Any]:
        """Step by step, over all runs. `share_small` and `agreement` are None where there is nothing to count."""
        judged, points = self.judged, [point for one in self.judged for point in one.replay.points]
        agreed, compared = (sum(one.replay.agreement[i] for one in judged) for i in (0, 1))
        escalated = [one for one in judged if one.replay.escalations]
        return {
            "runs": len(judged),
            "decisions": len(points),
            "agreed": agreed,
            "compared": compared,
            "agreement": agreed / compared if compared else None,
            "share_small": sum(point.provider == self.small for point in points) / len(points) if points else None,
            "escalations": sum(point.escalates for point in points),
            "runs_escalated": len(escalated),
            "runs_stalled": sum(one.stall is not None for one in judged),
            "runs_escalated_before_stall": sum(one.before_stall is True for one in judged),
            "runs_escalated_without_stall": sum(one.stall is None for one in escalated),
            "switches": sum(len(one.replay.switches) for one in judged),
            "prefill_tokens": sum(one.replay.prefill_tokens for one in judged),
            "nobody_to_ask": sum(point.decision is None for point in points),
        }


def judge(team: Team, run: RecordedRun, by: str | None = None) -> Judged:
    """Decide one run again. `by` names who answered it, where the record does not."""
    read = situations(run)
    return Judged(run, read, replay(team, read), stall_of(read, team.router.stop_policy), by or _answered_by(team, run))


def compare(
    team: Team,
    runs: Iterable[tuple[RecordedRun, str | None]],
    *,
    small: str | None = None,
    large: str | None = None,
    seed: int = 0,
    progress: Callable[[int], None] = lambda done: None,
) -> Comparison:
    """Decide runs again, and set cost against quality where that can be done.

    Args:
        runs: each with who answered it, or None to take the record's word.
        small, large: the ends of the curve; by default the router's default and the last of its ladder.
        seed: of the intervals.
        progress: told how many runs are done.

    Raises:
        UsageError: `small` or `large` is no provider of the team.
    """
    ladder = team.router.ladder
    weak, strong = small or team.router.default, large or (ladder[-1] if len(ladder) > 1 else None)
    for flag, name in (("--small", weak), ("--large", strong)):
        if name is not None and name not in team.providers:
            raise UsageError(f"read {flag}", seen=repr(name), allowed=", ".join(team.providers))
    if weak == strong:
        raise UsageError("read --small and --large", seen=f"{weak!r} twice", allowed="two providers of the router")
    judged = []
    for run, by in runs:
        judged.append(judge(team, run, by))
        progress(len(judged))
    unit, cost = _unit(team, weak, strong)
    tasks, why = _tasks(team, judged, weak, strong, cost) if strong else ([], _ALONE.format(team.name))
    curve = cost_quality(tasks, seed=seed) if tasks else None
    return Comparison(judged, weak, strong, _baselines(team, judged, weak, strong), unit, curve, why)


_ALONE = "{0!r} has nobody to escalate to, so there is no large model to set against the small one"


def _answered_by(team: Team, run: RecordedRun) -> str | None:
    """By the provider's name, or the model's where there is none."""
    answers = [turn.answer for turn in run.turns if turn.answer.status in ("ok", "rejected")]
    names = {call.provider or call.model for call in answers}
    if len(names) != 1 or None in names:
        return None
    name = str(names.pop())
    if name in team.providers:
        return name
    return next((other for other, provider in team.providers.items() if provider.model == name), name)


def _unit(team: Team, small: str, large: str | None) -> tuple[str, Callable[[RecordedCall, Provider], float]]:
    """The curve's unit, and the cost of a call in it: dollars where one of the two has a price."""
    prices = [team.providers[name].price for name in (small, large) if name]
    if all(price.free for price in prices):
        return "tokens", lambda call, provider: float((call.prompt_tokens or 0) + (call.reply_tokens or 0))
    return "usd", lambda call, provider: _usd(call, provider.price)


def _usd(call: RecordedCall, price: Price) -> float:
    prompt, cached, reply = call.prompt_tokens or 0, call.cached_tokens or 0, call.reply_tokens or 0
    return Spent().plus(prompt=prompt, cached=cached, reply=reply, seconds=0.0, price=price, calls=1).usd


def _tasks(
    team: Team, judged: Sequence[Judged], small: str, large: str, cost: Callable[[RecordedCall, Provider], float]
) -> tuple[list[Task], str]:
    """Tasks with runs of both models whose verdict and tokens are known; else why there are none."""
    usable: dict[str, dict[str, list[Judged]]] = {small: {}, large: {}}
    seen: dict[str, int] = {}
    for one in judged:
        seen[str(one.by)] = seen.get(str(one.by), 0) + 1
        if one.by in usable and one.run.resolved is not None and _counted(one):
            usable[one.by].setdefault(one.run.instance_id, []).append(one)
    both = sorted(usable[small].keys() & usable[large].keys())
    if not both:
        who = ", ".join(
            f"{count} by {'several or unknown' if name == 'None' else name}" for name, count in seen.items()
        )
        have = ", ".join(f"{len(found)} tasks by {name}" for name, found in usable.items())
        return [], (
            f"no task has runs of both {small} and {large} with a verdict and recorded tokens (runs: {who}; with both: "
            f"{have}), so nobody knows what the other one would have solved"
        )
    tasks = [
        Task(
            name,
            tuple(_small(team, one, small, cost) for one in usable[small][name]),
            tuple(_large(team, one, large, cost) for one in usable[large][name]),
        )
        for name in both
    ]
    return tasks, ""


def _counted(one: Judged) -> bool:
    """Whether the record has tokens of every answer."""
    return all(now.turn.answer.prompt_tokens is not None for now in one.situations if now.answered)


def _small(team: Team, one: Judged, name: str, cost: Callable[[RecordedCall, Provider], float]) -> Small:
    before = [0.0]
    for turn in one.run.turns:
        before.append(before[-1] + sum(cost(call, team.providers[name]) for call in turn.calls))
    escalations = one.replay.escalations
    return Small(
        resolved=bool(one.run.resolved),
        before=tuple(before),
        own=escalations[0].turn if escalations else None,
        first=first_escalations(team, one.situations),
        stall=one.stall.turn if one.stall else None,
    )


def _large(team: Team, one: Judged, name: str, cost: Callable[[RecordedCall, Provider], float]) -> Large:
    whole = sum(cost(call, team.providers[name]) for turn in one.run.turns for call in turn.calls)
    return Large(bool(one.run.resolved), whole)


def _baselines(team: Team, judged: Sequence[Judged], small: str, large: str | None) -> list[Baseline]:
    """The recorded steps, at the price of whom each way chooses; who would need more or fewer steps, nobody knows."""
    turns = [(turn, point) for one in judged for turn, point in zip(one.run.turns, one.replay.points, strict=True)]
    calls = [(call, point.provider) for turn, point in turns for call in turn.calls]
    tokens = sum((call.prompt_tokens or 0) + (call.reply_tokens or 0) for call, _ in calls)
    share = sum(point.provider == small for _, point in turns) / len(turns) if turns else 0.0
    priced = not all(provider.price.free for provider in team.providers.values())

    def usd(of: Mapping[str | None, float] | None) -> float | None:
        """All calls at a mixture of providers; None: each at the one chosen for it."""
        if not priced:
            return None
        if of is None:
            return sum(_usd(call, team.providers[name].price) for call, name in calls if name)
        return sum(
            part * _usd(call, team.providers[name].price) for call, _ in calls for name, part in of.items() if name
        )

    found = [Baseline("all-small", 1.0, tokens, usd({small: 1.0}))]
    if large:
        found += [
            Baseline("all-large", 0.0, tokens, usd({large: 1.0})),
            Baseline("random, as many on the small one", share, tokens, usd({small: share, large: 1 - share})),
        ]
    return [*found, Baseline("router", share, tokens, usd(None))]
