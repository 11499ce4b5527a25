"""Budgets, prices, context and stop policies: short forms, and rules that could never hold."""

import pytest

from slm_ext.errors import RegistryError
from slm_ext.registry import Budget, ContextPolicy, Price, StopPolicy, Strategy


def test_a_strategy_by_its_name_alone():
    policy = ContextPolicy(strategies=["elide", {"name": "truncate", "max_chars": 100}])
    assert [(strategy.name, strategy.max_chars) for strategy in policy.strategies] == [
        ("elide", 2000),
        ("truncate", 100),
    ]
    assert ContextPolicy(strategies=[]).strategies == []
    assert [strategy.name for strategy in ContextPolicy().strategies] == ["elide", "truncate", "keep_ends"]


@pytest.mark.parametrize(
    ("strategies", "line", "says"),
    [
        ("[elid]", 5, "nearest: 'elide'"),
        ("[{name: elide, keep_lst: 3}]", 5, "`context.strategies.0.keep_lst`; nearest: 'keep_last'"),
        ("[elide, {name: truncate, keep_last: 3}]", 5, "`truncate` does not look at it, only at max_chars"),
        ("[{name: summarize, provider: nobody}]", 5, "'nobody', no provider of that name"),
        ("[{name: summarize, provider: flywheel-auto}]", 5, "'flywheel-auto', a router"),
        ("elide", 5, "valid list"),
    ],
)
def test_mistakes_in_a_context_policy(loaded, strategies, line, says):
    head = "slm_providers:\n  p:\n    model: m\n    api_base: http://h/v1\n"
    with pytest.raises(RegistryError) as caught:
        loaded(head + f"    context: {{strategies: {strategies}}}\n")
    assert f":{line}: " in caught.value.seen and says in caught.value.seen


def test_a_strategy_is_written_with_the_fields_that_it_looks_at():
    assert Strategy(name="truncate", max_chars=9).model_dump() == {"name": "truncate", "max_chars": 9}
    assert set(Strategy(name="summarize").model_dump()) == {"name", "keep_last", "provider", "max_tokens"}


@pytest.mark.parametrize("field", list(Budget.model_fields))
def test_a_budget_of_nothing_is_refused(field):
    assert getattr(Budget(**{field: 1}), field) == 1
    with pytest.raises(ValueError, match="0 would allow no call"):
        Budget(**{field: 0})
    with pytest.raises(ValueError):
        Budget(**{field: -1})
    with pytest.raises(ValueError, match="not true or false"):
        Budget(**{field: True})


def test_a_price_is_free_where_nothing_costs():
    assert Price().free and Price(input=0, output=0, cached=0).free
    assert not any(Price(**{field: 0.1}).free for field in Price.model_fields)


def test_a_repetition_that_fits_no_window_is_refused():
    assert StopPolicy(repeat_action=6).repeat_action == 6
    assert StopPolicy(repeat_action=None, repeat_window=2).repeat_action is None
    with pytest.raises(ValueError, match="3 of the last 2 can never be"):
        StopPolicy(repeat_window=2)
