"""When a run is ended although its model would go on: exactly one reason, with what it was seen by."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

from pydantic import BaseModel, ConfigDict

from slm_ext.routing.reading.actions import Action
from slm_ext.routing.reading.signals import cycle, repeated, steps_without_diff

if TYPE_CHECKING:
    from slm_ext.registry.policies import StopPolicy

__all__ = ["StopDecision", "stop"]


class StopDecision(BaseModel):
    """Why a run ends before step `step`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    reason: Literal["max_steps", "max_tokens", "max_wall_s", "repeat_action", "cycle", "no_diff_steps"]
    step: int
    """The step that is not taken."""
    evidence: dict[str, Any]
    """`seen` and `limit` of the reason's own measure; for repetitions also the `actions` concerned."""


def stop(
    policy: StopPolicy, actions: Sequence[Action], *, step: int, tokens: int, seconds: float
) -> StopDecision | None:
    """The first reason that holds, in the order of `StopDecision.reason`; None: go on.

    Args:
        actions: of the whole run, oldest first.
        step: the step that would come next, 1 for the first.
        tokens: of prompts and replies so far.
        seconds: of wall clock since the first call.
    """
    measures = (
        ("max_steps", step - 1, policy.max_steps),
        ("max_tokens", tokens, policy.max_tokens),
        ("max_wall_s", seconds, policy.max_wall_s),
        ("repeat_action", repeated(actions, policy.repeat_window), policy.repeat_action),
        ("cycle", cycle(actions), policy.cycle),
        ("no_diff_steps", steps_without_diff(actions), policy.no_diff_steps),
    )
    for reason, seen, limit in measures:
        if limit is not None and seen >= limit:
            evidence: dict[str, Any] = {"seen": seen, "limit": limit}
            concerned = {"repeat_action": actions[-1:], "cycle": actions[-2:]}.get(reason, ())
            if concerned:
                evidence["actions"] = [action.key[:200] for action in concerned]
            return StopDecision(reason=reason, step=step, evidence=evidence)
    return None
