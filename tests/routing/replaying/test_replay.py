"""Recorded runs decided again: the same router decides the same, another one as its rules say."""

import tempfile
from contextlib import ExitStack
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from slm_ext.completion import Completion, Pool
from slm_ext.errors import FormatRejected, ProviderDown
from slm_ext.registry.policies import StopPolicy
from slm_ext.registry.provider import Provider
from slm_ext.registry.router import Router, Team
from slm_ext.routing.replaying.recorded import situations
from slm_ext.routing.replaying.replay import replay
from slm_ext.routing.replaying.stalling import PATIENCE, stall_of
from slm_ext.routing.replaying.thresholds import LEVELS, SETTINGS, SWEEP, first_escalations, with_thresholds
from slm_ext.testing.openai_server import FakeOpenAI, Fault, tool_call
from slm_ext.traces import Recorder, find_traces, read_file, read_traces
from tests.routing.parts import RUNS, provider, team


def tool(name, **properties):
    parameters = {"type": "object", "properties": properties, "required": list(properties)}
    return {"type": "function", "function": {"name": name, "description": name, "parameters": parameters}}


MESSAGES = [{"role": "system", "content": "You fix bugs."}, {"role": "user", "content": "Fix it."}]
TEXT, NUMBER = {"type": "string"}, {"type": "integer"}
TOOLS = [
    tool("read_file", path=TEXT),
    tool("edit_line", path=TEXT, line=NUMBER, old=TEXT, new=TEXT),
    tool("submit"),
]
BAD = "I would rather talk about it."
WRONG = tool_call("read_file", file="a.py")
READ, OTHER = tool_call("read_file", path="a.py"), tool_call("read_file", path="b.py")
EDIT = tool_call("edit_line", path="a.py", line=3, old="x", new="y")
RESULTS = {
    "read_file": ["a.py: lines 1-2 of 2\n1|x = 1", "error not_found: a.py"],
    "edit_line": ["edited a.py line 3\n3|y", "error not_found: x", "edited a.py line 3\n3|z"],
    "submit": ["fail: 1 failed, 2 passed\n"],
}


def play(folder, members, script, *, host="mini", fine=False, **router):
    """A run over loopback by a real `Completion`; returns its team.

    `members`: name → fields of the provider. `script`: what whoever is asked answers, one after the other; a `Fault`
    takes an answer of its own. `fine`: every action works.
    """
    answers, most = iter(script), sum(not isinstance(answer, Fault) for answer in script)
    with ExitStack() as stack:
        made = {}
        for name, fields in members.items():
            server = stack.enter_context(FakeOpenAI([lambda request: next(answers)], model=name))
            retry = {"retries": 0, "min_wait": 0.01, "max_wait": 0.02}
            made[name] = Provider(
                **({"name": name, "model": name, "api_base": server.base_url, "timeout_s": 20, "retry": retry} | fields)
            )
        crew = Team(Router(**({"name": "auto", "default": next(iter(made))} | router)), made)
        pool = stack.enter_context(Pool.of(crew))
        recorder = Recorder(folder / "calls.jsonl", "run", "task")
        completion = Completion(crew, pool, tools=TOOLS, recorder=recorder)
        history, tries, asked = [*MESSAGES], [], 0
        while asked < most:
            try:
                answer = completion.complete([*history, *tries])
            except FormatRejected as rejected:
                said = {"role": "user", "content": rejected.rejection.text()}
                tries += [rejected.reply.message, said]
                asked += 1
                continue
            except ProviderDown:
                break
            [call] = answer.calls
            result = RESULTS[call.name][0 if fine else asked % len(RESULTS[call.name])]
            recorder.observation(answer.call_id, result)
            history += [] if host == "sweagent" else tries
            history += [answer.message, {"role": "tool", "tool_call_id": call.id, "content": result}]
            tries, asked = [], asked + 1
        recorder.outcome(submitted=False, exit_status="LimitsExceeded", resolved=False)
        completion.close()
    if host == "sweagent":
        (folder / "task.traj").write_text("{}")
    return crew


