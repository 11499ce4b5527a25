"""A trace that is exported and read again is the same; what is exported is ATIF."""

import dataclasses
import json
import re
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from slm_ext.traces import Call, Trace, Turn, find_traces, read_file
from slm_ext.traces.atif import atif_name, to_atif, write_atif

from .atif_fields import Trajectory
from .made import traces

RUNS = Path(__file__).parents[1] / "data" / "runs"
FILES = sorted([*RUNS.glob("*/calls.jsonl"), *RUNS.glob("*/*.traj*")])
OF_THE_TRACE = ("instance_id", "run_id", "host", "attempt", "resolved", "submitted", "exit_status", "patch", "license")


def told(turn):
    """A turn without what ATIF does not tell: calls before the answer, and what was sent beyond the conversation."""
    fields = {
        "route": None, "context": None, "prompt": None, "prompt_sha": None, "tools_sha": None, "template_kwargs": None,
        "identity": None, "requests": 1, "scrubbed": False, "ended_at": None,
    }  # fmt: skip
    return dataclasses.replace(turn, calls=(dataclasses.replace(turn.answer, **fields),))


def assert_the_same(back, trace):
    assert [told(turn) for turn in back.turns] == [told(turn) for turn in trace.turns]
    for turn, other in zip(back.turns, trace.turns, strict=True):
        assert turn.answer.ended_at == pytest.approx(other.answer.ended_at, abs=1e-6)  # told to the microsecond


def there_and_back(trace, tmp_path):
    path = tmp_path / "trace.json"
    write_atif(trace, path)
    Trajectory.model_validate_json(path.read_bytes())
    [back] = read_file(path)
    return back


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_a_recorded_run_comes_back(path, tmp_path):
    [trace] = read_file(path)
    back = there_and_back(trace, tmp_path)
    assert_the_same(back, trace)
    named = OF_THE_TRACE if trace.run_id else [name for name in OF_THE_TRACE if name != "run_id"]
    assert [getattr(back, name) for name in named] == [getattr(trace, name) for name in named]
    assert list(back.tools.values()) == list(trace.tools.values())


def test_every_kind_of_record_is_there():
    assert {trace.form for path in FILES for trace in read_file(path)} == {
        "slm-calls", "sweagent", "mini-swe-agent-1.1",
    }  # fmt: skip


@given(trace=traces())
@settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
def test_any_trace_comes_back(trace, tmp_path):
    back = there_and_back(trace, tmp_path)
    assert_the_same(back, trace)
    assert [getattr(back, name) for name in OF_THE_TRACE] == [getattr(trace, name) for name in OF_THE_TRACE]


def test_a_recorded_run_is_told_once():
    """Where the steps tell the conversation, no message stands in `extra` again."""
    [trace] = find_traces([RUNS / "mini-rejected" / "calls.jsonl"])
    data = to_atif(trace)
    assert [step["source"] for step in data["steps"]] == ["system", "user"] + ["agent"] * len(trace.turns)
    assert not [step for step in data["steps"] if {"message", "keeps", "reply"} & step.get("extra", {}).keys()]


def test_tokens_of_calls_before_an_answer_are_told_apart():
    call = Call("resampled", prompt_tokens=7, reply_tokens=2)
    answer = Call("ok", prompt_tokens=10, reply_tokens=3, reply={"role": "assistant", "content": "Done."})
    trace = Trace(Path("a"), "a", "r", "mini", (Turn(1, 1, (), (call, call, answer)),))
    assert to_atif(trace)["final_metrics"] == {
        "total_prompt_tokens": 10, "total_completion_tokens": 3, "total_steps": 1,
        "extra": {"calls_before_an_answer": 2, "prompt_tokens": 14, "completion_tokens": 4},
    }  # fmt: skip


@pytest.mark.parametrize("time", [float("nan"), 1e300, -1e18])
def test_what_json_and_the_calendar_do_not_have_is_left_out(time, tmp_path):
    reply = {"role": "assistant", "content": "x \ud800 y"}
    call = Call("ok", ended_at=time, reply=reply, tool="t", arguments={"a": [float("inf"), 1.5]})
    write_atif(Trace(Path("a"), "a", "r", "", (Turn(1, 1, (), (call,)),)), tmp_path / "a.json")
    text = (tmp_path / "a.json").read_bytes().decode("utf-8")
    [step] = json.loads(text, parse_constant=pytest.fail)["steps"]
    assert "timestamp" not in step and step["message"] == "x ? y"
    assert step["tool_calls"][0]["arguments"] == {"a": [None, 1.5]}


def test_a_file_that_cannot_be_written_leaves_what_was_there(tmp_path):
    [trace] = find_traces([RUNS / "mini-stalled"])
    (tmp_path / "folder").mkdir()
    with pytest.raises(OSError):
        write_atif(trace, tmp_path / "folder")
    with pytest.raises(OSError):
        write_atif(trace, tmp_path / "none" / "a.json")
    assert [path.name for path in tmp_path.iterdir() if not path.name.startswith(".")] == ["folder"]


def test_where_it_worked_comes_back(tmp_path):
    [trace] = find_traces([RUNS / "mini-inventory"])
    assert {"repo", "base_commit"} <= trace.extra.keys()
    assert there_and_back(trace, tmp_path).extra == trace.extra


@pytest.mark.parametrize("broken", ["write_bytes", "replace"])
def test_a_full_disk_leaves_nothing_behind(broken, tmp_path, monkeypatch):
    [trace] = find_traces([RUNS / "mini-stalled"])
    real = Path.write_bytes
    (tmp_path / "a.json").write_text("as it was")

    def full(path, data):
        if broken == "write_bytes" or not isinstance(data, bytes):
            if isinstance(data, bytes):
                real(path, data[:100])
            raise OSError(28, "No space left on device", str(path))
        return real(path, data)

    monkeypatch.setattr(Path, broken, full)
    with pytest.raises(OSError, match="No space"):
        write_atif(trace, tmp_path / "a.json")
    assert [path.name for path in tmp_path.iterdir()] == ["a.json"]
    assert (tmp_path / "a.json").read_text() == "as it was"


def test_a_file_with_the_longest_name_is_written(tmp_path):
    [trace] = find_traces([RUNS / "mini-stalled"])
    path = tmp_path / ("a" * 250 + ".json")
    write_atif(trace, path)
    assert list(tmp_path.iterdir()) == [path]


@given(st.text(max_size=400) | st.sampled_from(["x" * 300, "a\0b", "", ".", "..", "/", "a/b/", "C:\\x", "é" * 200]))
def test_a_name_that_every_system_takes(instance_id):
    name = atif_name(7, instance_id)
    assert re.fullmatch(r"00007-[A-Za-z0-9._-]+\.json", name) and len(name) <= 100
    assert atif_name(8, instance_id) != name


@pytest.mark.parametrize(
    ("instance_id", "name"),
    [
        ("owner__name-1", "00012-owner__name-1.json"), ("o/n", "00012-n.json"), ("a b\0c", "00012-a-b-c.json"),
        ("", "00012-run.json"), ("x" * 300, f"00012-{'x' * 89}.json"),
    ],
)  # fmt: skip
def test_the_name_tells_the_task(instance_id, name):
    assert atif_name(12, instance_id) == name
