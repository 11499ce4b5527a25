"""What is easily got wrong: budgets when something fails, replicas that hang, hosts that forget, keys, samples."""

import json

import pytest

from slm_ext.completion import Completion, Pool
from slm_ext.errors import BudgetSpent, ProviderDown
from slm_ext.registry.router import Router, Team
from slm_ext.routing import MARGIN
from slm_ext.testing.openai_server import FakeOpenAI, Fault, tool_call
from slm_ext.traces import Recorder, read_calls

from .crew import BAD, EDIT, READ, made
from .parts import MESSAGES, TOOLS


def replicated(*servers, **fields):
    return made("many", endpoints=[{"url": server.base_url} for server in servers], model="m", **fields)


def test_replicas_that_hang_are_each_asked_once():
    hang = Fault(wait_s=30)
    with FakeOpenAI([hang], model="m") as one, FakeOpenAI([hang], model="m") as two:
        team = Team(Router(name="many", default="many", cooldown_s=0.1), {"many": replicated(one, two, timeout_s=0.4)})
        with Pool.of(team) as pool, pytest.raises(ProviderDown, match="no answer within"):
            Completion(team, pool, tools=TOOLS).complete(MESSAGES)
    assert [len(one.requests), len(two.requests)] == [1, 1]


def test_what_a_failed_replica_took_is_spent():
    with FakeOpenAI([Fault(status=400)], model="m") as one, FakeOpenAI([READ], model="m") as two:
        team = Team.of(replicated(one, two))
        with Pool.of(team) as pool:
            completion = Completion(team, pool, tools=TOOLS)
            completion.complete(MESSAGES)
    assert completion.state.total.calls == 2


def test_tries_over_http_stay_within_the_calls(crew):
    retry = {"retries": 6, "min_wait": 0.01, "max_wait": 0.01}
    team = crew({"small": ([Fault(status=503)], {"retry": retry})}, budget={"calls": 3})
    with pytest.raises(ProviderDown):
        team.step()
    assert len(team.servers["small"].requests) == 3


def test_a_server_that_tells_no_usage_is_counted_here(crew):
    silent = {"choices": [{"index": 0, "message": READ, "finish_reason": "tool_calls"}]}
    team = crew({"small": ([silent], {})}, budget={"tokens": 3000}, escalate={"repeated_actions": None, "cycle": None})
    with pytest.raises(BudgetSpent):
        for _ in range(20):
            team.step("word " * 200)
    sent = [team.records()[i]["request"]["messages"] for i in range(len(team.records()))]
    counted = sum(len(json.dumps(messages)) * 0.2 for messages in sent)
    assert 0 < team.completion.state.total.tokens <= 3000 and counted < 3000 * MARGIN
    assert team.records()[0]["usage"]["in"] is None


def test_a_redraw_that_a_budget_forbids_leaves_the_reply_that_is_there(crew):
    policy = {"draws": 5, "once": ["read_file"]}
    team = crew({"small": ([READ], {"resample": policy})}, budget={"calls": 3})
    team.step("1|x"), team.step("edited a.py line 1")
    assert [r["validation"]["status"] for r in team.records()] == ["ok", "resampled", "ok"]


def test_a_missing_key_in_the_middle_is_not_what_the_run_ends_with(crew, monkeypatch):
    monkeypatch.delenv("SLM_TEST_KEY", raising=False)
    keyed = {"api_key": "$SLM_TEST_KEY"}
    team = crew(
        {"small": ([READ, Fault(status=400)], {}), "cloud": ([READ], keyed)},
        subtasks={"read": "cloud", "edit": "cloud"},
    )
    team.step("1|x")
    with pytest.raises(ProviderDown, match="'small'"):
        team.step()


def test_who_stands_beside_the_ladder_does_not_hand_down(crew):
    team = crew({"small": ([READ], {}), "large": ([BAD, BAD, READ], {})}, subtasks={"plan": "large"})
    assert [team.refused()[0], team.refused()[0], team.step()[0]] == ["large"] * 3


def test_a_return_that_waits_does_not_keep_trouble_from_being_seen(crew):
    team = crew(
        {"small": ([BAD], {}), "mid": ([READ, EDIT, READ, BAD, BAD], {}), "top": ([READ], {})},
        fallback=["mid", "top"], switching={"max_prefill_tokens": 1},
        escalate={"return_after": 2, "repeated_actions": None, "cycle": None},
    )  # fmt: skip
    team.refused(), team.refused()
    assert [team.step(f"edited a.py line {i}")[1] for i in range(3)] == ["format_errors", "escalated", "sticky"]
    assert team.refused()[0] == team.refused()[0] == "mid"
    assert team.step() == ("top", "format_errors")


def test_after_a_failure_the_way_home_is_no_mere_wish(crew):
    team = crew(
        {"small": ([Fault(status=400), READ], {}), "dear": ([READ], {})}, fallback=["dear"], cooldown_s=0.001,
        switching={"max_prefill_tokens": 1},
    )  # fmt: skip
    assert team.step("1|x") == ("dear", "unhealthy")
    assert team.step("1|x") == ("small", "default")


def test_where_nobody_else_is_left_one_that_failed_is_asked_again(crew):
    team = crew(
        {"small": ([Fault(status=400), READ], {}), "large": ([READ, Fault(status=400)], {})}, fallback=["large"],
        cooldown_s=1000,
    )  # fmt: skip
    assert team.step("1|x") == ("large", "unhealthy")
    assert team.step("1|x")[0] == "small"


