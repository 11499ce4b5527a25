"""Under mini every bad answer is asked again with its own words, and the run goes on; three in a row end it."""

from __future__ import annotations

import json

import pytest

from slm_ext.runs import run_task
from tests.hosts.bad_answers import BAD_ANSWERS, body

from .parts import FIX


@pytest.mark.parametrize("name", BAD_ANSWERS)
def test_the_model_is_told_what_was_wrong_and_goes_on(name, scripted, request_for):
    _, _, rule, seen = BAD_ANSWERS[name]
    server = scripted([FIX[0], body(name), *FIX[1:]])
    result = run_task(request_for(test="python -m pytest -q"))
    assert (result.resolved, result.exit_status, result.steps) == (True, "Submitted", 6)
    asked_again = server.requests[2]["messages"]
    assert [m["role"] for m in asked_again[:4]] == ["system", "user", "assistant", "tool"]
    assert [m["role"] for m in asked_again[4:]] in (["assistant", "user"], ["assistant", "tool"])
    told = asked_again[-1]["content"]
    assert told.startswith(f"error {rule}" if rule else "error ")
    assert seen is None or seen in json.dumps(asked_again[4:]).replace('\\\\"', '"').replace('\\"', '"')


@pytest.mark.parametrize("name", BAD_ANSWERS)
def test_three_of_them_end_the_run_without_a_traceback(name, scripted, request_for):
    server = scripted([body(name)])
    result = run_task(request_for())
    assert (result.exit_status, result.resolved, len(server.requests)) == ("RepeatedFormatError", False, 3)
