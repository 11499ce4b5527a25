"""Every generation of SWE-agent's trajectories tells the same run."""

import json
from pathlib import Path

import pytest

from slm_ext.traces import read_file, read_traces
from slm_ext.traces.readers import Problem

from ..generations import (
    giving_up,
    of_0_x,
    of_1_0,
    of_history,
    of_retries,
    reading_text,
    rejecting,
    with_parts,
)

RUNS = Path(__file__).parents[2] / "data" / "runs"
ALL = sorted(RUNS.glob("sweagent-*/*.traj*"))
FILES = [path for path in ALL if path.parent.name in ("sweagent-elided", "sweagent-inventory", "sweagent-playlist")]
"""Those without a rejected reply, which the tests put in where they want them."""


@pytest.fixture(params=FILES, ids=lambda path: path.parent.name)
def run(request):
    return json.loads(request.param.read_text())


def read(run, tmp_path, **how):
    """The traces of a run written to a file."""
    path = tmp_path / "task.traj"
    path.write_text(json.dumps(run, **how))
    found = list(read_file(path))
    assert not [one for one in found if isinstance(one, Problem)]
    return found


def one(run, tmp_path, **how):
    [trace] = read(run, tmp_path, **how)
    return trace


def told(trace):
    answers = [(turn, turn.answer) for turn in trace.turns]
    return [(t.step, t.attempt, a.status, a.tool, a.arguments, t.observation, t.messages) for t, a in answers]


def prompts(trace):
    return [turn.answer.prompt for turn in trace.turns]


def test_there_are_runs_to_convert():
    assert len(FILES) == 3 and len(ALL) == 7


@pytest.mark.parametrize("path", ALL, ids=lambda path: path.parent.name)
def test_a_recorded_run_is_the_one_of_its_call_records(path):
    [trace] = read_file(path)
    [full] = read_traces(path.parent / "calls.jsonl")
    answers = [(t.step, t.attempt, t.answer) for t in trace.turns if t.answer.reply]
    asked = [(t.step, t.attempt, t.answer) for t in full.turns if t.answer.status in ("ok", "rejected")]
    assert [(s, a, c.status, c.tool, c.arguments) for s, a, c in answers] == [
        (s, a, c.status, c.tool, c.arguments) for s, a, c in asked
    ]


@pytest.mark.parametrize("name", ["cost", "requery", "scripted", "truncated"])
@pytest.mark.parametrize("older", [of_1_0, of_0_x, of_history])
def test_older_generations_tell_what_was_done(name, older, tmp_path):
    [path] = [path for path in ALL if path.parent.name == f"sweagent-{name}"]
    run = json.loads(path.read_text())
    done = [turn for turn in one(run, tmp_path).turns if turn.answer.status == "ok"]
    known = [turn for turn in one(older(run), tmp_path).turns if turn.answer.status == "ok"]
    assert len(done) >= 4
    assert [(turn.answer.tool, turn.answer.arguments, turn.observation, turn.answer.reply) for turn in known] == [
        (turn.answer.tool, turn.answer.arguments, turn.observation, turn.answer.reply) for turn in done
    ]


def test_what_was_sent_is_recorded_since_1_1(run, tmp_path):
    trace = one(run, tmp_path)
    assert len(trace.turns) == len(run["trajectory"]) > 4
    for turn, step in zip(trace.turns, run["trajectory"], strict=True):
        assert [message["content"] for message in turn.answer.prompt] == [m["content"] for m in step["query"]]
        assert turn.answer.prompt == turn.messages


@pytest.mark.parametrize("older", [of_1_0, of_0_x, of_history])
def test_older_generations_tell_the_same_steps(run, tmp_path, older):
    trace, old = one(run, tmp_path), one(older(run), tmp_path)
    assert told(old) == told(trace)
    assert [turn.answer.reply for turn in old.turns] == [turn.answer.reply for turn in trace.turns]
    expected = prompts(trace) if older is of_1_0 else [None] * len(trace.turns)
    assert prompts(old) == expected


@pytest.mark.parametrize("older", [of_1_0, of_0_x, of_history, lambda run: run])
def test_content_in_parts_is_the_same_text(run, tmp_path, older):
    assert told(one(older(with_parts(run)), tmp_path)) == told(one(run, tmp_path))


def test_prompts_with_marks_for_the_cache_are_the_same(run, tmp_path):
    assert prompts(one(with_parts(run), tmp_path)) == prompts(one(run, tmp_path))


