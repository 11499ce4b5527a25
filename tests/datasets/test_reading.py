"""From a recorded run to an episode."""

import dataclasses
import json
import shutil

import pytest

from slm_ext.datasets.reading import read_episode, repository_of
from slm_ext.registry.subtasks import SUBTASKS
from slm_ext.traces import read_traces
from tests.datasets.episodes import RUNS, bash, episode, recorded

NAMES = sorted(path.name for path in RUNS.iterdir())
FIRST_ASKED = {"requery": "flywheel-hot", "scripted": "scripted", "truncated": "flywheel-brief"}


@pytest.mark.parametrize("name", NAMES)
def test_every_recorded_run(name):
    (trace,) = read_traces(RUNS / name)
    run = read_episode(trace)
    answered = [turn for turn in trace.turns if turn.answer.reply is not None]
    assert len(run.steps) == len(answered) > 0
    for one, turn in zip(run.steps, answered, strict=True):
        assert run.prompt(one) == list(turn.answer.prompt)
        assert (one.number, one.attempt, one.reply) == (turn.step, turn.attempt, turn.answer.reply)
        assert one.tools in run.tools and one.prompt_sha == turn.answer.prompt_sha
        assert one.subtask in SUBTASKS
    model = FIRST_ASKED.get(name.partition("-")[2], "flywheel-tiny")
    assert (run.instance, run.run_id, run.model, run.tainted) == (trace.instance_id, trace.run_id, model, False)
    assert run.issue == run.messages[1]["content"]


def test_every_message_is_kept_once():
    run = recorded("mini-playlist")
    assert len(run.messages) == len({json.dumps(message) for message in run.messages}) == len(run.steps[-1].prompt)


def test_what_steps_did():
    run = recorded("mini-inventory")
    assert [(one.tool, one.kind, one.outcome, one.changed) for one in run.steps] == [
        ("pytest_run", "test", "failed", False),
        ("read_file", "read", "ok", False),
        ("edit_line", "edit", "ok", True),
        ("pytest_run", "test", "passed", False),
        ("submit", "finish", "ok", False),
    ]
    assert [one.subtask for one in run.steps] == ["plan", "read", "edit", "test", "finish"]
    assert (run.verdict, run.verdict_source, run.submitted) == (True, "slm-calls", True)


def test_a_rejected_reply_is_a_step_without_a_call():
    rejected = [one for one in recorded("mini-rejected").steps if one.status == "rejected"]
    assert [(one.number, one.attempt, one.tool, one.error) for one in rejected] == [
        (8, 1, "", "truncated"), (8, 2, "", "no_call"), (8, 3, "", "no_call"),
    ]  # fmt: skip


def test_a_run_nobody_judged():
    run = recorded("sweagent-inventory")
    assert (run.verdict, run.verdict_source, run.exit_status) == (None, None, "submitted")


def test_the_id_is_that_of_the_place_in_the_inputs(tmp_path):
    (trace,) = read_traces(RUNS / "mini-inventory")
    moved = dataclasses.replace(trace, source=tmp_path / "runs" / "mini-inventory" / "calls.jsonl")
    assert read_episode(moved, "a/calls.jsonl").id == read_episode(trace, "a/calls.jsonl").id
    assert read_episode(trace, "a/calls.jsonl").id != read_episode(trace, "b/calls.jsonl").id
    assert read_episode(trace).source == "calls.jsonl"


def test_a_model_that_changed_during_the_run():
    (trace,) = read_traces(RUNS / "mini-inventory")
    turns = list(trace.turns)
    answer = turns[-1].answer
    other = dataclasses.replace(answer, identity=answer.identity | {"weights_sha": "0" * 64})
    turns[-1] = dataclasses.replace(turns[-1], calls=(*turns[-1].calls[:-1], other))
    assert read_episode(dataclasses.replace(trace, turns=tuple(turns))).tainted
    renamed = dataclasses.replace(other, provider="another")
    turns[-1] = dataclasses.replace(turns[-1], calls=(*turns[-1].calls[:-1], renamed))
    assert not read_episode(dataclasses.replace(trace, turns=tuple(turns))).tainted


