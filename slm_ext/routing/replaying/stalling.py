"""Where a recorded run stands still: from there on it makes no progress any more, or the stop policy would end it.

A turn makes progress where its action

- changed a file, the change was not taken back later, and the next test run said something new (where a run has tests
  but none after the change: where the work was handed in),
- read, searched or reviewed something successfully, for the first time since files were last changed,
- ran tests, and they said something else than the time before,
- did anything else successfully, for the first time since files were last changed; or handed the work in.

A reply that was rejected, a failed call and an overflow make none.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from slm_ext.registry.policies import StopPolicy
from slm_ext.routing.reading.actions import Action, read_actions, shell_work
from slm_ext.routing.replaying.recorded import Situation
from slm_ext.routing.stopping import stop

__all__ = ["PATIENCE", "Stall", "stall_of"]

PATIENCE = StopPolicy().repeat_window
"""Turns without progress, none after them having any, with which a run stands still: as many as the stop policy looks
at for repetitions."""


@dataclass(frozen=True)
class Stall:
    """Where, and by what it is seen."""

    turn: int
    """Index among the run's turns."""
    step: int
    reason: str
    """`no_progress`, or the stop policy's reason."""
    since_step: int
    """The first step of those that led nowhere."""


def stall_of(situations: Sequence[Situation], policy: StopPolicy | None = None) -> Stall | None:
    """The first stall of a run; None where it went on to its end.

    Args:
        situations: all of a run.
        policy: None is the default one.
    """
    found = [stall for stall in (_stopped(situations, policy or StopPolicy()), _still(situations)) if stall]
    return min(found, key=lambda stall: stall.turn, default=None)


def _stopped(situations: Sequence[Situation], policy: StopPolicy) -> Stall | None:
    """Where the stop policy would end the run."""
    for index, now in enumerate(situations):
        decision = stop(policy, now.actions, step=now.turn.step, tokens=0, seconds=0)
        if decision is not None:
            return Stall(index, now.turn.step, decision.reason, now.turn.step)
    return None


def _still(situations: Sequence[Situation]) -> Stall | None:
    """The sixth turn of those at the end that made no progress."""
    moved = _progress(situations)
    first = len(moved)
    while first and not moved[first - 1]:
        first -= 1
    index = first + PATIENCE - 1
    if index >= len(moved):
        return None
    return Stall(index, situations[index].turn.step, "no_progress", situations[first].turn.step)


def _progress(situations: Sequence[Situation]) -> list[bool]:
    """By turn. What a turn's action brought stands in the conversation of the next one."""
    if not situations:
        return []
    ends = [len(now.actions) for now in situations[1:]]
    actions = [*situations[-1].actions, *_last(situations[-1])]
    useful = _useful(actions)
    found = []
    for now, end in zip(situations, [*ends, len(actions)], strict=True):
        taken = now.turn.answer.status == "ok" and bool(now.turn.answer.tool)
        found.append(taken and any(useful[len(now.actions) : end]))
    return found


def _last(now: Situation) -> list[Action]:
    """What the last turn did; no conversation tells what came of it."""
    answer = now.turn.answer
    if answer.status != "ok" or not answer.tool:
        return []
    function = {"name": answer.tool, "arguments": json.dumps(dict(answer.arguments), default=repr)}
    return read_actions([{"role": "assistant", "content": "", "tool_calls": [{"id": "last", "function": function}]}])


def _useful(actions: Sequence[Action]) -> list[bool]:
    useful, done, said = [], set(), None
    for action in actions:
        if action.kind == "test" and action.status in ("passed", "failed"):
            now = (action.status, action.text)
            good, said = now != said, now
        else:
            good = action.status in ("ok", "none", "passed") and action.key not in done
        if action.changed:
            done.clear()
        else:
            done.add(action.key)
        useful.append(good)
    taken_back = _taken_back(actions)
    for index, action in enumerate(actions):
        if action.changed and action.kind != "test":
            useful[index] = index not in taken_back and _came_to_something(actions, useful, index)
    return useful


def _came_to_something(actions: Sequence[Action], useful: Sequence[bool], index: int) -> bool:
    """Whether the next test run after a change said something new."""
    tests = [at for at, action in enumerate(actions) if action.kind == "test" and action.status != "error"]
    later = [at for at in tests if at > index]
    if later:
        return useful[later[0]]
    return not tests or any(action.kind == "finish" for action in actions[index:])


def _taken_back(actions: Sequence[Action]) -> set[int]:
    """Changes that were undone, and the undoing itself: by files where the undoing names some, else the last one."""
    found: set[int] = set()
    standing: list[int] = []
    for index, action in enumerate(actions):
        if not action.changed:
            continue
        if not _undoes(action):
            standing.append(index)
            continue
        found.add(index)
        undone = [at for at in standing if not action.paths or set(action.paths) & set(actions[at].paths)][-1:]
        found.update(undone)
        standing = [at for at in standing if at not in undone]
    return found


def _undoes(action: Action) -> bool:
    work = shell_work(action.tool, action.arguments)
    own = "undo" in action.tool or action.arguments.get("command") == "undo_edit"
    return own or (work is not None and work.undo)
