"""Stage `filter`: what speaks against a run, and against a single step of it.

A rule on steps gives the indices of steps that must not be trained on; they stay in the prompts of later ones. A rule
on runs says why the whole run is left out. Each rule is a function from an episode, listed here by its name, which is
the reason in the card.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from slm_ext.datasets.config import BuildConfig
from slm_ext.datasets.episode import Episode
from slm_ext.datasets.rules import calls, code, edits, leaks, replies, runs

__all__ = ["RUN_RULES", "STEP_RULES", "filter_episode"]

STEP_RULES: dict[str, Callable[[Episode], Iterable[int]]] = {
    "format_error": replies.rejected,
    "announce_only": replies.announce_only,
    "several_calls": replies.several_calls,
    "unknown_tool": calls.unknown_tool,
    "bad_arguments": calls.bad_arguments,
    "unparsable_code": code.unparsable,
    "unknown_field": code.unknown_field,
    "tool_error": calls.failed,
    "unsafe_command": calls.unsafe,
    "loop": replies.loop,
    "reverted_edit": edits.reverted,
}
"""In this order: a step's first reason is the one that counts."""

RUN_RULES: dict[str, Callable[[Episode, BuildConfig], bool]] = {
    "no_steps": runs.no_steps,
    "tainted": runs.tainted,
    "not_chosen": runs.not_chosen,
    "no_verdict": runs.no_verdict,
    "unresolved": runs.unresolved,
    "exit_status": runs.exit_status,
    "license": runs.license,
    "future_history": leaks.future_history,
}
"""A gold patch in the context is seen where the tasks to keep out are known: `decontamination`."""


def filter_episode(episode: Episode, config: BuildConfig) -> Episode:
    """The episode with its judgement: `dropped`, and `bad` on its steps; an unsolved run's may serve as contrast."""
    episode.dropped = next((name for name, rule in RUN_RULES.items() if rule(episode, config)), "")
    if episode.dropped not in ("", "unresolved"):
        return episode
    for name, step_rule in STEP_RULES.items():
        if name not in config.disable:
            for index in step_rule(episode):
                episode.steps[index].bad.append(name)
    return episode
