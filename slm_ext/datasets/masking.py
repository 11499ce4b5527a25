"""Stage `mask`: which of an episode's good steps become targets."""

from __future__ import annotations

import hashlib

from slm_ext.datasets.config import BuildConfig
from slm_ext.datasets.episode import Episode, Step

__all__ = ["mask_episode"]

_ALWAYS = ("finish", "edit")
"""Kinds of calls that stay where rows are too many, the first one first: there are few of them, and they decide."""


def mask_episode(episode: Episode, config: BuildConfig) -> Episode:
    """The episode with `train` set. Bad steps are context and no targets; so are those of kinds that nobody asked for.

    Where good ones are more than `per_episode`, submissions and edits stay, and the others are drawn evenly by a hash
    of the seed, so that the choice does not depend on other episodes, nor on the folder a run lies in.
    """
    if episode.dropped:
        return episode
    good = [step for step in episode.steps if not step.bad and _wanted(step, config)]
    for step in _chosen(good, episode, config):
        step.train = True
    return episode


def _wanted(step: Step, config: BuildConfig) -> bool:
    if config.subtasks and step.subtask not in config.subtasks:
        return False
    return config.turns == "all" or step.kind in _ALWAYS


def _chosen(steps: list[Step], episode: Episode, config: BuildConfig) -> list[Step]:
    most = config.per_episode
    if most is None or len(steps) <= most:
        return steps

    def rank(step: Step) -> tuple[int, bytes]:
        key = f"{config.seed} {episode.instance} {episode.run_id} {step.number} {step.attempt}"
        place = _ALWAYS.index(step.kind) if step.kind in _ALWAYS else len(_ALWAYS)
        return place, hashlib.sha256(key.encode("utf-8", "surrogatepass")).digest()

    return sorted(steps, key=rank)[:most]
