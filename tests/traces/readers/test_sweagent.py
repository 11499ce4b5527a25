"""SWE-agent's own trajectories, of every year since 2024, and what else a `.traj` tells."""

import json

import pytest

from slm_ext.traces import read_file

from .peers import folder, read_whole

SWEAGENT = "the folder of a checkout of SWE-agent, whose demonstrations and test data are read"


def test_sweagents_demonstrations_are_read():
    files = sorted(folder("SWEAGENT_ROOT", "trajectories/demonstrations", SWEAGENT).rglob("*.traj"))
    assert len(files) == 19
    for path in files:
        [trace] = read_whole(path)
        data = json.loads(path.read_text())
        replies = [m for m in data["history"] if m["role"] == "assistant" and not m.get("is_demo")]
        assert len(trace.turns) == len(replies) > 0, path
        assert {turn.answer.status for turn in trace.turns} == {"ok"}, path
        assert [turn.answer.reply["content"] for turn in trace.turns] == [m["content"] for m in replies], path
        for turn, reply in zip(trace.turns, replies, strict=True):
            if reply.get("tool_calls"):
                function = reply["tool_calls"][0]["function"]
                given = (turn.answer.tool, turn.answer.arguments)
                assert given == (function["name"], json.loads(function["arguments"])), path
            else:
                assert turn.answer.arguments == {"command": reply["action"].strip("\n")}, path
        assert all(turn.observation is not None for turn in trace.turns[:-1]), path


def test_a_run_that_recorded_the_conversation_after_each_step():
    """The demonstrations of before 1.0 have no prompts; the one of 1.0 has."""
    top = folder("SWEAGENT_ROOT", "trajectories/demonstrations", SWEAGENT)
    [path] = top.glob("*function_calling_replace_from_source/*.traj")
    [trace] = read_whole(path)
    steps = json.loads(path.read_text())["trajectory"]
    prompts = [[message["content"] for message in turn.answer.prompt] for turn in trace.turns]
    assert prompts[1:] == [[message["content"] for message in step["messages"]] for step in steps[:-1]]
    assert prompts[0] == prompts[1][:2]


def test_sweagents_test_data_is_read():
    files = sorted(folder("SWEAGENT_ROOT", "tests/test_data/trajectories", SWEAGENT).rglob("*.traj"))
    assert len(files) >= 3
    for path in files:
        [trace] = read_whole(path)
        data = json.loads(path.read_text())
        assert len(trace.turns) == len(data["trajectory"]) > 0, path
        assert trace.exit_status == data["info"].get("exit_status"), path
        assert trace.submitted is bool(data["info"].get("submission")), path
        assert trace.turns[-1].observation is not None, path


def test_a_step_that_did_not_come_into_the_history_any_more(tmp_path):
    """0.x ended with the step that submitted."""
    history = [{"role": "user", "content": "Fix it."}, {"role": "assistant", "content": "Look.", "action": "ls\n"}]
    steps = [
        {"action": "ls\n", "observation": "a.py", "response": "Look.", "thought": "Look."},
        {"action": "submit\n", "observation": "diff --git", "response": "Done.", "thought": "Done."},
    ]
    path = tmp_path / "task.traj"
    path.write_text(json.dumps({"trajectory": steps, "history": history, "info": {"submission": "diff --git"}}))
    [trace] = read_file(path)
    assert [(t.answer.arguments["command"], t.observation) for t in trace.turns] == [
        ("ls", "a.py"), ("submit", "diff --git"),
    ]  # fmt: skip
    assert [message["content"] for message in trace.turns[1].messages] == ["Fix it.", "Look.", "a.py"]


