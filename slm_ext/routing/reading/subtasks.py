"""What kind of work the next step is, by what was done so far. The rules are in `docs/explanation/routing.md`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

from slm_ext.routing.reading.actions import Action, shell_work
from slm_ext.routing.reading.shell import Work

if TYPE_CHECKING:
    from slm_ext.registry.router import Subtask

__all__ = ["classify"]


def classify(actions: Sequence[Action]) -> Subtask:
    """The kind of work of the step that comes next; `summarize` is never returned, it is asked for.

    Args:
        actions: of the whole run, oldest first. Those of kind `other` (changing the folder, installing) say nothing.
    """
    work = [action for action in actions if action.kind != "other"]
    if not work:
        return "locate" if actions else "plan"
    if work[-1].status == "error":
        return _after_error(work)
    return _AFTER[work[-1].kind](work, _facts(work))


@dataclass
class _Facts:
    """What a run has come to."""

    files: set[str] = field(default_factory=set)
    """Changed, without scripts that were written only to be run."""
    scratch: set[str] = field(default_factory=set)
    """Scripts that were written, run, and are still there."""
    tested: bool = False
    """A test program passed after the last change."""
    tried: int = 0
    """Scripts and checks that ran through after the last change."""
    reviewed: bool = False
    """Somebody looked at the changes after the last one."""
    source_seen: bool = False
    """A source file was read."""
    failed: bool = False
    """The last test run failed, and nothing has changed since."""
    failures: list[str] = field(default_factory=list)
    """What failed, run by run, since files were first changed, a test run passed, or a change was taken back."""


def _facts(work: Sequence[Action]) -> _Facts:
    facts, changed = _Facts(), False
    for action in work:
        if action.changed:
            changed = True
            command = _shell(action)
            if command is not None and command.name == "rm" and action.kind == "edit":
                facts.scratch.difference_update(action.paths)
            else:
                facts.tested, facts.tried, facts.reviewed, facts.failed = False, 0, False, False
                facts.files.update(action.paths if action.kind == "edit" else ())
            if _takes_back(action, command):
                facts.failures.clear()
                facts.files.difference_update(action.paths)
        if action.kind == "test":
            facts.failed = action.status == "failed"
            facts.tested |= action.status == "passed"
            facts.tried += action.status == "ok"
            if action.status == "failed" and changed:
                facts.failures.append(action.text)
            elif action.status == "passed":
                facts.failures.clear()
            written = facts.files.intersection(action.paths) if not _is_suite(action) else ()
            facts.scratch.update(written)
            facts.files.difference_update(written)
        elif action.kind == "review":
            facts.reviewed = True
        elif action.kind == "read" and action.status == "ok" and not facts.source_seen:
            facts.source_seen = any(_is_source(path) for path in action.paths)
    return facts


def _after_error(work: Sequence[Action]) -> Subtask:
    """The same again; but where the text to replace was not there twice, the file is not as it was thought to be."""
    last = work[-1]
    twice = len(work) > 1 and last.kind == work[-2].kind == "edit" and last.paths == work[-2].paths
    if twice and all(action.status == "error" and _NOT_THERE.search(action.text) for action in work[-2:]):
        return "read"
    return cast("Subtask", last.kind)


def _after_locate(work: Sequence[Action], facts: _Facts) -> Subtask:
    """Names alone do not say where to read, unless they were asked for twice."""
    if not work[-1].text or _NOTHING_FOUND.match(work[-1].text):
        return "locate"
    return "locate" if _lists(work[-1]) and not (len(work) > 1 and _lists(work[-2])) else "read"


def _after_read(work: Sequence[Action], facts: _Facts) -> Subtask:
    paths = work[-1].paths
    if facts.files and not (facts.tested or facts.failed or facts.tried) and facts.files.intersection(paths):
        return "test"
    if work[-1].tool == "filemap" or (paths and not facts.source_seen):
        return "read"  # an outline, a test, a text: they say what to read
    return "edit"


def _after_edit(work: Sequence[Action], facts: _Facts) -> Subtask:
    if _takes_back(work[-1], _shell(work[-1])):
        return "edit"
    if facts.tested:  # nothing but scripts were taken away since
        return _done(facts)
    if facts.files and all(_is_text(path) for path in facts.files):
        return "finish"
    if facts.files and all(_is_test(path) for path in facts.files):
        return "edit"
    return "test"


def _after_test(work: Sequence[Action], facts: _Facts) -> Subtask:
    changed = any(action.changed for action in work)
    if facts.failed:
        if not changed:
            return "edit" if facts.source_seen else "read"
        return "plan" if facts.failures[-2:] == [work[-1].text] * 2 else "edit"
    if not changed:
        return "read" if facts.source_seen else "locate"
    return _done(facts) if facts.tested or facts.tried > 1 else "test"


def _after_review(work: Sequence[Action], facts: _Facts) -> Subtask:
    if not any(action.changed for action in work):
        return "read"
    only_texts = bool(facts.files) and all(_is_text(path) for path in facts.files)
    return "finish" if facts.tested or facts.tried or only_texts else "test"


def _after_finish(work: Sequence[Action], facts: _Facts) -> Subtask:
    return "finish"


_AFTER = {
    "locate": _after_locate,
    "read": _after_read,
    "edit": _after_edit,
    "test": _after_test,
    "review": _after_review,
    "finish": _after_finish,
}


def _done(facts: _Facts) -> Subtask:
    """The change works: take scripts away, look at it where it is in several places, hand it in."""
    if facts.scratch:
        return "edit"
    return "review" if len(_distinct(facts.files)) > 1 and not facts.reviewed else "finish"


_NOT_THERE = re.compile(r"error not_found|did not appear verbatim|not found in displayed|can't read|does not apply")
_NOTHING_FOUND = re.compile(r"No (?:matches|files) found")


def _shell(action: Action) -> Work | None:
    return shell_work(action.tool, action.arguments)


def _takes_back(action: Action, command: Work | None) -> bool:
    undone = "undo" in action.tool or action.arguments.get("command") == "undo_edit"
    return action.changed and (undone or (command is not None and command.undo))


def _lists(action: Action) -> bool:
    """Whether it shows names of files and no text of theirs."""
    command = _shell(action)
    if command is not None:
        return command.listing
    return action.kind == "locate" and action.text.startswith("Here's the files and directories")


def _is_suite(action: Action) -> bool:
    command = _shell(action)
    return command is None or command.suite


def _is_test(path: str) -> bool:
    return bool(re.search(r"(?:^|/)(?:test_[^/]*|[^/]*[_.](?:test|spec)\.\w+)$", path))


def _is_text(path: str) -> bool:
    return path.endswith((".md", ".rst", ".txt"))


def _is_source(path: str) -> bool:
    return not _is_test(path) and not _is_text(path)


def _distinct(paths: Iterable[str]) -> set[str]:
    """Without paths that are the end of another one: the same file, named from elsewhere."""
    paths = set(paths)
    return {path for path in paths if not any(other != path and other.endswith("/" + path) for other in paths)}