def test_equal_messages_are_one_object(run, tmp_path):
    """Else a long run does not fit into memory. They are written with other marks and other spaces each time."""
    run = with_parts(run)
    for step in run["trajectory"]:
        del step["query"][1]  # as a processor that leaves out a message: no prompt is the conversation
    trace = one(run, tmp_path, indent=2)
    conversation = trace.turns[-1].messages
    ids = {id(message) for message in conversation}
    assert len(ids) == len(conversation)
    assert all({id(message) for message in turn.messages} <= ids for turn in trace.turns)
    assert all({id(message) for message in turn.answer.prompt} <= ids for turn in trace.turns)
    assert [len(turn.answer.prompt) for turn in trace.turns] == [len(turn.messages) - 1 for turn in trace.turns]


@pytest.mark.parametrize("how", [{"indent": 2}, {"indent": 2, "ensure_ascii": False}, {"separators": (",", ":")}])
def test_white_space_says_nothing(run, tmp_path, how):
    assert told(one(run, tmp_path, **how)) == told(one(run, tmp_path))


@pytest.mark.parametrize("older", [of_1_0, of_0_x, of_history, lambda run: run])
def test_actions_read_from_a_text_are_calls_of_a_shell(run, tmp_path, older):
    run = reading_text(run)
    trace = one(older(run), tmp_path)
    assert [turn.answer.tool for turn in trace.turns] == ["bash"] * len(run["trajectory"])
    assert [turn.answer.arguments["command"] for turn in trace.turns] == [s["action"] for s in run["trajectory"]]
    assert [turn.answer.reply["content"] for turn in trace.turns] == [s["response"] for s in run["trajectory"]]
    assert all("tool_calls" not in turn.answer.reply for turn in trace.turns)
    assert {message["role"] for message in trace.turns[-1].messages} == {"system", "user", "assistant"}
    assert told(trace) == told(one(run, tmp_path))


def test_a_rejected_reply_is_an_attempt_at_its_step(run, tmp_path):
    trace = one(rejecting(rejecting(run, 2, "I think so.", "Call a tool."), 3, "Well.", "Really, call one."), tmp_path)
    plain = one(run, tmp_path)
    first, second, third = trace.turns[2:5]
    assert [(t.step, t.attempt, t.answer.status) for t in (first, second, third)] == [
        (3, 1, "rejected"), (3, 2, "rejected"), (3, 3, "ok"),
    ]  # fmt: skip
    assert (first.observation, second.observation) == ("Call a tool.", "Really, call one.")
    assert first.answer.reply == {"role": "assistant", "content": "I think so."}
    assert [m["content"] for m in third.messages[-4:]] == ["I think so.", "Call a tool.", "Well.", "Really, call one."]
    assert [m["content"] for m in third.answer.prompt[-2:]] == ["Well.", "Really, call one."]
    assert third.answer.prompt[:-2] == first.answer.prompt == plain.turns[2].answer.prompt
    accepted = [turn for turn in trace.turns if turn.answer.status == "ok"]
    assert [(t.step, t.answer.arguments, t.observation) for t in accepted] == [
        (t.step, t.answer.arguments, t.observation) for t in plain.turns
    ]
    assert trace.turns[5].messages == plain.turns[3].messages


def test_before_1_1_nobody_says_what_a_rejected_reply_was_told(run, tmp_path):
    run = rejecting(rejecting(run, 0, "Hello.", "Call a tool."), 3, "I think so.", "Call a tool.")
    new, old = one(run, tmp_path), one(of_1_0(run), tmp_path)
    rejected = [at for at, turn in enumerate(new.turns) if turn.answer.status == "rejected"]
    assert rejected == [0, 3]
    assert [(t.step, t.attempt, t.answer.status) for t in old.turns] == [
        (t.step, t.attempt, t.answer.status) for t in new.turns
    ]
    for at, (turn, same) in enumerate(zip(old.turns, new.turns, strict=True)):
        again = at - 1 in rejected
        assert turn.answer.prompt == (None if again else same.answer.prompt)
        assert turn.observation == (None if at in rejected else same.observation)
    assert [message["content"] for message in old.turns[1].messages[2:]] == ["Hello."]


def test_a_step_without_its_messages_does_not_hide_those_of_the_others(run, tmp_path):
    old, whole = of_1_0(run), one(of_1_0(run), tmp_path)
    for at in (1, 2):
        old["trajectory"][at]["messages"] = None
    trace = one(old, tmp_path)
    assert told(trace) == told(whole)
    assert prompts(trace)[:2] + prompts(trace)[4:] == prompts(whole)[:2] + prompts(whole)[4:]


def test_before_1_0_rejected_replies_were_not_recorded(run, tmp_path):
    old = one(of_0_x(rejecting(run, 2, "I think so.", "Call a tool.")), tmp_path)
    assert told(old) == told(one(run, tmp_path))