def test_a_demonstration_that_was_edited_by_hand_is_as_the_history_has_it(tmp_path):
    """Its steps may be more, fewer or others."""
    said = ["One.", "Two, edited.", "Four."]
    history = [{"role": "user", "content": "Fix it."}]
    for number, text in enumerate(said):
        history.append({"role": "assistant", "content": text, "action": f"echo {number}"})
        history.append({"role": "user", "content": f"{number}, as it was shown"})
    steps = [
        {"action": f"echo {action}", "response": text, "thought": text, "observation": f"{action}"}
        for action, text in ((0, "One."), (1, "Two."), (7, "Three."), (2, "Four."))
    ]
    path = tmp_path / "task.traj"
    path.write_text(json.dumps({"trajectory": steps, "history": history[:-1], "info": {}}))
    [trace] = read_file(path)
    assert [turn.answer.reply["content"] for turn in trace.turns] == said
    assert [turn.observation for turn in trace.turns] == ["0, as it was shown", "1, as it was shown", "2"]


@pytest.mark.parametrize("kept", ["text", "object"])
def test_what_the_configuration_says(kept, tmp_path):
    config = {"agent": {"model": {"name": "slm/small"}, "tools": {"bundles": [{"path": "tools/x"}, "tools/y"]}}}
    run = {
        "trajectory": [], "history": [{"role": "user", "content": "Fix it."}],
        "info": {"exit_status": "exit_error", "model_stats": {"api_calls": 3}},
        "replay_config": json.dumps(config) if kept == "text" else config,
    }  # fmt: skip
    path = tmp_path / "owner__name-1.traj"
    path.write_text(json.dumps(run))
    [trace] = read_file(path)
    assert (trace.instance_id, trace.exit_status, trace.submitted) == ("owner__name-1", "exit_error", False)
    assert trace.extra == {"model_stats": {"api_calls": 3}, "bundles": ["tools/x", "tools/y"]}
    assert trace.turns == ()


@pytest.mark.parametrize(
    ("name", "repo", "found"),
    [
        ("task", {"github_url": "https://github.com/django/django", "base_commit": "0a1b"}, ("django/django", "0a1b")),
        ("task", {"github_url": "git@github.com:django/django.git", "base_commit": "HEAD"}, ("django/django", None)),
        ("task", {"github_url": "https://key@github.com/django/django/tree/x"}, ("django/django", None)),
        ("task", {"path": "/home/kim/shop", "base_commit": "HEAD"}, ("shop", None)),
        ("task", {"path": "kim/shop/", "base_commit": "0a1b"}, ("shop", "0a1b")),
        ("task", {"path": "C:\\Users\\kim\\shop"}, ("shop", None)),
        ("task", {"repo_name": "django__django", "base_commit": "0a1b"}, ("django/django", "0a1b")),
        ("task", {"repo_name": "owner__name.0a1b2c3d"}, ("owner/name", None)),
        ("django__django-1", {"repo_name": "testbed", "base_commit": "0a1b"}, (None, "0a1b")),
        ("django__django-1", {"path": "/django"}, (None, None)),
        ("task", {"path": "/testbed"}, (None, None)),
        ("task", {"path": 3, "base_commit": ["0a1b"]}, (None, None)),
        ("task", "django", (None, None)),
    ],
)
def test_where_it_worked(name, repo, found, tmp_path):
    """Where the id of a task tells the repository, the name of a folder does not count."""
    run = {"trajectory": [], "history": [{"role": "user", "content": "Fix it."}]}
    path = tmp_path / f"{name}.traj"
    path.write_text(json.dumps(run | {"replay_config": json.dumps({"env": {"repo": repo}})}))
    [trace] = read_file(path)
    assert (trace.extra.get("repo"), trace.extra.get("base_commit")) == found
    (tmp_path / "retried").mkdir()
    path = tmp_path / "retried" / f"{name}.traj"
    path.write_text(json.dumps({"attempts": [run, run], "replay_config": {"env": {"repo": repo}}}))
    assert [(trace.extra.get("repo"), trace.extra.get("base_commit")) for trace in read_file(path)] == [found] * 2


def test_a_route_has_texts_where_texts_belong(tmp_path):
    extra = {"slm": {"route": {"provider": "p", "subtask": ["edit"]}}}
    step = {"action": "ls", "observation": "a.py", "response": "Look.", "extra_info": extra}
    path = tmp_path / "task.traj"
    path.write_text(json.dumps({"trajectory": [step], "history": [], "info": {}}))
    [trace] = read_file(path)
    assert trace.turns[0].answer.route == {"provider": "p"}