def test_answers_that_never_came_are_no_steps():
    (trace,) = read_traces(RUNS / "mini-inventory")
    turns = list(trace.turns)
    turns[1] = dataclasses.replace(
        turns[1], calls=(dataclasses.replace(turns[1].answer, status="provider_down", reply=None),)
    )
    run = read_episode(dataclasses.replace(trace, turns=tuple(turns)))
    assert [one.number for one in run.steps] == [1, 3, 4, 5]


@pytest.mark.parametrize("name", ["mini-playlist", "mini-inventory", "sweagent-playlist"])
def test_the_trajectory_alone_tells_of_the_same_steps(name, tmp_path):
    trajectory = next(path for path in (RUNS / name).iterdir() if path.name.endswith((".traj", ".traj.json")))
    copy = shutil.copy(trajectory, tmp_path)
    (trace,) = read_traces(copy)
    run, known = read_episode(trace), recorded(name)
    assert run.form != known.form
    assert [(one.tool, one.arguments, one.kind) for one in run.steps] == [
        (one.tool, one.arguments, one.kind) for one in known.steps
    ]
    assert run.issue == known.issue


def test_actions_that_stand_in_the_text(tmp_path):
    messages = [
        {"role": "system", "content": "You fix bugs."},
        {"role": "user", "content": "Please solve this issue: The sum is wrong.\n\nYou can execute bash commands."},
        {"role": "assistant", "content": "I look.\n\n```mswea_bash_command\ncat a.py\n```", "extra": {"actions": [
            {"command": "cat a.py"}]}},
        {"role": "user", "content": "<returncode>0</returncode>\n<output>\nx = 1\n</output>"},
    ]  # fmt: skip
    path = tmp_path / "sums-1.traj.json"
    path.write_text(
        json.dumps(
            {"info": {}, "messages": messages, "trajectory_format": "mini-swe-agent-1.1", "instance_id": "sums-1"}
        )
    )
    (trace,) = read_traces(path)
    run = read_episode(trace)
    assert [(one.tool, one.arguments, one.native, one.kind) for one in run.steps] == [
        ("bash", {"command": "cat a.py"}, False, "read")
    ]
    assert run.issue == "The sum is wrong."


@pytest.mark.parametrize(
    ("instance", "repository"),
    [
        ("django__django-11099", "django/django"),
        ("scikit-learn__scikit-learn-13142", "scikit-learn/scikit-learn"),
        ("pydicom__pydicom.7d361b3d.func_basic__1", "pydicom/pydicom"),
        ("john-kurkowski__tldextract.3d1bf184", "john-kurkowski/tldextract"),
        ("playlist-b03c51c4", None),
        ("0015-flattened", None),
        ("", None),
    ],
)
def test_the_repository_of_an_instance(instance, repository):
    assert repository_of(instance) == repository


PROMPTS = {
    "sweagent": "<uploaded_files>\n/r\n</uploaded_files>\nConsider this:\n\n<pr_description>\n{}\n</pr_description>\n\n"
    "Make the changes so that the requirements in the <pr_description> are met.",
    "sweagent 0.7": "We're solving this issue:\nISSUE:\n{}\n\n\nINSTRUCTIONS:\nNow you're going to solve it.",
    "mini": "Please solve this issue: {}\n\nYou can execute bash commands and edit files.",
    "openhands": "Solve it.\n<issue_description>\n{}\n</issue_description>\nFollow these steps.",
    "our own": "{}",
}


@pytest.mark.parametrize("name", PROMPTS)
def test_the_issue_within_a_prompt(name):
    issue = "The sum is wrong.\n\nIt should be 3."
    assert episode(bash("ls"), issue=PROMPTS[name].format(issue)).issue == issue


def test_the_issue_after_a_demonstration():
    run = episode(bash("ls"), issue="Here is a demonstration.\n" + PROMPTS["sweagent 0.7"].format("Another sum."))
    run.messages.insert(2, {"role": "user", "content": PROMPTS["sweagent 0.7"].format("The sum is wrong.")})
    run.steps[0].prompt = [0, 1, 2]
    assert run.issue == "The sum is wrong."
