"""Runs of both hosts, with and without call records, read as the same kind of conversation."""

import dataclasses
import json
import os
import shutil
from pathlib import Path

import pytest

from slm_ext.errors import UsageError
from slm_ext.routing import read_actions
from slm_ext.traces import Recorder, find_traces, read_traces
from slm_ext.traces.readers import read_file
from slm_ext.traces.records import Validation

RUNS = Path(__file__).parents[1] / "data" / "runs"
NAMES = sorted(path.name for path in RUNS.iterdir())
PROVIDERS = {
    "requery": ["flywheel-hot", "flywheel-tiny"],
    "truncated": ["flywheel-brief", "flywheel-tiny"],
    "scripted": ["scripted"],
}
"""Who answered in a run of that kind; in the others flywheel-tiny alone."""


def one(path):
    [run] = read_traces(path)
    return run


def test_the_runs_are_there():
    assert {name.partition("-")[0] for name in NAMES} == {"mini", "sweagent"}


@pytest.mark.parametrize("name", NAMES)
def test_a_run_is_read_step_by_step(name):
    run = one(RUNS / name)
    host, _, kind = name.partition("-")
    assert run.host == host
    assert run.providers == PROVIDERS.get(kind, ["flywheel-tiny"])
    steps = [turn.step for turn in run.turns]
    assert steps[0] == 1 and steps == sorted(steps) and set(steps) == set(range(1, steps[-1] + 1))
    begun = {turn.step: turn for turn in reversed(run.turns)}
    for before, after in zip(run.turns, run.turns[1:], strict=False):
        if host == "sweagent" and after.step > before.step:  # it forgets what was rejected
            before = begun[before.step]
        assert after.messages[: len(before.messages)] == before.messages
    for turn in run.turns:
        assert [message["role"] for message in turn.messages[:2]] == ["system", "user"]
        assert all(call.status in ("resampled",) for call in turn.calls[:-1])


@pytest.mark.parametrize("name", NAMES)
def test_the_hosts_own_trajectory_tells_the_same(name):
    [path] = RUNS.glob(f"{name}/*.traj*")
    [alone] = read_file(path)
    full = one(RUNS / name)
    known = [turn for turn in full.turns if turn.answer.status in ("ok", "rejected")]
    if name == "sweagent-cost":  # SWE-agent writes its end by the limit down as a step; nobody was asked
        *turns, end = alone.turns
        assert (end.answer.status, end.answer.tool, end.observation) == ("interrupted", "", "Exited (autosubmitted)")
        alone = dataclasses.replace(alone, turns=tuple(turns))
    assert [(t.step, t.attempt, t.answer.status) for t in alone.turns] == [
        (t.step, t.attempt, t.answer.status) for t in known
    ]
    assert [turn.answer.tool for turn in alone.turns] == [turn.answer.tool for turn in known]
    assert [turn.answer.arguments for turn in alone.turns] == [turn.answer.arguments for turn in known]
    last = len(alone.turns) - 1
    read = [[(a.key, a.status) for a in read_actions(run.turns[last].messages)] for run in (alone, full)]
    assert read[0] == read[1]
    assert alone.exit_status.lower() == full.exit_status.lower() and alone.submitted == full.submitted
    assert alone.providers == full.providers


def test_beside_a_trajectory_the_call_records_are_read(tmp_path):
    folder = tmp_path / "run"
    shutil.copytree(RUNS / "mini-rejected", folder)
    [path] = folder.glob("*.traj.json")
    assert one(path).source == folder / "calls.jsonl" == one(folder).source == one(folder / "calls.jsonl").source
    (folder / "calls.jsonl").unlink()
    assert one(path).source == path == one(folder).source


def test_call_records_beside_several_trajectories_are_nobodys(tmp_path):
    shutil.copytree(RUNS / "mini-stalled", tmp_path / "run")
    [path] = (tmp_path / "run").glob("*.traj.json")
    shutil.copy(path, path.with_name("other.traj.json"))
    assert one(path).source == path
    with pytest.raises(UsageError, match="2 trajectories"):
        read_traces(tmp_path / "run")
    assert len(find_traces([tmp_path])) == 2


def test_a_verdict_comes_from_the_run_folder_where_the_outcome_has_none(tmp_path):
    folder = tmp_path / "run"
    shutil.copytree(RUNS / "mini-inventory", folder)
    lines = (folder / "calls.jsonl").read_text().splitlines()
    outcome = json.loads(lines[-1]) | {"resolved": None}
    (folder / "calls.jsonl").write_text("\n".join([*lines[:-1], json.dumps(outcome)]) + "\n")
    assert one(folder).resolved is True
    (folder / "run.json").unlink()
    assert one(folder).resolved is None and one(folder).host == "mini"


