"""When a run is ended: one reason, the first that holds."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slm_ext.registry import StopPolicy
from slm_ext.routing.stopping import stop

from .reading.test_signals import ACTIONS, EDIT, A, B, C

OFF = {"repeat_action": None, "cycle": None}
ORDER = ["max_steps", "max_tokens", "max_wall_s", "repeat_action", "cycle", "no_diff_steps"]


def ends(actions=(), *, step=1, tokens=0, seconds=0.0, **policy):
    return stop(StopPolicy(**policy), list(actions), step=step, tokens=tokens, seconds=seconds)


def test_the_default_lets_a_run_go_on_that_changes_things():
    assert ends([A, EDIT] * 2, step=5, tokens=10**9, seconds=10**6) is None
    assert ends() is None


@pytest.mark.parametrize(
    ("reason", "policy", "short_of", "at"),
    [
        ("max_steps", {"max_steps": 3}, {"step": 3}, {"step": 4}),
        ("max_tokens", {"max_tokens": 100}, {"tokens": 99}, {"tokens": 100}),
        ("max_wall_s", {"max_wall_s": 60}, {"seconds": 59.9}, {"seconds": 60.0}),
        ("repeat_action", {}, {"actions": [A, B, A, C]}, {"actions": [A, B, A, C, A]}),
        ("cycle", {"repeat_action": None}, {"actions": [B, A, B, A, B]}, {"actions": [A, B, A, B, A, B]}),
        ("no_diff_steps", {"no_diff_steps": 2, **OFF}, {"actions": [EDIT, A]}, {"actions": [EDIT, A, B]}),
    ],
)
def test_a_reason_holds_from_its_limit_on(reason, policy, short_of, at):
    assert ends(**policy, **short_of) is None
    decision = ends(**policy, **at)
    assert decision.reason == reason
    assert decision.step == at.get("step", 1)
    assert decision.evidence["seen"] >= decision.evidence["limit"]


def test_repetition_says_what_was_repeated():
    assert ends([A, A, A]).evidence == {"seen": 3, "limit": 3, "actions": ["A"]}
    assert ends([A, B] * 3, repeat_action=None).evidence == {"seen": 3, "limit": 3, "actions": ["A", "B"]}


def test_an_edit_between_is_no_repetition_but_may_be_a_cycle():
    assert ends([A, EDIT, A, EDIT, A], repeat_action=2, cycle=None) is None
    assert ends([A, EDIT] * 3).reason == "cycle"


def test_the_window_is_the_policy_s():
    assert ends([A, B, C, A], repeat_action=2, repeat_window=3) is None
    assert ends([A, B, C, A], repeat_action=2, repeat_window=4).reason == "repeat_action"


def test_the_first_reason_counts():
    everything = {"max_steps": 1, "max_tokens": 1, "max_wall_s": 1, "repeat_action": 2, "cycle": 2, "no_diff_steps": 1}
    facts = {"actions": [A, B, A, B], "step": 5, "tokens": 5, "seconds": 5.0}
    for position, reason in enumerate(ORDER):
        policy = {name: value if ORDER.index(name) >= position else None for name, value in everything.items()}
        assert ends(**facts, **policy).reason == reason


@given(ACTIONS, st.integers(1, 40), st.integers(0, 500), st.floats(0, 500), st.integers(1, 40), st.integers(1, 40))
def test_a_larger_limit_never_ends_a_run_that_a_smaller_one_lets_go_on(actions, step, tokens, seconds, one, two):
    small, large = sorted((one, two))
    facts = {"step": step, "tokens": tokens, "seconds": seconds}
    with_small, with_large = (ends(actions, max_steps=limit, max_tokens=400, **facts) for limit in (small, large))
    assert with_small is not None or with_large is None
    if with_small is not None and with_small.reason != "max_steps":
        assert with_large == with_small


@given(ACTIONS, st.integers(1, 40))
def test_a_run_that_was_ended_would_be_ended_later_by_steps_too(actions, step):
    decision = ends(actions, step=step, max_steps=10, **OFF)
    assert (decision is not None) == (step > 10)
    if decision is not None:
        assert decision.reason == "max_steps"
        assert ends(actions, step=step + 1, max_steps=10, **OFF).reason == "max_steps"
