"""Rows whose detours are the model's own wrong edits (Ross et al. 2011, DAgger): what it would try, and the way back.

For each fresh task the model reads the symbol and proposes several edits; those that are wrong become the detours of an
ideal trajectory, most frequent first. A task it gets right every time is kept half of the time, without a detour.
"""

from __future__ import annotations

import itertools
import random
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from slm_ext.tiny import corpus
from slm_ext.tiny.decoding import Decoder
from slm_ext.tiny.execution import Runaway
from slm_ext.tiny.mutations import Edit
from slm_ext.tiny.rollout import parse_call
from slm_ext.tiny.tasks import Task
from slm_ext.tiny.trajectories import Workspace, make_trajectory, until_edit

__all__ = ["own_rows"]

_BATCH = 16
_SAMPLES = 4
_MOST = 4


def own_rows(decoder: Decoder, seed: int, count: int) -> Iterator[corpus.Row]:
    """`count` rows, like `corpus.make_rows`."""
    system = corpus.system_prompt()
    source = corpus.tasks(seed)
    r = random.Random(seed)
    made = 0
    with tempfile.TemporaryDirectory(dir=corpus.scratch()) as folder:
        while True:
            tasks, prompts = [], []
            for task in itertools.islice(source, _BATCH):
                try:
                    prompts.append(until_edit(task, system, Path(folder) / "repo"))
                except Runaway:
                    continue
                tasks.append(task)
            for task, replies in zip(tasks, decoder.replies(prompts, _SAMPLES, temperature=1.0), strict=True):
                wrong = _wrong(task, replies, Path(folder) / "repo")
                if not wrong and r.random() < 0.5:
                    continue
                try:
                    messages = make_trajectory(r, task, system, Path(folder) / "repo", detours=wrong)
                except Runaway:
                    continue
                row = corpus.encode(decoder.tokenizer, messages)
                if len(row[0]) <= corpus.MAX_TOKENS:
                    yield row
                    made += 1
                    if made == count:
                        return


def _wrong(task: Task, replies: list[str], root: Path) -> list[Edit]:
    found: Counter[Edit] = Counter()
    for reply in replies:
        call = parse_call(reply)
        if call is None or call["name"] != "edit_line":
            continue
        arguments = call["arguments"]
        if arguments.get("path") == task.path and {"line", "old", "new"} <= set(arguments):
            found[Edit(arguments["line"], arguments["old"], arguments["new"])] += 1
    before, right = task.files[task.path], task.module(task.source)
    wrong: dict[str | Edit, Edit] = {}
    for edit, _ in found.most_common():
        after = _after(task, edit, root)
        if after != right:  # of edits that come to the same text, one; of refused ones, each
            wrong.setdefault(edit if after == before else after, edit)
    return list(wrong.values())[:_MOST]


def _after(task: Task, edit: Edit, root: Path) -> str:
    """The module once the tool has made the edit, or refused it."""
    arguments = {"path": task.path, "line": edit.line, "old": edit.old, "new": edit.new}
    Workspace(task, root).call("edit_line", arguments)
    return (root / task.path).read_text(encoding="utf-8")