def test_a_run_that_was_killed_has_no_end(tmp_path):
    folder = tmp_path / "run"
    shutil.copytree(RUNS / "mini-inventory", folder)
    lines = (folder / "calls.jsonl").read_text().splitlines()
    (folder / "calls.jsonl").write_text("\n".join(lines[:5]) + "\n" + lines[5][:40])
    run = one(folder / "calls.jsonl")
    assert len(run.turns) == 3 and run.exit_status is None and run.submitted is None


def test_without_observations_what_the_next_call_was_shown_counts(tmp_path):
    folder = tmp_path / "run"
    shutil.copytree(RUNS / "mini-inventory", folder)
    lines = (folder / "calls.jsonl").read_text().splitlines()
    kept = [line for line in lines if json.loads(line)["kind"] != "observation"]
    (folder / "calls.jsonl").write_text("\n".join(kept) + "\n")
    assert one(folder).turns[-1].messages == one(RUNS / "mini-inventory").turns[-1].messages


def record(path, run_id, replies):
    """`replies`: (step, status, provider, text, tool, arguments)."""
    recorder = Recorder(path, run_id, "task")
    messages = [{"role": "system", "content": "Be short."}, {"role": "user", "content": "Fix it."}]
    for number, (step, status, provider, text, tool, arguments) in enumerate(replies):
        calls = [{"id": f"c{number}", "name": tool, "arguments": arguments}] if tool else []
        recorder.call(
            call_id=f"{run_id}{number}",
            step=step,
            messages=messages,
            validation=Validation(parsed=bool(tool), schema_ok=bool(tool), status=status),
            usage={"in": 10 + number, "out": 2, "cached": None, "latency_s": 0.5},
            route={"provider": provider, "cause": "summarize" if status == "ok" and not tool else "default"},
            identity={"model_id": "m"},
            raw_response={"choices": [{"message": {"role": "assistant", "content": text}}]},
            tool_calls=calls,
        )
        if tool:
            recorder.observation(f"{run_id}{number}", f"result {number}")
    return recorder


SEVERAL = [
    (1, "ok", "small", "reading", "read_file", {"path": "a.py"}),
    (2, "overflow", "small", "", "", {}),
    (2, "ok", "writer", "so far: nothing", "", {}),
    (2, "rejected", "large", "I think so", "", {}),
    (2, "resampled", "large", "hm", "", {}),
    (2, "ok", "large", "", "submit", {}),
    (3, "provider_down", "large", "", "", {}),
]


def test_calls_are_grouped_by_the_answers_they_led_to(tmp_path):
    record(tmp_path / "calls.jsonl", "a", SEVERAL)
    run = one(tmp_path)
    assert [(t.step, t.attempt, [c.status for c in t.calls]) for t in run.turns] == [
        (1, 1, ["ok"]),
        (2, 1, ["overflow", "ok", "rejected"]),
        (2, 2, ["resampled", "ok"]),
        (3, 1, ["provider_down"]),
    ]
    assert [call.summary for call in run.turns[1].calls] == [False, True, False]
    assert run.providers == ["small", "large"] and run.routed and run.host == ""
    assert [m["content"] for m in run.turns[2].messages[2:]] == ["reading", "result 0", "I think so", "error : "]


def test_sweagent_forgets_what_was_rejected_once_a_reply_is_taken(tmp_path):
    record(tmp_path / "calls.jsonl", "a", SEVERAL)
    kept = [m["content"] for m in one(tmp_path).turns[3].messages]
    assert "I think so" in kept
    (tmp_path / "task.traj").write_text("{}")
    run = one(tmp_path)
    assert run.host == "sweagent"
    assert "I think so" in [m["content"] for m in run.turns[2].messages]
    assert "I think so" not in [m["content"] for m in run.turns[3].messages]


def test_a_continued_file_holds_several_runs(tmp_path):
    record(tmp_path / "calls.jsonl", "a", SEVERAL[:1])
    record(tmp_path / "calls.jsonl", "b", SEVERAL[:2]).outcome(submitted=True, exit_status="Submitted", resolved=True)
    first, second = read_traces(tmp_path)
    assert (first.run_id, first.exit_status) == ("a", None)
    assert (second.run_id, second.resolved, len(second.turns)) == ("b", True, 2)


def test_of_several_answers_to_a_step_the_last_was_taken(tmp_path):
    first, again = SEVERAL[0], (1, "ok", "small", "searching", "grep", {"pattern": "x"})
    record(tmp_path / "calls.jsonl", "a", [first, again, (2, "ok", "small", "", "submit", {})])
    run = one(tmp_path)
    assert [(t.step, t.attempt, t.answer.tool) for t in run.turns] == [
        (1, 1, "read_file"), (1, 1, "grep"), (2, 1, "submit"),
    ]  # fmt: skip
    assert len(run.turns[1].messages) == 2
    assert [m["content"] for m in run.turns[2].messages[2:]] == ["searching", "result 1"]


