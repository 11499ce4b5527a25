"""The agent data protocol's standardized trajectories."""

import json

import pytest

from slm_ext.traces import read_file
from slm_ext.traces.readers import Problem

from .peers import folder, read_whole

DATASETS = "the folder of a checkout of agent-data-protocol, whose samples are read"
OF_SOFTWARE = (
    "mini-coder", "nebius_SWE-agent-trajectories", "openhands", "swe-gym_openhands_sampled_trajectories",
    "swe-play-trajectories", "swe-smith",
)  # fmt: skip


@pytest.mark.parametrize("name", [*OF_SOFTWARE, "*"])
def test_the_samples_of_the_data_sets_are_read(name):
    top = folder("ADP_ROOT", "datasets", DATASETS)
    files = sorted(path for path in top.glob(f"{name}/sample_std.json") if path.stat().st_size)
    assert len(files) >= (20 if name == "*" else 1)
    for path in files:
        data = json.loads(path.read_text())
        traces = read_whole(path)
        assert [trace.run_id for trace in traces] == [item["id"] for item in data], path
        for trace, item in zip(traces, data, strict=True):
            actions = [one for one in item["content"] if one["class_"].endswith("_action")]
            assert len(trace.turns) == len(actions), path
            assert len(trace.turns[-1].messages) == len(item["content"]) - 1 or not actions or _ends_otherwise(item)
            for turn, action in zip(trace.turns, actions, strict=True):
                assert turn.answer.tool == (action.get("function") or action.get("language") or ""), path
        assert path.read_bytes()[traces[-1].offset :].startswith(b"{"), path


def _ends_otherwise(item):
    return not item["content"][-1]["class_"].endswith("_action")


RUN = {
    "id": "r-1",
    "content": [
        {"class_": "text_observation", "content": "Fix it.", "source": "user"},
        {"class_": "api_action", "function": "edit", "kwargs": {"path": "a.py"}, "description": "I edit."},
        {"class_": "text_observation", "content": "edited", "source": "environment"},
        {"class_": "code_action", "language": "bash", "content": "pytest", "description": None},
        {"class_": "text_observation", "content": "1 passed", "source": "environment"},
        {"class_": "web_observation", "html": "<p>", "axtree": "p", "url": None},
        {"class_": "message_action", "content": "Done.", "description": "not said"},
        {"class_": "message_action", "content": "Really.", "description": None},
    ],
    "details": {
        "instance_id": "owner__name-1", "resolved": "True", "model_name": "m", "exit_status": "submitted",
        "generated_patch": "diff", "license": "MIT", "tools": '[{"type": "function", "function": {"name": "edit"}}]',
    },
}  # fmt: skip


def read(tmp_path, data, name="sample.json"):
    path = tmp_path / name
    path.write_text(data if isinstance(data, str) else json.dumps(data))
    return list(read_file(path))


def test_a_run(tmp_path):
    [trace] = read(tmp_path, RUN)
    assert (trace.form, trace.run_id, trace.instance_id, trace.host) == ("adp", "r-1", "owner__name-1", "")
    assert (trace.resolved, trace.submitted, trace.exit_status) == (True, True, "submitted")
    assert (trace.patch, trace.license) == ("diff", "MIT")
    assert trace.tools == {"given": [{"type": "function", "function": {"name": "edit"}}]}
    assert trace.extra["details"] == RUN["details"]
    assert [(turn.answer.tool, turn.answer.arguments, turn.observation) for turn in trace.turns] == [
        ("edit", {"path": "a.py"}, "edited"), ("bash", {"command": "pytest"}, "1 passed"),
        ("", {}, None), ("", {}, None),
    ]  # fmt: skip
    assert [(m["role"], m["content"]) for m in trace.turns[3].messages] == [
        ("user", "Fix it."), ("assistant", "I edit."), ("tool", "edited"), ("assistant", ""), ("tool", "1 passed"),
        ("user", "p"), ("assistant", "Done."),
    ]  # fmt: skip
    assert {turn.answer.model for turn in trace.turns} == {"m"}


@pytest.mark.parametrize("as_lines", [True, False])
def test_many_runs_in_a_file(tmp_path, as_lines):
    runs = [RUN | {"id": str(number)} for number in range(3)]
    traces = read(tmp_path, "\n".join(map(json.dumps, runs)) if as_lines else json.dumps(runs, indent=1), "data.jsonl")
    assert [trace.run_id for trace in traces] == ["0", "1", "2"]
    data = (tmp_path / "data.jsonl").read_text()
    assert all(json.JSONDecoder().raw_decode(data[trace.offset :])[0]["id"] == trace.run_id for trace in traces)


@pytest.mark.parametrize(("said", "resolved"), [("false", False), (False, False), (1, True), ("maybe", None)])
def test_a_verdict(tmp_path, said, resolved):
    [trace] = read(tmp_path, RUN | {"details": {"resolved": said}})
    assert trace.resolved is resolved
    [trace] = read(tmp_path, RUN | {"details": {"target": said}})
    assert trace.resolved is resolved


def test_a_kind_of_item_that_nobody_knows_is_told(tmp_path):
    other = RUN | {"content": [{"class_": "telepathy", "content": "?"}]}
    first, problem, last = read(tmp_path, [RUN, other, RUN])
    assert isinstance(problem, Problem) and "an item of class telepathy" in problem.cause
    assert (tmp_path / "sample.json").read_text()[problem.offset :].startswith('{"id"')
    assert len(first.turns) == len(last.turns) == 4


def test_where_it_worked(tmp_path):
    """Runs of SWE-bench carry the fields of their tasks."""
    for key in ("repo", "repository"):
        [trace] = read(tmp_path, RUN | {"details": {key: "django/django", "base_commit": "0a1b2c3d"}})
        assert (trace.extra["repo"], trace.extra["base_commit"]) == ("django/django", "0a1b2c3d")
    [trace] = read(tmp_path, RUN | {"details": {"repo": ["django/django"], "base_commit": 7, "repository": "a/b"}})
    assert trace.extra["repo"] == "a/b" and "base_commit" not in trace.extra


@pytest.mark.parametrize("as_text", [True, False])
def test_tools_that_are_none_are_left_out(tmp_path, as_text):
    bare = {"name": "edit", "description": "Edits.", "parameters": {"type": "object"}}
    told = [
        bare,
        {"type": "function"},
        {"function": {"name": 3}},
        "edit",
        {"type": "function", "function": {"name": "go"}},
    ]
    [trace] = read(tmp_path, RUN | {"details": {"tools": json.dumps(told) if as_text else told}})
    named = {"type": "function", "function": {"name": "go"}}
    assert trace.tools == {"given": [{"type": "function", "function": bare}, named]}
    [trace] = read(tmp_path, RUN | {"details": {"tools": [{"type": "function"}]}})
    assert trace.tools == {} and trace.turns[0].answer.tools_sha is None
