"""ATIF as other programs write it."""

import json

import pytest

from slm_ext.traces import read_file

TOOLS = [{"type": "function", "function": {"name": "grep", "parameters": {"type": "object"}}}]

# What an agent of another project writes: several calls at once, a sub-agent, metrics, parts of a message (since 1.6),
# a step copied from an earlier trajectory (since 1.5).
FOREIGN = {
    "schema_version": "ATIF-v1.6",
    "session_id": "s-1",
    "agent": {"name": "somebody", "version": "2", "model_name": "m-large", "tool_definitions": TOOLS},
    "steps": [
        {"step_id": 1, "source": "system", "message": "You are an agent."},
        {"step_id": 2, "source": "user", "message": [{"type": "text", "text": "Fix "}, {"type": "text", "text": "it"}]},
        {"step_id": 3, "source": "agent", "message": "Earlier.", "is_copied_context": True},
        {
            "step_id": 4, "source": "agent", "timestamp": "2025-10-11T10:30:02Z", "message": "I look.",
            "reasoning_content": "Where is it?",
            "tool_calls": [
                {"tool_call_id": "c1", "function_name": "grep", "arguments": {"pattern": "x"}},
                {"tool_call_id": "c2", "function_name": "read_file", "arguments": {"path": "a.py"}},
            ],
            "observation": {"results": [
                {"source_call_id": "c1", "content": "a.py:1"}, {"source_call_id": "c2", "content": "x = 1"},
            ]},
            "metrics": {"prompt_tokens": 520, "completion_tokens": 80.0, "cached_tokens": 200, "cost_usd": 0.1},
        },
        {
            "step_id": 5, "source": "agent", "model_name": "m-small", "message": "",
            "tool_calls": [{"tool_call_id": "c3", "function_name": "delegate", "arguments": {}}],
            "observation": {"results": [
                {"source_call_id": "c3", "subagent_trajectory_ref": [{"session_id": "s-2"}]},
            ]},
        },
        {"step_id": 6, "source": "agent", "message": "Done."},
    ],
    "final_metrics": {"total_steps": 6},
}  # fmt: skip


def read(data, tmp_path):
    path = tmp_path / "trajectory.json"
    path.write_text(json.dumps(data))
    [found] = read_file(path)
    return found


def test_a_run_of_another_program(tmp_path):
    trace = read(FOREIGN, tmp_path)
    assert (trace.form, trace.host, trace.run_id, trace.instance_id) == ("atif", "somebody", "s-1", "s-1")
    assert (trace.resolved, trace.submitted, trace.exit_status) == (None, None, None)
    assert trace.tools == {"given": TOOLS}
    assert [(turn.step, turn.answer.tool, turn.answer.model) for turn in trace.turns] == [
        (1, "grep", "m-large"), (2, "delegate", "m-small"), (3, "", "m-large"),
    ]  # fmt: skip
    first, second, last = trace.turns
    assert first.observation == "a.py:1\nx = 1" and second.observation == "" and last.observation is None
    answer = first.answer
    assert (answer.prompt_tokens, answer.reply_tokens, answer.cached_tokens) == (520, 80, 200)
    assert (answer.thought, answer.ended_at) == ("Where is it?", 1760178602.0)
    assert [message["role"] for message in last.messages] == [
        "system", "user", "assistant", "assistant", "tool", "tool", "assistant", "tool",
    ]  # fmt: skip
    assert [message.get("tool_call_id") for message in last.messages[4:6]] == ["c1", "c2"]
    assert first.messages[1]["content"] == "Fix it" and first.messages[2]["content"] == "Earlier."


@pytest.mark.parametrize("version", ["ATIF-v1.0", "ATIF-v1.4", "ATIF-v1.7"])
def test_the_least_a_run_has(version, tmp_path):
    steps = [{"step_id": 1, "source": "agent", "message": "Hello."}]
    agent = {"name": "unknown", "version": "1"}
    trace = read({"schema_version": version, "session_id": "s", "agent": agent, "steps": steps}, tmp_path)
    [turn] = trace.turns
    assert (turn.messages, turn.answer.reply) == ((), {"role": "assistant", "content": "Hello."})
    assert (trace.host, trace.tools) == ("", {})


def test_calls_without_names_of_their_own_are_told_apart(tmp_path):
    calls = [{"function_name": "a", "arguments": {}}, {"function_name": "b", "arguments": {}}]
    step = {"source": "agent", "message": "", "tool_calls": calls, "observation": {"results": [{"content": "x"}]}}
    trace = read({"session_id": "s", "agent": {}, "steps": [step, {"source": "agent", "message": "."}]}, tmp_path)
    made, result = trace.turns[1].messages
    assert len({call["id"] for call in made["tool_calls"]}) == 2
    assert result == {"role": "tool", "tool_call_id": made["tool_calls"][0]["id"], "content": "x"}


@pytest.mark.parametrize("of_agent", [True, False])
def test_where_it_worked(of_agent, tmp_path):
    told = {"repo": "https://github.com/django/django.git", "base_commit": "0a1b2c3d"}
    agent = FOREIGN["agent"] | ({"extra": told} if of_agent else {})
    trace = read(FOREIGN | {"agent": agent} | ({} if of_agent else {"extra": told}), tmp_path)
    assert trace.extra == {"repo": "django/django", "base_commit": "0a1b2c3d"}
    assert read(FOREIGN | {"extra": {"repo": 3, "base_commit": []}}, tmp_path).extra == {}


def test_tools_that_are_none_are_left_out(tmp_path):
    told = [{"name": "grep", "type": "function"}, {"type": "function"}, 3, {"function": {"name": "go"}}, *TOOLS]
    trace = read(FOREIGN | {"agent": {"name": "a", "tool_definitions": told}}, tmp_path)
    grep, go = ({"type": "function", "function": {"name": name}} for name in ("grep", "go"))
    assert trace.tools == {"given": [grep, go, *TOOLS]}


@pytest.mark.parametrize("wrong", [3, ["x"], {"a": 1}])
def test_a_report_has_texts_where_texts_belong(wrong, tmp_path):
    report = {"status": wrong, "error": {"kind": wrong, "message": "no"}, "paths": ["a.py"]}
    step = {"source": "agent", "message": ".", "extra": {"report": report}}
    [turn] = read({"session_id": "s", "agent": {}, "steps": [step]}, tmp_path).turns
    assert turn.report == {"error": {"message": "no"}, "paths": ["a.py"]}
