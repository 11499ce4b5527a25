"""What kind of work the next step is, by what was done so far. The rules are in `docs/explanation/routing.md`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from slm_ext.routing.actions import Action

if TYPE_CHECKING:
    from slm_ext.registry.router import Subtask

__all__ = ["classify"]


def classify(actions: Sequence[Action]) -> Subtask:
    """The kind of work of the step that comes next; `summarize` is never returned, it is asked for."""
    work = [action for action in actions if action.kind != "other"]
    if not work:
        return "locate" if actions else "plan"
    last = work[-1]
    if last.status == "error":
        return _again(work)
    return _AFTER[last.kind](work)


def _again(work: Sequence[Action]) -> Subtask:
    return work[-1].kind  # type: ignore[return-value]


def _after_locate(work: Sequence[Action]) -> Subtask:
    if not work[-1].text or re.match(r"No (matches|files) found", work[-1].text):
        return "locate"
    return "read"


def _after_read(work: Sequence[Action]) -> Subtask:
    return "edit"


def _after_edit(work: Sequence[Action]) -> Subtask:
    return "test"


def _after_test(work: Sequence[Action]) -> Subtask:
    last = work[-1]
    changed = any(action.changed for action in work)
    if last.status == "failed":
        return "edit" if changed else "read"
    return "finish" if changed else "locate"


def _after_review(work: Sequence[Action]) -> Subtask:
    return "finish" if any(action.changed for action in work) else "read"


def _after_finish(work: Sequence[Action]) -> Subtask:
    return "finish"


_AFTER = {
    "locate": _after_locate,
    "read": _after_read,
    "edit": _after_edit,
    "test": _after_test,
    "review": _after_review,
    "finish": _after_finish,
}
