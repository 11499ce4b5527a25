"""The route decision of a run with one provider."""

import pytest
from pydantic import ValidationError

from slm_ext.routing import RouteDecision, single_provider


def test_the_only_provider_is_chosen_and_the_cause_says_so():
    decision = single_provider(3, "flywheel-tiny", "http://127.0.0.1:1/v1")
    assert (decision.step, decision.provider, decision.cause) == (3, "flywheel-tiny", "single_provider")
    assert decision.alternatives == [] and decision.escalated_from is None


def test_unknown_fields_are_refused():
    with pytest.raises(ValidationError):
        RouteDecision(step=1, provider="a", cause="c", mood="good")
