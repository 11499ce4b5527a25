"""Tasks and ideal trajectories: the bug shows, the edit fixes it, the recoveries are real, evaluation is kept apart."""

import itertools
import random
import sys

import pytest

pytest.importorskip("numpy", reason="slm-ext[train] is not installed")

from slm_ext.tiny import corpus, families
from slm_ext.tiny.execution import Runaway
from slm_ext.tiny.trajectories import Workspace, make_trajectory


def first(n, **kw):
    return list(itertools.islice(corpus.tasks(**kw), n))


def test_the_bug_shows_and_the_edit_fixes_it(tmp_path):
    for i, task in enumerate(first(20, seed=3)):
        workspace = Workspace(task, tmp_path / str(i))
        assert workspace.call("pytest_run", {}).startswith("fail: ")
        edit = {"path": task.path, "line": task.edit.line, "old": task.edit.old, "new": task.edit.new}
        assert workspace.call("edit_line", edit).startswith("edited ")
        assert workspace.call("pytest_run", {}).startswith("pass: ")
        assert (tmp_path / str(i) / task.path).read_text() == task.module(task.source)


def test_same_seed_same_tasks():
    assert first(5, seed=9) == first(5, seed=9) != first(5, seed=10)


def test_no_module_hides_one_of_the_standard_library():
    for task in first(60, seed=5):
        assert task.path.rpartition("/")[2][:-3] not in sys.stdlib_module_names


def test_reserved_bugs_never_enter_a_corpus():
    assert not any(t.reserved for t in first(40, seed=1))
    assert all(t.reserved for t in first(3, seed=1, reserved=True))


def test_held_out_families_never_enter_a_corpus():
    held = {f.name for f in families.held_out()}
    assert len(held) >= 15 and not held & {t.family for t in first(80, seed=2)}


def test_trajectories_recover_and_detours_carry_no_loss(tmp_path):
    kinds = set()
    for i, task in enumerate(first(40, seed=6)):
        try:
            messages = make_trajectory(random.Random(i), task, "s", tmp_path / "repo")
        except Runaway:
            continue
        names = [m["calls"][0]["name"] for m in messages if m["role"] == "assistant"]
        assert names[0] == "pytest_run" and names[-2:] == ["pytest_run", "submit"]
        edits = [m for m in messages if m["role"] == "assistant" and m["calls"][0]["name"] == "edit_line"]
        assert [m["train"] for m in edits] == [False] * (len(edits) - 1) + [True]
        outputs = [m["content"] for m in messages if m["role"] == "tool"]
        kinds |= {"undo" for n in names if n == "undo_edit"} | {o.split()[1] for o in outputs if o.startswith("error")}
    assert {"undo", "not_found:"} <= kinds


def test_rows_weigh_only_the_assistants_trained_turns():
    from slm_ext.tiny.tokenizer import train_tokenizer

    tokenizer = train_tokenizer(corpus.sample_texts(8, 30), size=600)
    messages = next(m for m in corpus.conversations(6) if len(m) > 10)
    ids, weights, truth = corpus.encode(tokenizer, messages)
    trained = tokenizer.decode([i for i, w in zip(ids, weights, strict=True) if w >= 100], skip_special_tokens=False)
    assert trained.startswith("<tool_call>\n<function=pytest_run>") and trained.endswith("</tool_call><|im_end|>")
    assert "<tool_response>" not in trained
    heavy = tokenizer.decode([i for i, w in zip(ids, weights, strict=True) if w == corpus.DECISION])
    right = next(m["calls"][0]["arguments"] for m in messages if m.get("train") and "new" in m["calls"][0]["arguments"])
    assert heavy == f"{right['line']}{right['new']}"
    assert tokenizer.decode(ids, skip_special_tokens=False).count("<|im_start|>") == len(messages)
    wrong = [(tokenizer.id_to_token(t), w) for i, t, w in zip(ids, truth, weights, strict=True) if t != i]
    assert len(wrong) == 2 and wrong[1] == (corpus.VERDICT, corpus.JUDGED[True])  # the right token, then the verdict


def test_digits_indents_and_names_are_tokens_of_their_own():
    from slm_ext.tiny.tokenizer import TOOL_NAMES, train_tokenizer
    from slm_ext.tiny.wire import TOKENS

    tokenizer = train_tokenizer(corpus.sample_texts(8, 30), size=600)
    assert tokenizer.encode("<tool_call>edit_line").tokens == ["<tool_call>", "edit_line"]
    assert all(len(tokenizer.encode(t).ids) == 1 for t in (*TOKENS, *TOOL_NAMES))
    assert len(tokenizer.encode("123").ids) == 3
    text = "        count_above = 10\n"
    assert tokenizer.decode(tokenizer.encode(text).ids) == text


def test_renaming_keeps_what_a_sketch_does():
    from slm_ext.tiny.execution import evaluate
    from slm_ext.tiny.renaming import renamed

    changed = 0
    for i, family in enumerate(families.FAMILIES.values()):
        sketch = family.build(random.Random(i))
        other = renamed(random.Random(i), sketch)
        changed += other.source != sketch.source
        assert evaluate(other.source, other.checks) == evaluate(sketch.source, sketch.checks)
        assert other.source.count("\n") == sketch.source.count("\n") and other.name == sketch.name
    assert changed > 0.8 * len(families.FAMILIES)


def test_another_name_keeps_what_a_sketch_does():
    from slm_ext.tiny.execution import evaluate
    from slm_ext.tiny.renaming import retitled

    for i, family in enumerate(families.FAMILIES.values()):
        sketch = family.build(random.Random(i))
        other = retitled(random.Random(i), sketch)
        assert other.name in other.source and (other.name == sketch.name) == (other.source == sketch.source)
        assert evaluate(other.source, other.checks) == evaluate(sketch.source, sketch.checks)


def test_the_bugs_of_one_function_stand_in_the_same_repository():
    from slm_ext.tiny.tasks import make_tasks

    names = [f.name for f in families.trained()]
    tasks = next(t for t in (make_tasks(random.Random(i), names, names) for i in range(9)) if len(t) >= 3)
    assert len({t.broken for t in tasks}) == len(tasks)
    assert (
        len({t.source for t in tasks})
        == len({t.path for t in tasks})
        == len({t.files[t.test_path] for t in tasks})
        == 1
    )
