"""A team answers: who is asked, what each is shown, what happens when one cannot, and what is recorded."""

import json
import socket
import threading
from contextlib import ExitStack

import pytest

from slm_ext.completion import Completion, Pool
from slm_ext.errors import BudgetSpent, ContextOverflow, ProviderDown, RunStopped, UsageError
from slm_ext.registry.policies import StopPolicy
from slm_ext.registry.router import Team
from slm_ext.testing.openai_server import FakeOpenAI, Fault
from slm_ext.traces import Recorder, read_calls

from .crew import BAD, EDIT, READ, made
from .parts import MESSAGES, TOOLS


def dead_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def test_format_errors_bring_the_stronger_one_and_it_gives_back(crew):
    both = {"small": ([BAD, BAD, READ], {}), "large": ([READ, EDIT, READ], {})}
    team = crew(both, fallback=["large"], escalate={"return_after": 2})
    assert [team.refused(), team.refused()] == [("small", "default")] * 2
    assert team.step("edited a.py line 3") == ("large", "format_errors")
    assert team.step("edited a.py line 3") == ("large", "escalated")
    assert team.step("edited a.py line 4") == ("small", "returned")
    routes = [record["route"] for record in team.records()]
    assert [r["provider"] for r in routes] == ["small", "small", "large", "large", "small"]
    assert routes[2]["escalated_from"] == routes[2]["switched_from"] == "small"
    assert routes[2]["signals"]["format_errors"] == 2 and routes[2]["alternatives"][0]["provider"] == "small"
    assert routes[2]["endpoint"] == team.servers["large"].base_url
    assert routes[3]["switched_from"] is None and routes[4]["switched_from"] == "large"


def test_the_stronger_one_sees_what_the_weaker_one_tried(crew):
    team = crew({"small": ([BAD], {}), "large": ([READ], {})}, fallback=["large"])
    team.refused(), team.refused()
    team.step()
    shown = team.last("large")["messages"]
    assert [m["role"] for m in shown] == ["system", "user", "assistant", "user", "assistant", "user"]
    assert shown[2]["content"] == BAD and "no_call" in shown[3]["content"]


def test_a_repeated_action_and_a_cycle_escalate(crew):
    team = crew({"small": ([READ], {}), "large": ([EDIT], {})}, fallback=["large"])
    assert team.step() == ("small", "default")
    assert team.step() == ("small", "default")
    assert team.step() == ("large", "repeated_action")
    assert team.records()[2]["route"]["signals"]["repeated"] == 2


def test_subtasks_go_to_whom_they_are_given(crew):
    team = crew({"small": ([READ], {}), "large": ([READ], {})}, subtasks={"plan": "large"})
    assert team.step() == ("large", "subtask")
    assert team.records()[0]["route"]["subtask"] == "plan"
    assert team.step()[0] == "small"


@pytest.mark.parametrize("mode", ["native", "xml", "json", "text"])
@pytest.mark.parametrize("other", ["native", "xml", "json", "text"])
def test_the_history_is_written_anew_for_the_next_ones_format(crew, mode, other):
    """Whoever made a call, the other reads it in its own format; ids of native calls and results belong together."""
    from slm_ext.toolcalls import ToolCall, wire_format

    wires = {"native": None, "xml": "qwen3_coder", "json": "hermes", "text": "fenced"}

    def says(how):
        if wires[how] is None:
            return READ
        return wire_format(wires[how]).render(ToolCall(id="", name="read_file", arguments={"path": "a.py"}))

    team = crew(
        {"first": ([says(mode)], {"tool_mode": mode}), "second": ([says(other)], {"tool_mode": other})},
        subtasks={"plan": "first"}, default="second",
    )  # fmt: skip
    assert team.step("1|x = 1")[0] == "first"
    assert team.step("1|x = 1")[0] == "second"
    request = team.last("second")
    assert ("tools" in request) == (other == "native")
    shown = request["messages"]
    assert [m["role"] for m in shown[1:]] == (
        ["user", "assistant", "tool"] if other == "native" else ["user", "assistant", "user"]
    )
    if other == "native":
        [call] = shown[2]["tool_calls"]
        assert call["id"] == shown[3]["tool_call_id"] and json.loads(call["function"]["arguments"]) == {"path": "a.py"}
    else:
        assert all("tool_calls" not in m for m in shown)
        parsed = wire_format(wires[other]).parse(shown[2]["content"], TOOLS)
        assert [(c.name, c.arguments) for c in parsed.calls] == [("read_file", {"path": "a.py"})]


