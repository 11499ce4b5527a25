"""Decisions: who is wished, who stands in, who comes back, and what is said about it."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slm_ext.registry import SUBTASKS
from slm_ext.registry.policies import Price
from slm_ext.routing import Known, NobodyLeft, RouteState, decide

from .parts import FRESH, provider, signals, team

ESCALATING = {"fallback": ["large"], "escalate": {"return_after": 2, "cooldown_steps": 1}}


def chosen(of, what, state=FRESH, known=None, actions=0):
    choice = decide(of, what, state, known or Known(), actions=actions)
    return choice.decision.provider, choice.decision.cause


def test_one_provider_alone_is_chosen_and_the_cause_says_so():
    choice = decide(team("small"), signals(3), FRESH, Known())
    assert (choice.decision.step, choice.decision.provider, choice.decision.cause) == (3, "small", "single_provider")
    assert choice.decision.alternatives == [] and choice.decision.escalated_from is None


@pytest.mark.parametrize("subtask", SUBTASKS)
def test_a_subtask_goes_to_whom_it_is_given_and_the_rest_to_the_default(subtask):
    of = team(subtasks={"plan": "large", "edit": {"provider": "large", "temperature": 0.2, "tools": ["edit_line"]}})
    choice = decide(of, signals(subtask=subtask), FRESH, Known())
    expected = ("large", "subtask") if subtask in ("plan", "edit") else ("small", "default")
    assert (choice.decision.provider, choice.decision.cause) == expected
    assert choice.style.temperature == (0.2 if subtask == "edit" else None)
    assert choice.decision.subtask == subtask


@pytest.mark.parametrize(
    ("when", "holds", "fails"),
    [
        ({"min_tokens": 100}, {"prompt_tokens": 100}, {"prompt_tokens": 99}),
        ({"max_tokens": 100}, {"prompt_tokens": 100}, {"prompt_tokens": 101}),
        ({"attempt": 2}, {"attempt": 3}, {"attempt": 1}),
        ({"last_status": "tests_failed"}, {"last_status": "tests_failed"}, {"last_status": "ok"}),
        ({"attempt": 2, "min_tokens": 5}, {"attempt": 2}, {"attempt": 2, "prompt_tokens": 4}),
    ],
)
def test_a_rule_goes_before_the_subtask_where_all_its_conditions_hold(when, holds, fails):
    of = team(subtasks={"read": "small"}, rules=[{"subtask": "read", "provider": "large", "when": when}])
    assert chosen(of, signals(**holds)) == ("large", "rule")
    assert chosen(of, signals(**fails)) == ("small", "subtask")
    assert chosen(of, signals(**holds | {"subtask": "test"})) == ("small", "default")


@pytest.mark.parametrize(
    ("trouble", "cause"),
    [
        ({"format_errors": 2, "attempt": 3}, "format_errors"),
        ({"repeated": 2}, "repeated_action"),
        ({"cycle": 2}, "cycle"),
        ({"failing_tests": 2}, "failing_tests"),
    ],
)
def test_trouble_brings_the_stronger_one_and_good_steps_bring_the_weaker_one_back(trouble, cause):
    of = team(**ESCALATING)
    first = decide(of, signals(4), FRESH, Known(), actions=3)
    second = decide(of, signals(5, **trouble), first.state, Known(), actions=4)
    assert (second.decision.provider, second.decision.cause) == ("large", cause)
    assert second.decision.escalated_from == "small" and second.decision.switched_from == "small"
    assert second.state.since == 4 and second.state.format_errors == 0
    third = decide(of, signals(6), second.state, Known(), actions=5)
    assert (third.decision.provider, third.decision.cause) == ("large", "escalated")
    fourth = decide(of, signals(7), third.state, Known(), actions=6)
    assert (fourth.decision.provider, fourth.decision.cause) == ("small", "returned")
    assert fourth.decision.switched_from == "large" and fourth.decision.escalated_from is None
    calm = decide(of, signals(8, repeated=2), fourth.state, Known(), actions=7)
    assert (calm.decision.provider, calm.decision.cause) == ("small", "default")
    again = decide(of, signals(9, repeated=2), calm.state, Known(), actions=8)
    assert (again.decision.provider, again.decision.cause) == ("large", "repeated_action")


def test_a_bad_step_of_the_stronger_one_starts_the_count_of_good_ones_anew():
    of = team(**ESCALATING)
    state = decide(of, signals(2, repeated=2), FRESH, Known()).state
    for step, status in ((3, "ok"), (4, "error"), (5, "ok")):
        choice = decide(of, signals(step, last_status=status), state, Known())
        assert choice.decision.provider == "large", step
        state = choice.state
    assert chosen(of, signals(6), state) == ("small", "returned")


def test_trouble_with_the_stronger_one_goes_further_up_and_stays_at_the_top():
    of = team("a b c", fallback=["b", "c"])
    one = decide(of, signals(2, cycle=2), FRESH, Known())
    two = decide(of, signals(3, cycle=2), one.state, Known())
    three = decide(of, signals(4, cycle=2), two.state, Known())
    assert [c.decision.provider for c in (one, two, three)] == ["b", "c", "c"]
    assert three.decision.cause == "escalated" and three.decision.escalated_from == "a"


def test_the_ladder_of_escalations_is_not_the_order_of_fallbacks():
    of = team("a b c", fallback=["b"], escalate={"to": ["c"]})
    assert chosen(of, signals(2, repeated=2)) == ("c", "repeated_action")
    assert chosen(of, signals(2), known=Known(unusable={"a": "overflow: 9 tokens"})) == ("b", "overflow")


def test_who_cannot_is_passed_over_and_said_so():
    of = team("a b c", fallback=["b", "c"])
    unusable = {"a": "overflow: 900 tokens, at most 500", "b": "budget: 5 of 5 calls are spent"}
    choice = decide(of, signals(), FRESH, Known(unusable=unusable))
    assert (choice.decision.provider, choice.decision.cause) == ("c", "overflow")
    assert choice.decision.escalated_from == "a"
    assert choice.decision.alternatives == [
        {"provider": "a", "why_not": unusable["a"]},
        {"provider": "b", "why_not": unusable["b"]},
    ]


def test_nobody_left_says_why_of_each():
    with pytest.raises(NobodyLeft) as caught:
        decide(
            team(**ESCALATING), signals(), FRESH, Known(unusable={"small": "missing: its key", "large": "overflow: x"})
        )
    assert caught.value.reasons == {"small": "missing: its key", "large": "overflow: x"}


def test_one_that_failed_is_left_alone_until_its_time_is_over():
    of = team(fallback=["large"])
    state = FRESH.failed("small", until=30.0)
    assert chosen(of, signals(), state, Known(now=29.0)) == ("large", "unhealthy")
    assert chosen(of, signals(), state, Known(now=30.0)) == ("small", "default")
    assert chosen(team("small"), signals(), state, Known(now=0.0)) == ("small", "single_provider")


def test_a_stronger_one_that_cannot_be_asked_leaves_the_work_where_it_is():
    of = team(**ESCALATING)
    choice = decide(of, signals(3, repeated=2), FRESH, Known(unusable={"large": "unhealthy: refused"}))
    assert choice.decision.provider == "small" and choice.decision.cause == "unhealthy"
    assert choice.state.stands_in is None


def test_roles_bound_what_a_fallback_is_given():
    of = team("a b c", providers=[provider("b", roles=["plan"])], fallback=["b", "c"])
    known = Known(unusable={"a": "unhealthy: refused"})
    assert chosen(of, signals(subtask="plan"), known=known) == ("b", "unhealthy")
    assert chosen(of, signals(subtask="read"), known=known) == ("c", "unhealthy")


@pytest.mark.parametrize(
    ("switching", "known"),
    [
        ({"max_prefill_tokens": 99}, Known()),
        ({"max_load_s": 10}, Known(load_s={"large": 12.0})),
        ({"max_load_s": 10}, Known(load_s={"large": None})),
    ],
)
def test_a_wish_is_not_worth_any_price_but_a_need_is(switching, known):
    of = team(subtasks={"plan": "large"}, switching=switching, **ESCALATING)
    state = replace(FRESH, current="small")
    choice = decide(of, signals(2, subtask="plan"), state, known)
    assert (choice.decision.provider, choice.decision.cause) == ("small", "sticky")
    [other] = choice.decision.alternatives
    assert other["provider"] == "large" and other["why_not"].startswith("sticky: ")
    assert chosen(of, signals(2, repeated=2), state, known) == ("large", "repeated_action")
    gone = replace(known, unusable={"small": "unhealthy: refused"})
    assert chosen(of, signals(2, subtask="plan"), state, gone)[0] == "large"
    assert chosen(of, signals(1, subtask="plan"), FRESH, known) == ("large", "subtask")  # nothing to lose yet


def test_what_a_provider_has_seen_already_makes_a_switch_cheap():
    of = team(subtasks={"plan": "large"}, switching={"max_prefill_tokens": 40})
    state = replace(FRESH, current="small", held={"large": 60})
    choice = decide(of, signals(5, subtask="plan", prompt_tokens=100), state, Known())
    assert choice.decision.provider == "large"
    assert choice.decision.switch_cost == {"prefill_tokens": 40, "load_s": 0.0}
    unloaded = Known(load_s={"large": 3.0})
    cost = decide(team(subtasks={"plan": "large"}), signals(5, subtask="plan"), state, unloaded).decision.switch_cost
    assert cost == {"prefill_tokens": 100, "load_s": 3.0}


def test_another_system_text_is_another_prefix():
    of = team("small", subtasks={"plan": {"provider": "small", "system": "Plan."}})
    state = replace(FRESH, current="small", held={"small": 90})
    assert decide(of, signals(subtask="read"), state, Known()).decision.switch_cost["prefill_tokens"] == 10
    assert decide(of, signals(subtask="plan"), state, Known()).decision.switch_cost["prefill_tokens"] == 100


def test_a_return_that_is_not_worth_it_waits():
    of = team(switching={"max_load_s": 1}, **ESCALATING)
    state = decide(of, signals(2, repeated=2), FRESH, Known()).state
    far = Known(load_s={"small": 60.0})
    for step in (3, 4, 5):
        choice = decide(of, signals(step), state, far)
        assert choice.decision.provider == "large"
        state = choice.state
    assert choice.decision.cause == "sticky"
    assert chosen(of, signals(6), state, Known()) == ("small", "returned")


def test_what_is_spent_is_counted_by_provider_and_in_all():
    price = Price(input=1.0, output=10.0, cached=0.1)
    state = RouteState()
    for name in ("small", "large", "small"):
        state = state.answered(name, name, prompt=1000, cached=400, reply=100, seconds=2.0, price=price, requests=2)
    one = state.spent["large"]
    assert (one.calls, one.tokens, one.seconds) == (2, 1100, 2.0)
    assert one.usd == pytest.approx((600 * 1.0 + 400 * 0.1 + 100 * 10.0) / 1e6)
    assert (state.total.calls, state.total.tokens) == (6, 3300)


NAMES = ["a", "b", "c"]
some = st.sampled_from(NAMES)
optional_count = st.one_of(st.none(), st.integers(2, 4))
routers = st.fixed_dictionaries(
    {
        "default": some,
        "subtasks": st.dictionaries(st.sampled_from(SUBTASKS), some, max_size=4),
        "fallback": st.lists(some, unique=True, max_size=3),
        "rules": st.lists(
            st.fixed_dictionaries(
                {"provider": some, "when": st.fixed_dictionaries({"min_tokens": st.integers(0, 2000)})}
            ),
            max_size=2,
        ),
        "escalate": st.fixed_dictionaries(
            {
                "to": st.lists(some, unique=True, max_size=3),
                "format_errors": optional_count,
                "repeated_actions": optional_count,
                "cycle": optional_count,
                "failing_tests": optional_count,
                "return_after": st.integers(1, 3),
                "cooldown_steps": st.integers(0, 3),
            }
        ),
        "switching": st.fixed_dictionaries({"max_prefill_tokens": st.one_of(st.none(), st.integers(0, 2000))}),
    }
)
moments = st.fixed_dictionaries(
    {
        "subtask": st.sampled_from(SUBTASKS),
        "prompt_tokens": st.integers(0, 3000),
        "last_status": st.sampled_from(["ok", "error", "tests_failed", "tests_passed"]),
        "format_errors": st.integers(0, 4),
        "repeated": st.integers(0, 6),
        "cycle": st.integers(0, 3),
        "failing_tests": st.integers(0, 4),
    }
)


@given(routers, st.lists(st.tuples(moments, st.sets(some)), min_size=1, max_size=12))
def test_whatever_happens_one_that_can_is_chosen_and_every_other_has_its_reason(rules, run):
    of = team("a b c", **rules)
    state = FRESH
    for step, (moment, out) in enumerate(run, start=1):
        known = Known(unusable={name: "unhealthy: refused" for name in out})
        try:
            choice = decide(of, signals(step, **moment), state, known, actions=step - 1)
        except NobodyLeft as nobody:
            assert set(nobody.reasons) <= out
            assert of.router.default in out
            continue
        decision = choice.decision
        assert decision.provider not in out
        assert {a["provider"] for a in decision.alternatives} == set(NAMES) - {decision.provider}
        assert all(a["why_not"] for a in decision.alternatives)
        assert decision.switched_from == (state.current if state.current not in (None, decision.provider) else None)
        assert decide(of, signals(step, **moment), state, known, actions=step - 1) == choice
        if choice.state.stands_in:
            assert choice.state.stands_in in of.router.ladder and choice.state.stands_in_for
        state = choice.state