def decided(folder, crew):
    [run] = read_traces(folder)
    return run, replay(crew, situations(run))


def assert_the_same(run, again):
    """Every decision, not only the provider."""
    for turn, point in zip(run.turns, again.points, strict=True):
        was = turn.answer.route
        now = point.decision
        assert now is not None
        for name in ("subtask", "provider", "cause", "signals", "escalated_from", "switched_from"):
            assert getattr(now, name) == was[name], (turn.step, turn.attempt, name)


def test_a_router_agrees_with_what_it_recorded(tmp_path):
    script = [READ, BAD, BAD, READ, EDIT, OTHER, READ, READ, READ, READ, READ, EDIT, WRONG, EDIT, READ, OTHER, READ]
    rules = {"fallback": ["large"], "subtasks": {"plan": "large"}, "escalate": {"return_after": 2}}
    crew = play(tmp_path, {"small": {}, "large": {}}, script, fine=True, **rules)
    run, again = decided(tmp_path, crew)
    assert_the_same(run, again)
    assert again.agreement == (len(script), len(script))
    assert {point.decision.cause for point in again.escalations} >= {"format_errors", "repeated_action"}
    assert {point.decision.cause for point in again.points} >= {"escalated", "returned", "subtask", "default"}


@pytest.mark.parametrize("host", ["mini", "sweagent"])
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    script=st.lists(st.sampled_from([READ, OTHER, EDIT, BAD, WRONG, tool_call("submit")]), min_size=1, max_size=14),
    escalate=st.fixed_dictionaries(
        {}, optional={"format_errors": st.integers(1, 2), "return_after": st.integers(1, 3),
                      "cooldown_steps": st.integers(0, 3), "failing_tests": st.none()},
    ),
    fine=st.booleans(),
    small=st.sampled_from([{}, {"tool_mode": "xml"}, {"price": {"input": 1}}]),
)  # fmt: skip
def test_whatever_is_answered_a_router_agrees_with_itself(host, script, escalate, fine, small):
    with tempfile.TemporaryDirectory() as folder:
        crew = play(
            Path(folder), {"small": small, "large": {}}, script, host=host, fine=fine, escalate=escalate,
            fallback=["large"], subtasks={"edit": "large"},
        )  # fmt: skip
        run, again = decided(Path(folder), crew)
        assert_the_same(run, again)


def test_a_provider_that_was_down_is_not_asked_again_before_it_was(tmp_path):
    script = [READ, Fault(status=401), OTHER, EDIT, READ]
    crew = play(tmp_path, {"small": {}, "large": {}}, script, fine=True, fallback=["large"])
    run, again = decided(tmp_path, crew)
    assert [turn.answer.provider for turn in run.turns] == ["small", "large", "large", "large"]
    assert [call.status for call in run.turns[1].calls] == ["provider_down", "ok"]
    assert_the_same(run, again)
    assert [point.step for point in again.escalations] == [2]


def test_a_prompt_that_overflowed_goes_where_it_went(tmp_path):
    long = {"role": "assistant", "content": "word " * 400, "tool_calls": OTHER["tool_calls"]}
    narrow = {"max_input_tokens": 300, "context": {"strategies": []}}
    crew = play(tmp_path, {"small": narrow, "large": {}}, [READ, long, EDIT, READ], fallback=["large"])
    run, again = decided(tmp_path, crew)
    assert [turn.answer.provider for turn in run.turns] == ["small", "small", "large", "large"]
    assert [point.provider for point in again.points] == ["small", "small", "large", "large"]
    assert again.points[2].decision.cause == "overflow" and again.points[2].escalates
    assert not again.points[3].escalates


def recorded(name):
    [run] = read_traces(RUNS / name)
    return situations(run)


TINY = team("flywheel-tiny large", fallback=["large"])