@pytest.mark.parametrize("older", [of_1_0, of_0_x, of_history, lambda run: run])
def test_what_sweagent_writes_where_it_gives_up_is_no_answer(run, tmp_path, older):
    trace = one(older(giving_up(run)), tmp_path)
    assert told(trace)[:-1] == told(one(run, tmp_path))
    last = trace.turns[-1].answer
    assert (last.status, last.tool, last.prompt, last.reply) == ("interrupted", "", None, None)
    assert last.said == "Exit due to cost limit"


def test_the_replies_before_a_run_ends_for_their_sake_are_rejected(run, tmp_path):
    """Nothing after the last of them says so, but it never came into the history."""
    del run["trajectory"][3:], run["history"][8:]
    run = rejecting(rejecting(rejecting(run, 2, "One.", "No."), 3, "Two.", "No."), 4, "Three.", "No.")
    del run["trajectory"][5:], run["history"][6:]
    run = giving_up(run, "Exit due to repeated format/blocklist/bash syntax errors", "exit_format")
    trace = one(run, tmp_path)
    assert [(t.step, t.attempt, t.answer.status) for t in trace.turns] == [
        (1, 1, "ok"), (2, 1, "ok"), (3, 1, "rejected"), (3, 2, "rejected"), (3, 3, "rejected"), (3, 4, "interrupted"),
    ]  # fmt: skip
    assert trace.turns[4].observation is None


def test_a_command_that_was_blocked_is_no_call(run, tmp_path):
    """Its step has the action; that it was not run, the next prompt says."""
    run = rejecting(run, 1, "Let me look.", "Operation 'vim a.py' is not supported.")
    run["trajectory"][1] |= {"action": "vim a.py", "thought": "Let me look."}
    turn = one(run, tmp_path).turns[1]
    assert (turn.answer.status, turn.answer.tool, turn.answer.arguments) == ("rejected", "", {})


def test_demonstrations_are_no_steps(run, tmp_path):
    shown = [
        {"role": "user", "content": "Here is how.", "agent": "main", "is_demo": True},
        {"role": "assistant", "content": "ls", "action": "ls", "agent": "main", "is_demo": True},
        {"role": "user", "content": "a.py", "agent": "main", "is_demo": True},
    ]
    run["history"][1:1] = shown
    for step in run["trajectory"]:
        step["query"][1:1] = shown
    trace = one(run, tmp_path)
    for older in (of_1_0, of_0_x, of_history):
        assert told(one(older(run), tmp_path)) == told(trace)
    assert len(trace.turns) == len(run["trajectory"])
    assert prompts(one(of_1_0(run), tmp_path)) == prompts(trace)
    assert [message["content"] for message in trace.turns[0].messages[1:4]] == ["Here is how.", "ls", "a.py"]


def test_a_history_processor_changes_prompts_not_the_conversation(run, tmp_path):
    """`last_n_observations` rewrites old observations in what is sent."""
    whole = one(run, tmp_path)
    for step in run["trajectory"]:
        for message in step["query"][2:-2]:
            if message["role"] == "tool":
                message["content"] = "Old environment output: (3 lines omitted)"
    new, old = one(run, tmp_path), one(of_1_0(run), tmp_path)
    assert told(new) == told(old) == told(whole)
    assert prompts(new) == prompts(old) != prompts(whole)
    assert "Old environment output" in new.turns[-1].answer.prompt[3]["content"]


def test_attempts_are_runs_of_their_own(run, tmp_path):
    other = json.loads(FILES[0].read_text())
    first, second, third = read(of_retries([run, other, run], chosen=1), tmp_path)
    assert told(first) == told(third) == told(one(run, tmp_path)) and told(second) == told(one(other, tmp_path))
    assert [trace.attempt for trace in (first, second, third)] == [1, 2, 3]
    assert [trace.extra["chosen"] for trace in (first, second, third)] == [False, True, False]
    assert [trace.turns[0].answer.model for trace in (first, second, third)] == ["model-0", "model-1", "model-0"]


def test_attempts_that_go_on_are_all_candidates(run, tmp_path):
    traces = read(of_retries([run, of_1_0(run), of_0_x(run)]), tmp_path)
    assert [told(trace) for trace in traces] == [told(one(run, tmp_path))] * 3
    assert all(trace.extra["chosen"] for trace in traces)


def test_one_attempt_that_cannot_be_read_does_not_stop_the_others(run, tmp_path):
    path = tmp_path / "task.traj"
    path.write_text(json.dumps(of_retries([run, run | {"trajectory": 3}, run], chosen=0)))
    first, problem, third = read_file(path)
    assert isinstance(problem, Problem) and problem.cause.startswith("attempt 2: a run of another shape")
    assert (first.attempt, third.attempt) == (1, 3)


def test_a_run_without_attempts_yet_is_a_problem(tmp_path):
    path = tmp_path / "task.traj"
    path.write_text('{"attempts": []}')
    [problem] = read_file(path)
    assert isinstance(problem, Problem) and "no step and no history" in problem.cause
