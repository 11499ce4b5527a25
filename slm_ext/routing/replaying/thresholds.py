"""When a run would have been escalated, for every setting of the triggers at once.

Before the first escalation no trigger has changed what is decided, so the first one of a setting is the earliest of
those that its triggers have alone: each is replayed once, and their combinations are looked up.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product

from slm_ext.registry.router import Escalation, Team
from slm_ext.routing.replaying.recorded import Situation
from slm_ext.routing.replaying.replay import replay

__all__ = ["LEVELS", "SETTINGS", "SWEEP", "First", "Setting", "first_escalations", "with_thresholds"]

LEVELS: Mapping[str, tuple[int | None, ...]] = {
    "format_errors": (1, 2, 3, 4, None),
    "repeated_actions": (2, 3, 4, None),
    "failing_tests": (1, 2, 3, 4, None),
    "cycle": (2, 3, 4, None),
}
"""Trigger → thresholds, as a router's `escalate` can have them: the newest action always stands among the last ones
once, so 1 is no threshold of `repeated_actions` and `cycle`. None is off."""

Setting = tuple[int | None, ...]
"""Thresholds in the order of `LEVELS`."""

SETTINGS: tuple[Setting, ...] = tuple(product(*LEVELS.values()))
"""Every combination."""

SWEEP: tuple[Setting, ...] = tuple(
    tuple(None if level is None else max(level, min(filter(None, values))) for values in LEVELS.values())
    for level in (None, 4, 3, 2, 1)
)
"""All triggers alike, from off to the most impatient."""


@dataclass(frozen=True)
class First:
    """The turn of a run's first escalation, by trigger and threshold. None: it never comes."""

    always: int | None
    """With all triggers off: a prompt that did not fit, a provider that could not be asked."""
    by_trigger: Mapping[tuple[str, int], int | None]

    def of(self, setting: Setting) -> int | None:
        """With these thresholds."""
        set_up = [(name, level) for name, level in zip(LEVELS, setting, strict=True) if level is not None]
        turns = [self.always, *(self.by_trigger[pair] for pair in set_up)]
        return min((turn for turn in turns if turn is not None), default=None)


def first_escalations(team: Team, situations: Sequence[Situation]) -> First:
    """Replay a run once for each threshold of each trigger alone."""
    off = dict.fromkeys(LEVELS)
    alone = {
        (name, level): _first(team, situations, {**off, name: level})
        for name, levels in LEVELS.items()
        for level in levels
        if level is not None
    }
    return First(_first(team, situations, off), alone)


def with_thresholds(team: Team, thresholds: Mapping[str, int | None]) -> Team:
    """The team with other thresholds of `escalate`."""
    escalate = Escalation.model_validate({**team.router.escalate.model_dump(), **thresholds})
    return replace(team, router=team.router.model_copy(update={"escalate": escalate}))


def _first(team: Team, situations: Sequence[Situation], thresholds: Mapping[str, int | None]) -> int | None:
    found = replay(with_thresholds(team, thresholds), situations, until_escalation=True).escalations
    return found[0].turn if found else None