def test_other_rules_decide_otherwise():
    one = replay(TINY, recorded("mini-stalled"))
    first, *_ = one.escalations
    assert (first.step, first.decision.cause, first.provider) == (6, "repeated_action", "large")
    assert one.agreement == (5, 17)
    assert one.share("flywheel-tiny") == 5 / 18
    assert one.prefill_tokens == 694 == first.decision.prompt_tokens


def test_a_window_that_was_too_small_is_seen_before_anything_is_asked():
    narrow = provider("flywheel-tiny", max_input_tokens=500, context={"strategies": []})
    one = replay(team("flywheel-tiny large", [narrow], fallback=["large"]), recorded("mini-inventory"))
    assert [point.provider for point in one.points] == ["flywheel-tiny"] * 4 + ["large"]
    fitting = provider("flywheel-tiny", max_input_tokens=500)
    one = replay(team("flywheel-tiny large", [fitting], fallback=["large"]), recorded("mini-inventory"))
    assert {point.provider for point in one.points} == {"flywheel-tiny"}


def test_where_nobody_could_be_asked_there_is_no_decision():
    narrow = provider("flywheel-tiny", max_input_tokens=100, context={"strategies": []})
    one = replay(team("flywheel-tiny", [narrow]), recorded("mini-inventory"))
    assert one.points[0].provider == "flywheel-tiny"
    assert [point.decision for point in one.points[1:]] == [None] * 4
    assert one.agreement == (1, 5)


@pytest.mark.parametrize(
    ("name", "step", "reason", "since"),
    [
        ("mini-stalled", 8, "repeat_action", 8),
        ("mini-bookings", 10, "no_progress", 5),
        ("mini-rejected", 8, "no_progress", 3),
        ("mini-redrawn", 6, "repeat_action", 6),
    ],
)
def test_where_runs_stall(name, step, reason, since):
    stall = stall_of(recorded(name))
    assert (stall.step, stall.reason, stall.since_step) == (step, reason, since)


@pytest.mark.parametrize("name", ["mini-inventory", "mini-playlist", "sweagent-inventory", "sweagent-playlist"])
def test_a_run_that_hands_in_its_work_does_not_stall(name):
    assert stall_of(recorded(name)) is None


def test_a_stop_policy_ends_a_run_earlier():
    stall = stall_of(recorded("mini-inventory"), StopPolicy(max_steps=2))
    assert (stall.step, stall.reason) == (3, "max_steps")


def test_standing_still_takes_as_many_turns_as_the_stop_policy_looks_at():
    stall = stall_of(recorded("mini-bookings"), StopPolicy(repeat_action=None, cycle=None))
    assert stall.step - stall.since_step == PATIENCE - 1


@pytest.mark.parametrize("run", find_traces([RUNS]), ids=lambda run: run.source.parent.name)
def test_the_first_escalation_of_a_setting_is_the_earliest_of_its_triggers(run):
    read = situations(run)
    first = first_escalations(TINY, read)
    for setting in {SETTINGS[0], SETTINGS[-1], *SETTINGS[::23], *SWEEP}:
        found = replay(with_thresholds(TINY, dict(zip(LEVELS, setting, strict=True))), read).escalations
        assert first.of(setting) == (found[0].turn if found else None), setting


def test_a_more_patient_setting_never_escalates_earlier():
    for run in find_traces([RUNS]):
        first = first_escalations(TINY, situations(run))
        turns = [first.of(setting) for setting in SWEEP]
        known = [len(run.turns) if turn is None else turn for turn in turns]
        assert known == sorted(known, reverse=True)


def test_the_prompt_is_estimated_where_nobody_counted_it():
    [run] = read_file(RUNS / "sweagent-playlist" / "playlist.traj")
    sizes = [now.prompt_tokens for now in situations(run)]
    assert sizes == sorted(sizes) and sizes[0] > 0
    counted = [now.prompt_tokens for now in recorded("sweagent-playlist")]
    assert all(0.3 < size / true < 3 for size, true in zip(sizes, counted, strict=True))
