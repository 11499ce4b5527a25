"""Budgets: what a call may take, and that none is passed."""

from hypothesis import given
from hypothesis import strategies as st

from slm_ext.registry.policies import Budget, Price
from slm_ext.routing import Spent, allowance
from slm_ext.routing.budget import MARGIN

FREE = Price()


def left(budget, spent=None, prompt=100, price=FREE):
    return allowance([("the run", Budget(**budget), spent or Spent())], prompt_tokens=prompt, price=price)


def test_without_a_budget_nothing_is_bounded():
    assert left({}) == allowance([], prompt_tokens=10**9, price=FREE)
    assert left({}).max_tokens is None and left({}).seconds is None and not left({}).why_not


def test_what_is_spent_is_named():
    assert left({"calls": 3}, Spent(calls=2)).why_not == ""
    assert left({"calls": 3}, Spent(calls=3)).why_not == "budget: 3 of 3 calls of the run are spent"
    assert (
        "of 900 tokens of the run are spent, the prompt has about 100"
        in left({"tokens": 900}, Spent(tokens=800)).why_not
    )
    assert "60 s of the run are spent" in left({"seconds": 60}, Spent(seconds=60)).why_not
    dear = Price(input=3.0, output=15.0)
    assert "$0.9900 of $1 of the run are spent" in left({"usd": 1.0}, Spent(usd=0.99), 10_000, dear).why_not


def test_a_reply_gets_no_more_than_is_left():
    assert left({"tokens": 1000}, Spent(tokens=300), prompt=100).max_tokens == 590
    assert left({"seconds": 60}, Spent(seconds=20)).seconds == 40
    assert left({"usd": 1.0}, Spent(), 0, Price(output=10.0)).max_tokens in (99_999, 100_000)
    assert left({"usd": 0.001}, Spent(), 10**6).why_not == ""  # a free provider spends none of it


def test_the_tightest_budget_counts():
    budgets = [("the run", Budget(tokens=1000), Spent()), ("provider 'a'", Budget(tokens=500), Spent(tokens=100))]
    assert allowance(budgets, prompt_tokens=100, price=FREE).max_tokens == 290


price_lists = st.builds(Price, input=st.floats(0, 50), output=st.floats(0, 200), cached=st.none() | st.floats(0, 50))


@given(
    st.builds(Budget, calls=st.none() | st.integers(1, 20), tokens=st.none() | st.integers(1, 50_000),
              usd=st.none() | st.floats(1e-6, 1)),
    price_lists,
    st.lists(
        st.tuples(st.integers(1, 5000), st.floats(1 / MARGIN, MARGIN), st.floats(0, 1), st.floats(0, 1)), max_size=30
    ),
)  # fmt: skip
def test_no_run_of_calls_passes_its_budget(budget, price, calls):
    """The server counts a prompt up to a tenth larger than it was estimated, and a reply takes up to all it may."""
    spent = Spent()
    for prompt, off, cached, of_reply in calls:
        allowed = allowance([("the run", budget, spent)], prompt_tokens=prompt, price=price)
        if allowed.why_not:
            continue
        real = int(prompt * min(off, MARGIN))
        reply = int((4096 if allowed.max_tokens is None else min(4096, allowed.max_tokens)) * of_reply)
        spent = spent.plus(prompt=real, cached=int(real * cached), reply=reply, seconds=0, price=price, calls=1)
    assert budget.calls is None or spent.calls <= budget.calls
    assert budget.tokens is None or spent.tokens <= budget.tokens
    assert budget.usd is None or spent.usd <= budget.usd * (1 + 1e-9) + 1e-12


def test_a_price_that_is_next_to_nothing_is_no_error():
    assert left({"usd": 1.0}, price=Price(output=5e-324)) == left({})
