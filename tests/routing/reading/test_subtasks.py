"""The next step's kind of work: single rules, and the share of labelled cases that they get right."""

import json
import sys
from pathlib import Path

import pytest
from hypothesis import given

from slm_ext.registry import SUBTASKS
from slm_ext.routing.reading.actions import read_actions
from slm_ext.routing.reading.subtasks import classify

from .test_actions import MESSAGES, PYTEST_FAILED, call

sys.path.insert(0, str(Path(__file__).parents[3] / "scripts"))
import subtask_accuracy

RAN = call("pytest_run", "fail: 1 failed, 4 passed\n{}")
READ = call("read_file", "a.py: lines 1-2 of 2\n1|x", path="a.py")
EDITED = call("edit_line", "edited a.py line 1\n1|y", path="a.py", line=1, old="x", new="y")
OTHER = call("edit_line", "edited b.py line 1\n1|y", path="b.py", line=1, old="x", new="y")
NOT_THERE = call("edit_line", 'error not_found: line 1 of a.py has no "z"', path="a.py", line=1, old="z", new="y")
UNDONE = call("undo_edit", "undone in a.py line 1\n1|x", path="a.py")
PASSED = call("pytest_run", "pass: 5 passed\n{}")


def sh(command, out=""):
    return call("bash", f"<returncode>0</returncode>\n<output>\n{out}\n</output>", command=command)


@pytest.mark.parametrize(
    ("parts", "next_work"),
    [
        ([], "plan"),
        ([sh("cd /repo && export A=1")], "locate"),
        ([sh("ls", "a.py")], "locate"),
        ([sh("ls", "src"), sh("ls src", "a.py")], "read"),
        ([sh("grep -rn x .", "./a.py:3: x")], "read"),
        ([sh("grep -rn x .")], "locate"),
        ([call("search_dir", 'No matches found for "x" in /repo', search_term="x")], "locate"),
        ([RAN], "read"),
        ([RAN, READ], "edit"),
        ([RAN, READ, RAN], "edit"),
        ([sh("cat tests/test_a.py", "def test_a():")], "read"),
        ([sh("cat README.md", "# A")], "read"),
        ([READ, sh("cat tests/test_a.py", "def test_a():")], "edit"),
        ([call("filemap", "1 class A:", file_path="a.py")], "read"),
        ([RAN, READ, EDITED], "test"),
        ([RAN, READ, NOT_THERE], "edit"),
        ([RAN, READ, NOT_THERE, NOT_THERE], "read"),
        ([RAN, READ, EDITED, READ], "test"),
        ([RAN, READ, EDITED, RAN], "edit"),
        ([RAN, READ, EDITED, RAN, READ], "edit"),
        ([RAN, READ, EDITED, RAN, OTHER, RAN], "plan"),
        ([RAN, READ, EDITED, RAN, UNDONE], "edit"),
        ([RAN, READ, EDITED, RAN, UNDONE, OTHER, RAN], "edit"),
        ([READ, EDITED, sh("git checkout a.py")], "edit"),
        ([RAN, READ, EDITED, PASSED], "finish"),
        ([RAN, READ, EDITED, OTHER, PASSED], "review"),
        ([RAN, READ, EDITED, OTHER, PASSED, sh("git diff", "diff --git")], "finish"),
        ([READ, EDITED, sh("git diff", "diff --git")], "test"),
        ([READ, EDITED, sh("python try.py", "fine")], "test"),
        ([READ, EDITED, sh("python try.py", "fine"), sh("python try.py x", "fine")], "finish"),
        ([sh("cat > try.py <<E\nE"), sh("python try.py", "x"), READ, EDITED, sh("python try.py"), PASSED], "edit"),
        ([READ, sh("cat > try.py <<E\nE"), EDITED, sh("python try.py"), PASSED, sh("rm try.py")], "finish"),
        ([sh("sed -i s/a/b/ README.md")], "finish"),
        ([sh("sed -i s/a/b/ tests/test_a.py")], "edit"),
        ([PASSED], "locate"),
        ([sh("git log", "abc Release")], "read"),
        ([call("pytest_run", "error bad_argument: no")], "test"),
        ([call("submit", "")], "finish"),
    ],
)
def test_a_rule(parts, next_work):
    assert classify(read_actions([message for part in parts for message in part])) == next_work


def test_another_failure_asks_for_no_new_plan():
    other = PYTEST_FAILED.replace("assert 1 == 2", "assert 3 == 2")
    first, again, second = sh("pytest", PYTEST_FAILED), sh("pytest", PYTEST_FAILED), sh("pytest", other)
    assert classify(read_actions(READ + EDITED + first + OTHER + second)) == "edit"
    assert classify(read_actions(READ + EDITED + first + OTHER + again)) == "plan"


@given(MESSAGES)
def test_every_history_has_a_subtask(messages):
    actions = read_actions(messages)
    assert classify(actions) in set(SUBTASKS) - {"summarize"}
    assert classify(actions) == classify(list(actions))
    assert (classify(actions) == "plan") >= (not actions)


def test_the_labelled_cases():
    """`scripts/subtask_accuracy.py` prints the figures and the cases behind them."""
    cases = subtask_accuracy.labelled()
    assert len(cases) >= 250
    assert len({case.name for case in cases}) == len(cases)
    assert {case.label for case in cases} == set(SUBTASKS) - {"summarize"}
    held_out = [case for case in cases if subtask_accuracy.held_out(case)]
    tuned_on = [case for case in cases if not subtask_accuracy.held_out(case)]
    assert subtask_accuracy.accuracy(tuned_on) >= 0.86
    assert subtask_accuracy.accuracy(held_out) >= 0.86


def test_the_recorded_runs():
    cases = subtask_accuracy.recorded()
    assert {case.name.split("-")[0] for case in cases} == {"mini", "sweagent"}
    assert len(cases) >= 85
    assert subtask_accuracy.accuracy(cases) >= 0.95


def test_the_figures_are_printed(capsys):
    assert subtask_accuracy.main(["--wrong"]) == 0
    out = capsys.readouterr().out
    for title, cases in (("labelled, held out", None), ("recorded", subtask_accuracy.recorded())):
        cases = cases or [case for case in subtask_accuracy.labelled() if subtask_accuracy.held_out(case)]
        right = sum(case.guess == case.label for case in cases)
        assert f"{title}: {right} of {len(cases)} ({right / len(cases):.1%})" in out
    wrong = [case for case in subtask_accuracy.recorded() if case.guess != case.label]
    assert all(f"{case.name}: {case.guess}, labelled {case.label}" in out for case in wrong)


def test_rejected_calls_are_read_from_a_recorded_run():
    """A rejected call stands in the history with what was said to it; it was tried, and nothing changed."""
    records = subtask_accuracy.read_calls(subtask_accuracy.DATA / "runs" / "mini-rejected")
    last = [record for record in records if record["kind"] == "call"][-1]
    actions = read_actions(last["request"]["messages"])
    assert json.dumps([action.status for action in actions[-2:]]) == '["error", "error"]'
    assert not any(action.changed for action in actions)