def test_a_subtask_has_its_own_text_temperature_and_tools(crew):
    style = {"provider": "small", "system": "Plan.", "note": "Be brief.", "temperature": 0.7, "tools": ["read_file"]}
    team = crew({"small": ([READ], {"temperature": 0.1})}, subtasks={"plan": style})
    team.step()
    first = team.last("small")
    assert first["messages"][0] == {"role": "system", "content": "Plan."}
    assert first["messages"][-1]["content"] == "Fix it.\n\nBe brief."
    assert first["temperature"] == 0.7 and [t["function"]["name"] for t in first["tools"]] == ["read_file"]
    team.step()
    second = team.last("small")
    assert second["messages"][0] == MESSAGES[0] and second["temperature"] == 0.1 and second["tools"] == TOOLS


def test_a_call_of_a_tool_that_was_not_offered_is_told(crew):
    team = crew({"small": ([EDIT], {})}, subtasks={"plan": {"provider": "small", "tools": ["read_file"]}})
    assert team.refused()[0] == "small"
    assert "unknown_tool" in team.messages[-1]["content"]


def test_a_tool_that_the_run_does_not_have_is_refused_at_once(crew):
    with pytest.raises(UsageError, match=r"subtasks\.plan\.tools names fly"):
        crew({"small": ([READ], {})}, subtasks={"plan": {"provider": "small", "tools": ["fly"]}})


def test_a_provider_may_have_a_system_text_of_its_own(crew):
    team = crew({"small": ([READ], {"system": "Short."})})
    team.step()
    assert team.last("small")["messages"][0] == {"role": "system", "content": "Short."}


def test_who_is_down_is_replaced_and_left_alone(crew):
    team = crew({"small": ([Fault(drop=True)], {}), "large": ([READ], {})}, fallback=["large"], cooldown_s=1000)
    assert team.step() == ("large", "unhealthy")
    asked = len(team.servers["small"].requests)
    assert team.step() == ("large", "unhealthy")
    assert len(team.servers["small"].requests) == asked
    down, first, second = team.records()
    assert down["validation"]["status"] == "provider_down" and down["route"]["provider"] == "small"
    assert first["route"]["escalated_from"] == "small"
    assert second["route"]["alternatives"][0]["why_not"].startswith("unhealthy: it failed, and is left alone for")


def test_a_missing_key_is_as_good_as_down_where_somebody_else_can(crew, monkeypatch):
    monkeypatch.delenv("SLM_TEST_KEY", raising=False)
    team = crew({"small": ([READ], {"api_key": "$SLM_TEST_KEY"}), "large": ([READ], {})}, fallback=["large"])
    assert team.step() == ("large", "missing")
    assert "SLM_TEST_KEY" in team.records()[0]["route"]["alternatives"][0]["why_not"]


def test_where_all_are_down_the_first_ones_reason_is_told(crew):
    team = crew({"small": ([Fault(status=400)], {}), "large": ([Fault(status=404)], {})}, fallback=["large"])
    with pytest.raises(ProviderDown, match="'small'"):
        team.step()
    assert [r["route"]["provider"] for r in team.records()] == ["small", "large"]


def test_what_does_not_fit_goes_to_a_larger_window(crew):
    tight = {"max_input_tokens": 400, "context": {"strategies": []}}
    team = crew({"small": ([READ], tight), "large": ([READ], {})}, fallback=["large"])
    assert team.step("word " * 800)[0] == "small"
    assert team.step() == ("large", "overflow")
    route = team.records()[-1]["route"]
    assert route["escalated_from"] == "small" and "max_input_tokens" not in route["cause"]
    assert route["alternatives"][0]["why_not"].startswith("overflow: ")
    assert len(team.servers["small"].requests) == 1


