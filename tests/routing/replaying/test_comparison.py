"""Many runs together: which can be set against each other, and what is said where none can."""

from dataclasses import replace

import pytest

from slm_ext.errors import UsageError
from slm_ext.routing.replaying.comparison import compare
from slm_ext.traces import find_traces
from tests.routing import parts
from tests.routing.parts import provider, team

RUNS = find_traces(parts.RUNS / name for name in parts.COUNTED)
TINY = team("flywheel-tiny large", fallback=["large"])


def as_large(runs, resolved=True):
    """The same runs as if the large one had made them."""
    return [(replace(run, resolved=resolved), "large") for run in runs]


def mini(name):
    return next(run for run in RUNS if run.source.parent.name == name)


def test_runs_of_one_model_give_no_quality():
    found = compare(TINY, [(run, None) for run in RUNS])
    assert (
        found.curve is None and "0 tasks by large" in found.why_no_curve and "8 by flywheel-tiny" in found.why_no_curve
    )
    totals = found.totals()
    assert (totals["runs"], totals["compared"]) == (8, 92)
    assert (totals["runs_stalled"], totals["runs_escalated_before_stall"]) == (4, 3)
    assert totals["share_small"] == pytest.approx(
        sum(p.provider == found.small for o in found.judged for p in o.replay.points) / 94
    )
    shares = {base.name: base.share_small for base in found.baselines}
    assert shares["all-small"] == 1 and shares["all-large"] == 0
    assert shares["router"] == shares["random, as many on the small one"] == totals["share_small"]
    assert len({base.tokens for base in found.baselines}) == 1 and {base.usd for base in found.baselines} == {None}


def test_runs_of_both_give_a_curve():
    stalled, fine = mini("mini-stalled"), mini("mini-playlist")
    found = compare(TINY, [(stalled, None), (fine, None), *as_large([stalled, fine])])
    assert found.unit == "tokens" and found.curve.tasks == 2
    at = {policy.name: policy.at for policy in found.curve.policies}
    tokens = [
        sum(c.prompt_tokens + c.reply_tokens for t in run.turns for c in t.calls if c.prompt_tokens)
        for run in (stalled, fine)
    ]
    assert at["all-small"].cost == at["all-large"].cost == sum(tokens) / 2
    assert (at["all-small"].resolved, at["router"].resolved, at["all-large"].resolved) == (0.5, 1, 1)
    assert found.curve.apgr is None, "the large one is not dearer"


def test_prices_make_it_dollars():
    large = provider("large", price={"input": 3, "output": 15})
    priced = team("flywheel-tiny large", [large], fallback=["large"])
    stalled, fine = mini("mini-stalled"), replace(mini("mini-inventory"), instance_id="another")
    found = compare(priced, [(stalled, None), (fine, None), *as_large([stalled, fine])])
    at = {policy.name: policy.at for policy in found.curve.policies}
    assert found.unit == "usd" and at["all-small"].cost == 0
    paid = [
        sum(3 * (c.prompt_tokens or 0) + 15 * (c.reply_tokens or 0) for t in run.turns for c in t.calls) / 1e6
        for run in (stalled, fine)
    ]
    assert at["all-large"].cost == pytest.approx(sum(paid) / 2) and at["router"].cost == pytest.approx(paid[0] / 2)
    assert found.curve.apgr == pytest.approx(1 - paid[0] / sum(paid) / 2)
    usd = {base.name: base.usd for base in found.baselines}
    assert usd["all-small"] == 0 < usd["router"] < usd["all-large"]


def test_a_run_without_a_verdict_is_no_task():
    unknown = replace(mini("mini-stalled"), resolved=None)
    assert compare(TINY, [(unknown, None), *as_large([mini("mini-stalled")])]).curve is None


def test_a_run_that_several_answered_belongs_to_neither():
    run = mini("mini-inventory")
    last = run.turns[-1]
    other = replace(last, calls=(replace(last.calls[0], provider="large"),))
    mixed = replace(run, turns=(*run.turns[:-1], other))
    [judged] = compare(TINY, [(mixed, None)]).judged
    assert judged.by is None


def test_a_model_is_found_by_its_name_where_no_provider_is_recorded():
    run = mini("mini-inventory")
    turns = tuple(
        replace(t, calls=tuple(replace(c, provider=None, route=None, model="m-7b") for c in t.calls)) for t in run.turns
    )
    crew = team("small large", [provider("large", model="m-7b")], fallback=["large"])
    [judged] = compare(crew, [(replace(run, turns=turns), None)]).judged
    assert judged.by == "large" and judged.replay.agreement == (0, 0)


def test_a_provider_alone_has_nobody_to_compare_with():
    found = compare(team("flywheel-tiny"), [(run, None) for run in RUNS])
    assert found.large is None and "nobody to escalate to" in found.why_no_curve
    assert [base.name for base in found.baselines] == ["all-small", "router"]
    assert found.totals()["agreement"] == 1


@pytest.mark.parametrize("ends", [{"small": "nobody"}, {"large": "nobody"}, {"small": "large"}])
def test_the_ends_must_be_two_of_the_team(ends):
    with pytest.raises(UsageError, match=r"--small|--large"):
        compare(TINY, [(RUNS[0], None)], **ends)
