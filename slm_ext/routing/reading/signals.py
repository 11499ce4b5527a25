"""What a router looks at: numbers that say how far a run got, and whether it goes in circles."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from slm_ext.routing.reading.actions import Action
from slm_ext.routing.reading.subtasks import classify

__all__ = ["WINDOW", "Signals", "cycle", "failing_tests", "read_signals", "repeated", "steps_without_diff"]

WINDOW = 6
"""Actions among which the newest is looked for."""


@dataclass(frozen=True)
class Signals:
    """What is known before a step is decided."""

    step: int
    subtask: str
    """Of the step to come."""
    prompt_tokens: int
    attempt: int
    """1 for a step's first; one more for each reply to it that was rejected."""
    last_status: str
    """`none`, `ok`, `error`, `rejected`, `tests_passed` or `tests_failed`."""
    format_errors: int
    """Replies in a row without a usable call."""
    repeated: int
    """How often the newest action stands among the last six, those before the last change of a file not counted."""
    cycle: int
    """Whole turns of two different actions, A B, that end with the newest one."""
    failing_tests: int
    """Test runs in a row that failed, from the first edit on."""
    steps_without_diff: int
    """Actions since the last change of a file."""


def read_signals(
    actions: Sequence[Action],
    *,
    step: int,
    attempt: int = 1,
    format_errors: int = 0,
    prompt_tokens: int = 0,
    since: int = 0,
) -> Signals:
    """The signals before step `step`.

    Args:
        actions: of the whole run, oldest first.
        since: index of the first action that `repeated`, `cycle` and `failing_tests` look at; those before it are
            another provider's. `subtask`, `last_status` and `steps_without_diff` look at all.
    """
    own = actions[max(0, since) :]
    return Signals(
        step=step,
        subtask=classify(actions),
        prompt_tokens=prompt_tokens,
        attempt=attempt,
        last_status="rejected" if attempt > 1 else _last_status(actions),
        format_errors=format_errors,
        repeated=repeated(own),
        cycle=cycle(own),
        failing_tests=failing_tests(own),
        steps_without_diff=steps_without_diff(actions),
    )


def repeated(actions: Sequence[Action], window: int = WINDOW) -> int:
    """How often the newest action stands among the last `window`, itself included; only since the last change."""
    count = 0
    for position, action in enumerate(reversed(actions[-window:])):
        if action.changed and position:
            break
        count += action.key == actions[-1].key
        if action.changed:
            break
    return count


def cycle(actions: Sequence[Action]) -> int:
    """Whole turns A B of two different actions that end with the newest."""
    if len(actions) < 2 or actions[-1].key == actions[-2].key:
        return 0
    pair = (actions[-2].key, actions[-1].key)
    count, end = 0, len(actions)
    while end >= 2 and (actions[end - 2].key, actions[end - 1].key) == pair:
        count, end = count + 1, end - 2
    return count


def failing_tests(actions: Sequence[Action]) -> int:
    """Test runs in a row that failed, after the first change of a file. A run that says nothing is passed over."""
    count, edited = 0, False
    for action in actions:
        if action.status == "passed":
            count = 0
        elif action.status == "failed" and (edited or action.changed):
            count += 1
        edited = edited or action.changed
    return count


def steps_without_diff(actions: Sequence[Action]) -> int:
    """Actions since the last one that changed a file; all of them where none did."""
    for position, action in enumerate(reversed(actions)):
        if action.changed:
            return position
    return len(actions)


def _last_status(actions: Sequence[Action]) -> str:
    status = actions[-1].status if actions else "none"
    return {"passed": "tests_passed", "failed": "tests_failed"}.get(status, status)