def test_a_host_that_starts_anew_has_several_conversations(tmp_path):
    twice = [*SEVERAL[:1], (2, "ok", "small", "", "submit", {})]
    record(tmp_path / "calls.jsonl", "a", [*twice, *twice]).outcome(submitted=True, exit_status="Submitted")
    first, second = read_traces(tmp_path)
    assert [len(run.turns) for run in (first, second)] == [2, 2]
    assert (first.exit_status, second.exit_status) == (None, "Submitted")
    assert len(second.turns[0].messages) == 2


STOCK_MINI = {
    "info": {"exit_status": "Submitted", "submission": "diff", "config": {}},
    "messages": [
        {"role": "system", "content": "You are an agent."},
        {"role": "user", "content": "Fix it."},
        {"role": "assistant", "content": "Look:\n\n```bash\ncat a.py\n```"},
        {"role": "user", "content": "<returncode>0</returncode>\nx = 1"},
        {"role": "assistant", "content": "I am done.", "extra": {"response": {"model": "gpt-x", "usage": {
            "prompt_tokens": 30, "completion_tokens": 4, "prompt_tokens_details": {"cached_tokens": 20}}}}},
        {"role": "user", "content": "Please give one command."},
        {"role": "assistant", "content": "", "extra": {"actions": [{"command": "echo DONE"}]}},
    ],
}  # fmt: skip


def test_a_stock_mini_run_is_read_too(tmp_path):
    path = tmp_path / "task-1.traj.json"
    path.write_text(json.dumps(STOCK_MINI))
    run = one(path)
    assert (run.instance_id, run.host, run.routed, run.providers) == ("task-1", "mini", False, [])
    assert [(t.step, t.attempt, t.answer.status) for t in run.turns] == [(1, 1, "ok"), (2, 1, "rejected"), (2, 2, "ok")]
    assert run.turns[0].answer.arguments == {"command": "cat a.py"} and run.turns[0].answer.tool == "bash"
    answer = run.turns[1].answer
    assert (answer.model, answer.prompt_tokens, answer.reply_tokens, answer.cached_tokens) == ("gpt-x", 30, 4, 20)
    assert run.turns[2].answer.arguments == {"command": "echo DONE"}
    assert [action.kind for action in read_actions(run.turns[2].messages)] == ["read"]


STOCK_SWEAGENT = {
    "trajectory": [
        {"action": "find_file a.py", "observation": "a.py", "response": "Where?", "thought": "Where?", "query": [
            {"role": "system", "content": "You are an agent.", "agent": "main"},
            {"role": "user", "content": [{"type": "text", "text": "Fix it."}], "agent": "main"}]},
        {"action": "submit", "observation": "diff", "response": "Done.", "thought": "Done."},
        {"action": "", "observation": "", "response": "Exit due to cost limit", "thought": "Exit due to cost limit"},
    ],
    "history": [],
    "info": {"exit_status": "submitted (exit_cost)", "submission": "diff"},
    "replay_config": json.dumps({"agent": {"model": {"name": "gpt-x"}}}),
}  # fmt: skip


def test_a_stock_sweagent_run_is_read_too(tmp_path):
    path = tmp_path / "task-1.traj"
    path.write_text(json.dumps(STOCK_SWEAGENT))
    run = one(path)
    assert (run.instance_id, run.host, run.exit_status) == ("task-1", "sweagent", "submitted (exit_cost)")
    assert [(t.answer.status, t.answer.tool, t.answer.model) for t in run.turns] == [
        ("ok", "bash", "gpt-x"), ("ok", "bash", "gpt-x"), ("interrupted", "", "gpt-x"),
    ]  # fmt: skip
    assert [m["content"] for m in run.turns[1].messages] == ["You are an agent.", "Fix it.", "Where?", "a.py"]
    assert run.turns[2].answer.said == "Exit due to cost limit"


def test_routes_in_the_hosts_trajectories_are_read(tmp_path):
    route = {"provider": "large", "cause": "cycle", "prompt_tokens": 12, "latency_s": 0.5}
    mini = json.loads(json.dumps(STOCK_MINI))
    mini["messages"][6]["extra"] |= {"slm": {"route": route, "usage": {"in": 12, "out": 3, "cached": 1}}}
    (tmp_path / "a.traj.json").write_text(json.dumps(mini))
    answer = one(tmp_path / "a.traj.json").turns[2].answer
    assert (answer.provider, answer.route["cause"], answer.prompt_tokens) == ("large", "cycle", 12)
    swe = json.loads(json.dumps(STOCK_SWEAGENT))
    swe["trajectory"][1]["extra_info"] = {"slm": {"call_id": "x", "route": route, "context": {"tokens_before": 90}}}
    (tmp_path / "b.traj").write_text(json.dumps(swe))
    answer = one(tmp_path / "b.traj").turns[1].answer
    assert (answer.provider, answer.route, answer.context) == ("large", route, {"tokens_before": 90})
    assert (answer.prompt_tokens, answer.seconds) == (12, 0.5)


