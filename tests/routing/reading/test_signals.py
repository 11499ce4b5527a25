"""Signals: what is counted, over which actions."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slm_ext.routing.reading.actions import Action, read_actions
from slm_ext.routing.reading.signals import read_signals

from .test_actions import MESSAGES, call


def did(key, *, kind="read", status="ok", changed=False):
    return Action(tool=key, arguments={}, kind=kind, paths=(), status=status, changed=changed, key=key, text="")


A, B, C = did("A"), did("B"), did("C")
EDIT = did("E", kind="edit", changed=True)
FAILED, PASSED = did("T", kind="test", status="failed"), did("T", kind="test", status="passed")
SAID_NOTHING = did("T", kind="test", status="ok")


def signals(actions, **more):
    return read_signals(actions, step=len(actions) + 1, **more)


def test_nothing_done():
    seen = signals([])
    assert (seen.step, seen.subtask, seen.attempt, seen.last_status) == (1, "plan", 1, "none")
    assert (seen.repeated, seen.cycle, seen.failing_tests, seen.steps_without_diff) == (0, 0, 0, 0)


def test_what_the_caller_knows_is_passed_on():
    seen = read_signals([A], step=7, attempt=2, format_errors=3, prompt_tokens=900)
    assert (seen.step, seen.attempt, seen.format_errors, seen.prompt_tokens) == (7, 2, 3, 900)


@pytest.mark.parametrize(
    ("last", "attempt", "status"),
    [
        (A, 1, "ok"),
        (did("A", status="error"), 1, "error"),
        (did("A", status="none"), 1, "none"),
        (PASSED, 1, "tests_passed"),
        (FAILED, 1, "tests_failed"),
        (PASSED, 2, "rejected"),
    ],
)
def test_the_last_status(last, attempt, status):
    assert signals([A, last], attempt=attempt).last_status == status


@pytest.mark.parametrize(
    ("actions", "repeated"),
    [
        ([A], 1),
        ([A, A], 2),
        ([A, B, A], 2),
        ([A, B, B, C, B, C, A], 1),  # the first is out of the last six
        ([A] * 9, 6),
        ([A, A, EDIT, A], 1),
        ([A, EDIT, B, A, A], 2),
        ([EDIT, EDIT], 1),
    ],
)
def test_repeated(actions, repeated):
    assert signals(actions).repeated == repeated


@pytest.mark.parametrize(
    ("actions", "cycle"),
    [
        ([A], 0),
        ([A, A, A, A], 0),
        ([A, B], 1),
        ([A, B, A, B], 2),
        ([B, A, B, A, B], 2),
        ([A, B, C, A, B], 1),
        ([EDIT, A, EDIT, A], 2),  # edits are turns as others are
        ([A, B, A, B, A, B], 3),
    ],
)
def test_cycle(actions, cycle):
    assert signals(actions).cycle == cycle


@pytest.mark.parametrize(
    ("actions", "failing"),
    [
        ([FAILED, FAILED], 0),  # nothing was changed yet
        ([FAILED, EDIT, FAILED], 1),
        ([EDIT, FAILED, A, FAILED], 2),
        ([EDIT, FAILED, PASSED], 0),
        ([EDIT, FAILED, PASSED, FAILED], 1),
        ([EDIT, FAILED, SAID_NOTHING, FAILED], 2),
        ([replace(FAILED, changed=True)], 1),  # it edits, then tests
    ],
)
def test_failing_tests(actions, failing):
    assert signals(actions).failing_tests == failing


def test_steps_without_diff():
    assert signals([A, B]).steps_without_diff == 2
    assert signals([A, EDIT]).steps_without_diff == 0
    assert signals([EDIT, A, B]).steps_without_diff == 2


def test_since_leaves_out_what_another_provider_did():
    actions = [EDIT, FAILED, FAILED, A, B, A, B]
    seen = signals(actions, since=5)
    assert (seen.cycle, seen.repeated, seen.failing_tests) == (1, 1, 0)
    assert (signals(actions).cycle, signals(actions).repeated, signals(actions).failing_tests) == (2, 2, 2)
    assert seen.steps_without_diff == signals(actions).steps_without_diff == 6
    assert seen.last_status == "ok"
    assert seen.subtask == signals(actions).subtask
    assert signals(actions, since=99).repeated == 0


def test_from_a_history():
    messages = call("edit_line", "edited a.py line 1", path="a.py") + 2 * call("pytest_run", "fail: 1 failed\n{}")
    seen = signals(read_actions(messages))
    assert (seen.repeated, seen.failing_tests, seen.steps_without_diff) == (2, 2, 2)
    assert seen.last_status == "tests_failed"


ACTIONS = st.lists(
    st.builds(
        did,
        st.sampled_from("ABC"),
        kind=st.sampled_from(["read", "edit", "test", "locate", "review", "finish", "other"]),
        status=st.sampled_from(["ok", "error", "passed", "failed", "none"]),
        changed=st.booleans(),
    ),
    max_size=14,
)


@given(ACTIONS, st.integers(-1, 16))
def test_bounds(actions, since):
    seen = signals(actions, since=since)
    own = len(actions[max(0, since) :])
    assert (1 if own else 0) <= seen.repeated <= min(6, own)
    assert 0 <= 2 * seen.cycle <= own
    assert 0 <= seen.failing_tests <= own
    assert 0 <= seen.steps_without_diff <= len(actions)
    assert seen == signals(actions, since=since)


@given(ACTIONS, st.integers(0, 13))
def test_less_is_seen_from_later_on(actions, since):
    early, late = signals(actions), signals(actions, since=since)
    assert (late.repeated, late.cycle, late.failing_tests) <= (early.repeated, early.cycle, early.failing_tests)
    assert late.repeated <= early.repeated
    assert late.cycle <= early.cycle
    assert late.failing_tests <= early.failing_tests


@given(MESSAGES)
def test_any_history_has_signals(messages):
    actions = read_actions(messages)
    assert signals(actions) == signals(read_actions(messages))