def test_a_server_that_says_too_long_is_shown_less(crew):
    long = Fault(status=400, body='{"error": {"message": "maximum context length exceeded"}}')
    team = crew({"small": ([READ, READ, READ, long, READ], {"max_input_tokens": 9000})})
    for _ in range(3):
        team.step("word " * 900)
    assert team.step("short") == ("small", "single_provider")
    *_, refused, taken = team.records()
    assert refused["validation"]["status"] == "overflow" and taken["validation"]["status"] == "ok"
    assert taken["context"]["tokens_after"] < taken["context"]["tokens_before"]
    assert len(json.dumps(team.last("small")["messages"])) < len(
        json.dumps(team.servers["small"].requests[-2]["messages"])
    )


def test_what_was_left_out_is_recorded_and_the_hosts_history_is_not_touched(crew):
    team = crew({"small": ([READ], {"max_input_tokens": 1500})})
    for _ in range(8):
        team.step("word " * 300)
    kept = json.dumps(team.messages)
    team.step()
    assert json.dumps(team.messages[:-2]) == kept
    events = [record["context"] for record in team.records()]
    assert events[0] is None and events[-1]["dropped"] and events[-1]["strategy"]
    sent = team.last("small")["messages"]
    assert sent[0] == MESSAGES[0] and sent[1]["content"].startswith("Fix it.")


def test_a_summary_is_asked_of_whom_it_is_given_to(crew):
    summing = {"max_input_tokens": 1500, "context": {"strategies": [{"name": "summarize", "keep_last": 1}]}}
    team = crew(
        {"small": ([READ], summing), "writer": (["It read a.py and found x."], {})}, subtasks={"summarize": "writer"}
    )
    for _ in range(6):
        team.step("word " * 300)
    asked = team.servers["writer"].requests
    assert asked and "tools" not in asked[0] and asked[0]["max_tokens"] == 400
    assert "It read a.py and found x." in json.dumps(team.last("small")["messages"])
    summary = next(r for r in team.records() if r["route"]["subtask"] == "summarize")
    assert summary["route"]["provider"] == "writer" and summary["tool_calls"] == []


def test_a_writer_that_is_down_costs_the_summary_and_not_the_run(crew):
    summing = {"max_input_tokens": 1500, "context": {"strategies": [{"name": "summarize", "keep_last": 1}]}}
    team = crew({"small": ([READ], summing), "writer": ([Fault(status=400)], {})}, subtasks={"summarize": "writer"})
    for _ in range(6):
        assert team.step("word " * 300)[0] == "small"


def test_calls_and_tokens_are_never_more_than_the_budget(crew):
    team = crew({"small": ([READ], {"budget": {"calls": 2}}), "large": ([READ], {})}, fallback=["large"],
                escalate={"repeated_actions": None}, budget={"calls": 3})  # fmt: skip
    results = ["1|x = 1", "edited a.py line 1", "1|y = 2"]
    assert [team.step(result)[0] for result in results] == ["small", "small", "large"]
    assert "2 of 2 calls of provider 'small'" in team.records()[-1]["route"]["alternatives"][0]["why_not"]
    with pytest.raises(BudgetSpent, match="3 of 3 calls"):
        team.step()
    assert sum(len(server.requests) for server in team.servers.values()) == 3


def test_retries_over_http_count_as_calls(crew):
    team = crew({"small": ([Fault(status=500), READ], {"budget": {"calls": 2}})})
    team.step()
    with pytest.raises(BudgetSpent):
        team.step()


def test_a_reply_gets_what_the_budget_leaves(crew):
    team = crew({"small": ([READ], {"max_output_tokens": 5000})}, budget={"tokens": 3000})
    team.step()
    assert team.last("small")["max_tokens"] < 3000


def test_a_budget_of_seconds_ends_a_call_that_hangs(crew):
    team = crew({"small": ([Fault(wait_s=60)], {"timeout_s": 60})}, budget={"seconds": 0.5})
    with pytest.raises(ProviderDown, match=r"no answer within 0\.5 s"):
        team.step()