def test_runs_are_found_in_folders_and_each_counts_once(tmp_path):
    shutil.copytree(RUNS / "mini-stalled", tmp_path / "out" / "one")
    shutil.copytree(RUNS / "mini-inventory", tmp_path / "out" / "one" / "attempts" / "1")
    shutil.copytree(RUNS / "mini-inventory", tmp_path / "out" / "one" / "repo" / "data")
    shutil.copytree(RUNS / "sweagent-playlist", tmp_path / "out" / "two")
    shutil.copytree(RUNS / "mini-playlist", tmp_path / "out" / "repo")
    found = find_traces([tmp_path / "out", tmp_path / "out" / "one" / "calls.jsonl", tmp_path])
    assert [run.source.parent.relative_to(tmp_path / "out").as_posix() for run in found] == ["one", "repo", "two"]


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("a.traj", "{", "JSON|Expecting"),
        ("a.traj", "[]", "an empty list"),
        ("a.traj", '{"trajectory": 1, "info": {}}', "another shape"),
        ("a.traj.json", '{"info": {}}', "no recorded run: it has info"),
        ("a.traj.json", '{"info": {}, "messages": [1]}', "another shape"),
        ("a.traj", '{"info": {}, "trajectory": [{"action": "ls", "extra_info": 3}]}', "another shape"),
        ("a.traj", b"\xff\xfe", "decode"),
        ("calls.jsonl", "", "an empty file"),
        ("calls.jsonl", '{"kind": "call"}\n', "no recorded run: it has kind"),
        ("calls.jsonl", '{"kind": "call", "run_id": "a"}\n', "a line without"),
        ("notes.txt", "x", "no JSON"),
        ("gone.traj", None, "no such file or folder"),
    ],
)
def test_what_is_no_run_is_refused(tmp_path, name, text, said):
    path = tmp_path / name
    if text is not None:
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
    for read in (read_traces, lambda path: find_traces([path])):
        with pytest.raises(UsageError, match=said) as caught:
            read(path)
        assert caught.value.allowed and str(path) in caught.value.attempted


def test_a_folder_without_a_run_is_refused(tmp_path):
    (tmp_path / "notes.txt").write_text("x")
    with pytest.raises(UsageError, match=r"notes\.txt"):
        read_traces(tmp_path)
    with pytest.raises(UsageError, match="none"):
        find_traces([tmp_path])
    shutil.copytree(RUNS / "mini-stalled", tmp_path / "run")
    with pytest.raises(UsageError, match=r"name one run, such as .*run"):
        read_traces(tmp_path)


@pytest.fixture
def locked(tmp_path, monkeypatch):
    """A folder that nobody can look into, not even root."""
    shutil.copytree(RUNS / "mini-stalled", tmp_path / "run")
    shutil.copytree(RUNS / "mini-inventory", tmp_path / "locked")
    for name in ("listdir", "scandir"):
        real = getattr(os, name)

        def refuse(path=".", real=real):
            if str(path) == str(tmp_path / "locked"):
                raise PermissionError(13, "Permission denied", str(path))
            return real(path)

        monkeypatch.setattr(os, name, refuse)
    return tmp_path / "locked"


def test_a_folder_that_cannot_be_entered_is_told(locked):
    for look in (read_traces, lambda path: find_traces([path])):
        with pytest.raises(UsageError, match="Permission denied") as caught:
            look(locked)
        assert f"{locked} cannot be entered" in caught.value.seen and caught.value.allowed and caught.value.next_step


def test_a_folder_below_that_cannot_be_entered_is_told(locked):
    with pytest.raises(UsageError, match="Permission denied") as caught:
        find_traces([locked.parent])
    assert f"{locked} cannot be entered" in caught.value.seen and str(locked.parent) in caught.value.attempted
    assert find_traces([locked.parent / "run"])


@pytest.mark.parametrize("text", ["", "\n", '{"a": 1}\n', "no records", '{"kind": "call"'])
def test_call_records_without_a_record_do_not_hide_the_trajectory(text, tmp_path):
    shutil.copytree(RUNS / "mini-stalled", tmp_path / "run")
    [path] = (tmp_path / "run").glob("*.traj.json")
    (tmp_path / "run" / "calls.jsonl").write_text(text)
    assert one(path).source == path == one(tmp_path / "run").source
    [found] = find_traces([tmp_path])
    assert found.source == path and found.turns
