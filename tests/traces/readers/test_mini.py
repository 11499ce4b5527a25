"""mini-swe-agent's trajectories: of its own models, of ours, and of the versions before tool calls."""

import json
from pathlib import Path

import pytest

from slm_ext.traces import read_file, read_traces

RUNS = Path(__file__).parents[2] / "data" / "runs"
FILES = sorted(RUNS.glob("mini-*/*.traj.json"))


def read(tmp_path, messages, **info):
    path = tmp_path / "task-1.traj.json"
    run = {"info": info, "messages": messages, "trajectory_format": "mini-swe-agent-1.1"}
    path.write_text(json.dumps(run))
    [trace] = read_file(path)
    return trace


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.parent.name)
def test_a_recorded_run_is_the_one_of_its_call_records(path):
    [trace] = read_file(path)
    [full] = read_traces(path.parent / "calls.jsonl")
    answered = [turn for turn in full.turns if turn.answer.status in ("ok", "rejected")]
    assert [(t.step, t.attempt, t.messages) for t in trace.turns] == [(t.step, t.attempt, t.messages) for t in answered]
    assert [turn.observation for turn in trace.turns[:-1]] == [turn.observation for turn in answered[:-1]]
    last, known = trace.turns[-1].observation, answered[-1].observation
    assert last == known or last.startswith(known)  # no call was shown in full what was said
    assert [turn.answer.reply.get("tool_calls") for turn in trace.turns if turn.answer.status == "ok"] == [
        turn.answer.reply.get("tool_calls") for turn in answered if turn.answer.status == "ok"
    ]
    assert trace.instance_id == full.instance_id and trace.form == "mini-swe-agent-1.1"


SYSTEM, TASK = {"role": "system", "content": "You are an agent."}, {"role": "user", "content": "Fix it."}


def test_tool_calls_with_their_results(tmp_path):
    """The default since 2.0: calls of `bash`, each with a result of its own."""
    calls = [
        {
            "id": f"c{n}",
            "type": "function",
            "function": {"name": "bash", "arguments": json.dumps({"command": f"ls {n}"})},
        }
        for n in range(2)
    ]
    trace = read(tmp_path, [
        SYSTEM, TASK,
        {"role": "assistant", "content": None, "tool_calls": calls,
         "extra": {"actions": [{"command": "ls 0"}, {"command": "ls 1"}], "timestamp": 5.5}},
        {"role": "tool", "tool_call_id": "c0", "content": "a.py", "extra": {"returncode": 0}},
        {"role": "tool", "tool_call_id": "c1", "content": "b.py"},
        {"role": "exit", "content": "diff", "extra": {"exit_status": "Submitted", "submission": "diff"}},
    ], exit_status="Submitted", submission="diff", model_stats={"api_calls": 1})  # fmt: skip
    [turn] = trace.turns
    assert (turn.answer.tool, turn.answer.arguments, turn.observation) == ("bash", {"command": "ls 0"}, "a.py")
    assert turn.answer.reply == {"role": "assistant", "content": "", "tool_calls": calls}
    assert turn.answer.ended_at == 5.5 and turn.messages == (SYSTEM, TASK)
    assert (trace.submitted, trace.patch, trace.exit_status) == (True, "diff", "Submitted")
    assert trace.extra == {"model_stats": {"api_calls": 1}}


@pytest.mark.parametrize("fence", ["bash", "sh", "mswea_bash_command"])
def test_a_command_in_a_text_is_a_call_of_a_shell(tmp_path, fence):
    trace = read(tmp_path, [
        SYSTEM, TASK, {"role": "assistant", "content": f"Look.\n```{fence}\nls -a\n```\nGood."},
        {"role": "user", "content": [{"type": "text", "text": "a.py"}]}, {"role": "assistant", "content": "Done."},
    ])  # fmt: skip
    first, last = trace.turns
    assert (first.answer.tool, first.answer.arguments, first.observation) == ("bash", {"command": "ls -a"}, "a.py")
    assert "tool_calls" not in first.answer.reply and "tool_calls" in last.messages[2]
    assert (last.answer.status, last.observation, last.messages[3]["role"]) == ("rejected", None, "user")
    assert (trace.submitted, trace.exit_status, trace.instance_id) == (False, None, "task-1")


def test_a_reply_that_our_model_rejected_is_a_text_in_the_conversation(tmp_path):
    call = {"id": "c", "type": "function", "function": {"name": "fly", "arguments": "{}"}}
    own = {"slm": {"route": {"provider": "small"}, "usage": {"in": 9, "out": 2}}}
    trace = read(tmp_path, [
        SYSTEM, TASK, {"role": "assistant", "content": "Off.", "tool_calls": [call], "extra": own},
        {"role": "user", "content": "No such tool."}, {"role": "assistant", "content": "", "extra": own | {
            "actions": [{"command": "ls"}]}},
    ])  # fmt: skip
    first, second = trace.turns
    assert [(t.step, t.attempt, t.answer.status) for t in trace.turns] == [(1, 1, "rejected"), (1, 2, "ok")]
    assert (first.answer.tool, first.answer.provider, first.answer.prompt_tokens) == ("", "small", 9)
    assert second.messages[2] == {"role": "assistant", "content": "Off.\nfly {}"}
    assert first.observation == "No such tool."


def test_a_route_has_texts_where_texts_belong(tmp_path):
    own = {"slm": {"route": {"provider": "small", "subtask": {"a": 1}}}, "actions": [{"command": "ls"}]}
    [turn] = read(tmp_path, [SYSTEM, TASK, {"role": "assistant", "content": "", "extra": own}]).turns
    assert turn.answer.route == {"provider": "small"}