def test_the_stop_policy_ends_a_run_with_one_reason(crew):
    team = crew({"small": ([READ], {})}, stop_policy={"repeat_action": 3})
    for _ in range(3):
        team.step()
    with pytest.raises(RunStopped, match="repeat_action") as caught:
        team.step()
    assert caught.value.decision.reason == "repeat_action" and caught.value.decision.step == 4
    assert len(team.servers["small"].requests) == 3


def test_the_profiles_stop_policy_counts_where_the_router_has_none():
    with FakeOpenAI([READ]) as server:
        provider = made("small", server.base_url)
        completion = Completion(
            Team.of(provider), Pool({"small": provider}), tools=TOOLS, stop_policy=StopPolicy(max_steps=1)
        )
        answer = completion.complete(MESSAGES)
        result = {"role": "tool", "tool_call_id": answer.calls[0].id, "content": "1|x"}
        with pytest.raises(RunStopped, match="max_steps"):
            completion.complete([*MESSAGES, answer.message, result])


@pytest.fixture
def replicas(tmp_path):
    with ExitStack() as stack:

        def start(*replies, weights=(1, 1, 1), **fields):
            servers = [stack.enter_context(FakeOpenAI(list(one), model="m")) for one in replies]
            endpoints = [{"url": s.base_url, "weight": w} for s, w in zip(servers, weights, strict=False)]
            provider = made("many", endpoints=endpoints, model="m", **fields)
            team = Team.of(provider)
            return servers, team, stack.enter_context(Pool.of(team))

        yield start


def test_a_run_stays_with_the_replica_that_holds_its_prefix(replicas):
    servers, team, pool = replicas([READ], [READ])
    completion = Completion(team, pool, tools=TOOLS)
    for _ in range(4):
        completion.complete(MESSAGES)
    assert sorted(len(server.requests) for server in servers) == [0, 4]


def test_runs_at_the_same_time_go_to_the_least_busy_replica(replicas):
    both = threading.Barrier(2, timeout=20)

    def wait(request):
        both.wait()  # passes only when two requests are there at the same time
        return READ

    servers, team, pool = replicas([wait], [wait])
    runs = [threading.Thread(target=Completion(team, pool, tools=TOOLS).complete, args=(MESSAGES,)) for _ in range(2)]
    for run in runs:
        run.start()
    for run in runs:
        run.join()
    assert [len(server.requests) for server in servers] == [1, 1]


def test_a_replica_that_fails_is_left_and_the_next_takes_over(replicas, tmp_path):
    servers, team, pool = replicas([Fault(status=400)], [READ])
    recorder = Recorder(tmp_path / "calls.jsonl", "run", "task")
    completion = Completion(team, pool, tools=TOOLS, recorder=recorder)
    answer = completion.complete(MESSAGES)
    assert answer.route["endpoint"] == servers[1].base_url
    completion.complete(MESSAGES)
    Completion(team, pool, tools=TOOLS).complete(MESSAGES)  # another run does not try it either
    assert [len(server.requests) for server in servers] == [1, 3]
    statuses = [(r["validation"]["status"], r["route"]["endpoint"]) for r in read_calls(tmp_path)]
    assert statuses[0] == ("provider_down", servers[0].base_url)


def test_where_every_replica_fails_the_provider_is_down(replicas):
    servers, team, pool = replicas([Fault(status=400)], [Fault(status=400)])
    with pytest.raises(ProviderDown):
        Completion(team, pool, tools=TOOLS).complete(MESSAGES)
    assert [len(server.requests) for server in servers] == [1, 1]


def test_a_dead_endpoint_is_known_in_seconds(tmp_path):
    provider = made("gone", f"http://127.0.0.1:{dead_port()}/v1", retry={})
    with pytest.raises(ProviderDown, match="refused"), Pool.of(Team.of(provider)) as pool:
        Completion(Team.of(provider), pool, tools=TOOLS).complete(MESSAGES)


def test_one_provider_alone_keeps_its_own_error(crew):
    team = crew({"small": ([READ], {"max_input_tokens": 20, "context": {"strategies": []}})})
    with pytest.raises(ContextOverflow, match="'small'"):
        team.step()