def test_a_host_that_forgets_rejected_replies_does_not_blind_the_triggers(crew):
    """SWE-agent asks again with the rejected reply, and takes both out of its history with the next step."""
    torn = tool_call("edit_line", path="a.py")
    team = crew({"small": ([torn, torn], {}), "large": ([READ], {}), "top": ([READ], {})}, fallback=["large", "top"])
    kept = list(team.messages)
    team.refused(), team.refused()
    first = team.completion.complete(team.messages)
    team.messages = [*kept, first.message, {"role": "tool", "tool_call_id": first.calls[0].id, "content": "1|x"}]
    assert team.step("1|x") == ("large", "escalated")
    assert team.step("1|x") == ("top", "repeated_action")
    assert [r["step"] for r in team.records()] == [1, 1, 1, 2, 3]


def test_another_conversation_begins_anew_but_what_is_spent_is_spent(crew):
    team = crew({"small": ([READ], {}), "large": ([EDIT], {})}, fallback=["large"])
    begun = list(team.messages)
    assert [team.step("1|x")[0] for _ in range(3)] == ["small", "small", "large"]
    team.messages = begun
    assert [team.step("1|x")[0] for _ in range(3)] == ["small", "small", "large"]
    assert [r["step"] for r in team.records()] == [1, 2, 3, 1, 2, 3]
    assert team.completion.state.total.calls == 6


def test_several_answers_to_one_history_are_one_step(crew):
    team = crew(
        {"small": ([READ], {"temperature": 0.1, "resample": {"draws": 3, "once": ["read_file"]}})},
        stop_policy={"max_steps": 2},
    )
    for _ in range(4):
        answer = team.completion.complete(team.messages, temperature=0.9)
    assert answer.route["step"] == 1 and team.last("small")["temperature"] == 0.9
    assert [team.step("1|x")[0], team.step("2|y")[0]] == ["small", "small"]
    assert team.last("small")["temperature"] != 0.9


def test_a_decision_knows_the_prompt_as_it_will_be(crew):
    team = crew({"small": ([READ], {"max_input_tokens": 900}), "large": ([READ], {})}, fallback=["large"],
                escalate={"repeated_actions": None, "cycle": None})  # fmt: skip
    for i in range(12):
        team.step(f"{i}|" + "word " * 200)
    decided = [record["route"]["signals"]["prompt_tokens"] for record in team.records()]
    costs = [record["route"]["switch_cost"]["prefill_tokens"] for record in team.records()]
    assert max(decided[:-1]) < 3 * 900 and max(costs) <= 900


def test_a_summary_counts_and_its_writer_has_a_window_of_its_own(crew):
    tight = {"max_input_tokens": 900, "context": {"strategies": [{"name": "summarize", "keep_last": 1}]}}
    team = crew({"small": ([READ], tight), "writer": (["It read x."], {})}, subtasks={"summarize": "writer"},
                escalate={"repeated_actions": None, "cycle": None})  # fmt: skip
    told = 0
    for i in range(8):
        answer = team.completion.complete(team.messages)
        told += answer.usage["in"] + answer.usage["out"]
        result = {"role": "tool", "tool_call_id": answer.calls[0].id, "content": f"{i}|" + "word " * 200}
        team.messages += [answer.message, result]
    written = [r for r in team.records() if r["route"]["subtask"] == "summarize"]
    assert written and all(r["validation"]["status"] == "ok" for r in written)
    assert (
        told == sum(r["usage"]["in"] + r["usage"]["out"] for r in team.records()) == team.completion.state.total.tokens
    )


def test_roles_bind_whoever_stands_in(crew):
    team = crew({"small": ([READ], {}), "planner": ([READ], {"roles": ["plan"]}), "large": ([EDIT], {})},
                fallback=["planner", "large"])  # fmt: skip
    team.step("1|x"), team.step("1|x")
    assert team.step("1|x") == ("large", "repeated_action")


def test_a_servers_words_are_told_without_the_key(tmp_path):
    key = "zq-very-secret-key"
    said = json.dumps({"error": {"message": f"Incorrect API key provided: {key}"}})
    with FakeOpenAI([Fault(status=401, body=said)], model="m") as server:
        team = Team.of(made("small", server.base_url, api_key=key))
        recorder = Recorder(tmp_path / "calls.jsonl", "run", "task")
        with Pool.of(team) as pool, pytest.raises(ProviderDown) as caught:
            Completion(team, pool, tools=TOOLS, recorder=recorder).complete(MESSAGES)
    assert key not in str(caught.value) and "[secret]" in str(caught.value)
    assert key not in (tmp_path / "calls.jsonl").read_text()


def test_a_writers_key_is_not_recorded_either(crew):
    key = "zq-another-secret"
    said = json.dumps({"error": {"message": f"bad key {key}"}})
    tight = {"max_input_tokens": 900, "context": {"strategies": [{"name": "summarize", "keep_last": 1}]}}
    team = crew({"small": ([READ], tight), "writer": ([Fault(status=400, body=said)], {"api_key": key})},
                subtasks={"summarize": "writer"}, escalate={"repeated_actions": None, "cycle": None})  # fmt: skip
    for i in range(8):
        team.step(f"{i}|" + "word " * 200)
    assert any(r["route"]["subtask"] == "summarize" for r in team.records())
    assert key not in (team.path / "calls.jsonl").read_text()


def test_a_redrawn_reply_is_counted_in_the_answer(crew):
    team = crew({"small": ([BAD, READ], {"resample": {"draws": 2}})})
    answer = team.completion.complete(team.messages)
    assert answer.usage["out"] == sum(r["usage"]["out"] for r in read_calls(team.path))
