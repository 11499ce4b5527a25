"""Cost against quality: rules that hold for whatever tasks there are, and numbers that can be checked by hand."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slm_ext.routing.replaying.curve import ENOUGH, Large, Point, Small, Task, apgr, cost_quality, cpt, recovered
from slm_ext.routing.replaying.thresholds import LEVELS, SETTINGS, SWEEP, First

NEVER = First(None, {(name, level): None for name, levels in LEVELS.items() for level in levels if level})
PAIRS = list(NEVER.by_trigger)


def small(resolved, *costs, own=None, stall=None, first=NEVER):
    before = [0.0]
    for cost in costs:
        before.append(before[-1] + cost)
    return Small(resolved, tuple(before), own, first, stall)


def task(name, one, resolved, cost):
    return Task(name, (one,), (Large(resolved, cost),))


@st.composite
def smalls(draw):
    costs = draw(st.lists(st.floats(0, 100), min_size=1, max_size=6))
    turn = st.none() | st.integers(0, len(costs) - 1)
    by_trigger: dict = {}
    for name, levels in LEVELS.items():  # a more patient trigger never comes earlier
        known = sorted((draw(turn) for level in levels if level), key=lambda at: (at is None, at or 0))
        by_trigger |= {(name, level): at for level, at in zip([x for x in levels if x], known, strict=True)}
    first = First(draw(turn), by_trigger)
    return small(draw(st.booleans()), *costs, own=draw(turn), stall=draw(turn), first=first)


larges = st.builds(Large, st.booleans(), st.floats(0, 300))
tasks = st.lists(
    st.builds(Task, st.just("t"), st.lists(smalls(), min_size=1, max_size=2).map(tuple),
              st.lists(larges, min_size=1, max_size=2).map(tuple)),
    min_size=1, max_size=8,
)  # fmt: skip


@settings(max_examples=25, deadline=None)
@given(tasks)
def test_no_way_solves_more_than_the_oracle_or_costs_less_where_it_solves_as_much(given_tasks):
    curve = cost_quality(given_tasks, draws=5)
    at = {policy.name: policy.at for policy in curve.policies}
    for name in ("all-small", "all-large", "router", "random"):
        assert at[name].resolved <= at["oracle"].resolved + 1e-9
    for _, point in [*curve.points, *curve.sweep]:
        assert point.resolved <= at["oracle"].resolved + 1e-9
    assert curve.regret["resolved"] >= -1e-9
    for name in ("all-small", "all-large"):
        if at[name].resolved == at["oracle"].resolved == 1:
            assert at["oracle"].cost <= at[name].cost + 1e-6


@settings(max_examples=25, deadline=None)
@given(tasks)
def test_everybody_lies_where_their_share_says(given_tasks):
    curve = cost_quality(given_tasks, draws=5)
    at = {policy.name: policy.at for policy in curve.policies}
    assert (at["all-small"].large, at["all-large"].large) == (0, 1)
    low, high = sorted((at["all-small"].resolved, at["all-large"].resolved))
    assert low - 1e-9 <= at["random"].resolved <= high + 1e-9
    assert all(0 <= point.large <= 1 for _, point in curve.points)
    off = next(point for setting, point in curve.sweep if not any(setting))
    forced = any(one.first.always is not None for t in given_tasks for one in t.small)
    if not forced:
        assert off == at["all-small"]
    for policy in curve.policies:
        assert policy.resolved_95[0] <= policy.resolved_95[1] and policy.cost_95[0] <= policy.cost_95[1]


@settings(max_examples=25, deadline=None)
@given(tasks)
def test_what_is_recovered_is_bounded_by_what_can_be(given_tasks):
    curve = cost_quality(given_tasks, draws=5)
    at = {policy.name: policy.at for policy in curve.policies}
    weak, strong = at["all-small"], at["all-large"]
    if curve.apgr is None:
        assert strong.resolved <= weak.resolved or strong.cost <= weak.cost
        assert curve.cpt == {50: None, 80: None}
        return
    values = [recovered(point, weak, strong) for _, point in curve.sweep]
    assert min([0.0, *values]) - 1e-9 <= curve.apgr <= max([1.0, *values]) + 1e-9
    assert curve.apgr <= recovered(at["oracle"], weak, strong) + 1e-9
    assert 0 <= curve.cpt[50] <= curve.cpt[80] <= 100


@given(tasks, st.integers(0, 3))
@settings(max_examples=10, deadline=None)
def test_the_seed_decides_the_intervals_and_nothing_else_does(given_tasks, seed):
    one, again, other = (cost_quality(given_tasks, seed=number, draws=20) for number in (seed, seed, seed + 1))
    assert one == again
    assert [policy.at for policy in one.policies] == [policy.at for policy in other.policies]


def test_a_router_that_knows_is_worth_what_it_costs():
    """The small one solves the first task; the second it gives up after one of two turns."""
    hard = small(False, 10, 10, own=1, first=First(None, {**NEVER.by_trigger, ("failing_tests", 2): 1}))
    curve = cost_quality([task("easy", small(True, 10, 10), True, 100), task("hard", hard, True, 100)], draws=50)
    at = {policy.name: policy.at for policy in curve.policies}
    assert at["all-small"] == Point(20, 0.5, 0) and at["all-large"] == Point(100, 1, 1)
    assert at["router"] == Point((20 + 10 + 100) / 2, 1, 0.5)
    assert at["oracle"] == Point((20 + 100) / 2, 1, 0.5)
    assert at["random"] == Point(65, 0.5 + 0.5 * 45 / 80, 45 / 80)
    assert curve.regret == {"resolved": 0, "cost": 5}
    assert curve.insufficient and curve.tasks == 2


def test_an_escalation_after_the_run_stood_still_comes_too_late():
    late = small(False, 10, 10, 10, own=2, stall=1)
    [policy] = [p for p in cost_quality([task("a", late, True, 50)], draws=5).policies if p.name == "router"]
    assert policy.at == Point(30, 0, 0)
    in_time = small(False, 10, 10, 10, own=1, stall=1)
    [policy] = [p for p in cost_quality([task("a", in_time, True, 50)], draws=5).policies if p.name == "router"]
    assert policy.at == Point(60, 1, 1)


def test_the_area_under_a_line():
    weak, strong = Point(0, 0.2, 0), Point(100, 0.6, 1)
    assert apgr([], weak, strong) == pytest.approx(0.5) and cpt([], weak, strong, 0.8) == pytest.approx(80)
    bent = [Point(50, 0.6, 0.5)]
    assert apgr(bent, weak, strong) == pytest.approx(0.75) and cpt(bent, weak, strong, 0.5) == pytest.approx(25)
    assert apgr([Point(200, 0.9, 1)], weak, strong) == pytest.approx(0.5), "beyond all-large"
    free = [Point(0, 0.4, 0.1)]
    assert apgr(free, weak, strong) == pytest.approx(0.75) and cpt(free, weak, strong, 0.5) == 0
    assert apgr(bent, strong, weak) is None and cpt(bent, weak, Point(100, 0.2, 1), 0.5) is None


def test_several_runs_of_a_task_count_once_together():
    twice = Task("a", (small(True, 10), small(False, 30)), (Large(True, 100), Large(False, 200)))
    at = {policy.name: policy.at for policy in cost_quality([twice], draws=5).policies}
    assert at["all-small"] == Point(20, 0.5, 0) and at["all-large"] == Point(150, 0.5, 1)
    assert at["oracle"] == Point((10 + 10 + 100 + 30) / 4, 0.75, 0.25)


def test_enough_tasks_are_not_marked():
    many = [task(str(number), small(number % 2 == 0, 10), True, 50) for number in range(ENOUGH)]
    assert not cost_quality(many, draws=5).insufficient
    assert cost_quality(many[1:], draws=5).insufficient


def test_the_sweep_goes_from_off_to_the_most_impatient():
    assert set(SWEEP) <= set(SETTINGS)
    assert SWEEP[0] == (None,) * 4 and SWEEP[-1] == (1, 2, 1, 2)
