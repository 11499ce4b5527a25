"""How long a run is asked again, with several providers to ask."""

import pytest

from slm_ext.registry.router import Router


@pytest.mark.parametrize(
    ("fields", "limit"),
    [
        ({}, 3),
        ({"fallback": ["b"]}, 5),
        ({"fallback": ["b", "c"], "escalate": {"format_errors": 1}}, 5),
        ({"fallback": ["b"], "escalate": {"format_errors": None}}, 3),
    ],
)
def test_each_provider_that_takes_over_has_its_own_tries(fields, limit):
    assert Router(name="auto", default="a", **fields).format_error_limit(3) == limit
