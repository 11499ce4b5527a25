"""Call records: several runs in a file, and what is missing of one of them."""

import json
import shutil
from pathlib import Path

import pytest

from slm_ext.traces import read_file, read_traces
from slm_ext.traces.readers import Problem

RUNS = Path(__file__).parents[2] / "data" / "runs"


def lines_of(name):
    return (RUNS / name / "calls.jsonl").read_text().splitlines()


def renamed(lines, run_id):
    return [json.dumps(json.loads(line) | {"run_id": run_id}, ensure_ascii=False) for line in lines]


@pytest.fixture
def folder(tmp_path):
    """A folder with the blobs of a recorded run."""
    shutil.copytree(RUNS / "mini-inventory" / "blobs", tmp_path / "blobs")
    return tmp_path


def read(folder, lines):
    (folder / "calls.jsonl").write_text("".join(line + "\n" for line in lines))
    return list(read_file(folder / "calls.jsonl"))


LINES = lines_of("mini-inventory")


def begins(lines):
    return [sum(len(line.encode()) + 1 for line in lines[:number]) for number in range(len(lines))]


def test_runs_that_take_turns_in_a_file(folder):
    """Two hosts at once: the lines of the one stand between those of the other."""
    mixed = [line for pair in zip(LINES, renamed(LINES, "other"), strict=True) for line in pair]
    first, second = read(folder, mixed)
    [alone] = read_traces(RUNS / "mini-inventory" / "calls.jsonl")
    assert first.turns == second.turns == alone.turns
    assert (first.offset, second.offset) == (0, len(mixed[0].encode()) + 1)


def test_a_run_whose_messages_stand_in_another_run_s_lines(folder):
    """A file that was continued: messages known from before are referred to."""
    again = []
    for line in renamed(LINES, "again"):
        record = json.loads(line)
        for entry in record.get("request", {}).get("messages", ()):
            entry["message"] = None
        again.append(json.dumps(record))
    first, second = read(folder, [*LINES, *again])
    assert second.turns == first.turns and second.tools == first.tools


def test_a_missing_blob_is_a_problem_of_its_own_run(folder):
    other = lines_of("mini-playlist")
    missing = json.loads(other[0])["request"]["tools_sha"]
    broken = [line.replace(missing, "0" * 64) for line in other]
    first, problem, last = read(folder, [*LINES, *broken, *renamed(LINES, "last")])
    assert first.turns == last.turns
    assert isinstance(problem, Problem) and f"blob {'0' * 64} is missing" in problem.cause
    assert problem.offset == sum(len(line.encode()) + 1 for line in LINES)


def test_a_blob_that_only_another_run_needs_is_not_missed(folder):
    """The first line has messages of both runs."""
    lines = [json.loads(line) for line in LINES]
    system = lines[0]["request"]["messages"][0]["message"]
    system["content_blob"] = "0" * 64
    own = []
    for line in renamed(LINES, "own"):
        record = json.loads(line)
        entries = record.get("request", {}).get("messages", [])
        entries[:1] = []
        for entry in entries:
            entry["message"] = None
        own.append(json.dumps(record))
    problem, trace = read(folder, [*map(json.dumps, lines), *own])
    assert isinstance(problem, Problem) and "blob" in problem.cause
    assert [turn.answer.tool for turn in trace.turns] == [
        turn.answer.tool for turn in read_traces(RUNS / "mini-inventory" / "calls.jsonl")[0].turns
    ]


def test_a_missing_message_is_a_problem_of_its_own_run(folder):
    torn = renamed(LINES, "torn")[1:]
    first, problem = read(folder, [*lines_of("mini-playlist"), *torn])
    assert isinstance(problem, Problem) and "is referred to, not there" in problem.cause
    assert len(first.turns) == 14


def test_lines_that_are_no_records_are_told_and_the_rest_is_read(folder):
    spoiled = [*LINES[:3], LINES[3][:50], LINES[3], "[1]", '{"kind": "call"}', '{"kind": 1, "run_id": "x"}', *LINES[4:]]
    *problems, trace = read(folder, spoiled)
    assert trace.turns == read_traces(RUNS / "mini-inventory" / "calls.jsonl")[0].turns
    at = begins(spoiled)
    assert at[3] < problems[0].offset < at[4]
    assert [one.offset for one in problems[1:]] == [at[5], at[6], at[7]]
    assert [one.torn for one in problems] == [True, False, False, False]
    assert "no JSON" in problems[0].cause and all("no call record" in one.cause for one in problems[1:])


def test_a_line_that_a_kill_cut_short_is_told_but_refuses_nothing(folder):
    (folder / "calls.jsonl").write_text("\n".join([*LINES[:5], LINES[5][:40]]))
    problem, trace = read_file(folder / "calls.jsonl")
    assert problem.torn and problem.offset == begins(LINES)[5] + 40
    assert read_traces(folder / "calls.jsonl") == [trace]


@pytest.mark.parametrize("first", ["{", '{"kind": "call", "run_id": "mini', '{"answer": 42}'])
def test_a_first_line_that_is_no_record_is_told_once(folder, first):
    problem, trace = read(folder, [first, *LINES])
    assert isinstance(problem, Problem) and 0 <= problem.offset <= len(first)
    assert trace.turns == read_traces(RUNS / "mini-inventory" / "calls.jsonl")[0].turns


def test_a_record_of_another_shape_is_a_problem_of_its_own_run(folder):
    changed = renamed(LINES, "changed")
    record = json.loads(changed[0])
    del record["usage"]
    first, problem = read(folder, [*LINES, json.dumps(record), *changed[1:]])
    assert first.run_id != "changed"
    assert isinstance(problem, Problem) and problem.cause == "a line without 'usage'"


def test_a_file_without_a_call_is_a_problem(folder):
    outcome = LINES[-1]
    [problem] = read(folder, [outcome, outcome])
    assert isinstance(problem, Problem) and problem.cause == "no model call"
    first, *more = read(folder, [json.dumps(json.loads(outcome) | {"run_id": "x"}), *LINES])
    assert first.run_id != "x" and not more


def test_what_the_next_call_was_shown_of_a_rejection_counts():
    """The record has the rule and the message; the model was shown an example, too."""
    [trace] = read_traces(RUNS / "mini-rejected" / "calls.jsonl")
    rejected = [turn for turn in trace.turns if turn.answer.status == "rejected"]
    assert len(rejected) > 1 and "example:" in rejected[0].observation
    following = trace.turns[trace.turns.index(rejected[0]) + 1]
    assert following.messages[-1] == following.answer.prompt[-1] == {"role": "user", "content": rejected[0].observation}


@pytest.mark.parametrize(
    ("repo", "found"),
    [
        ("/home/kim/shop", "shop"), ("kim/shop", "shop"), ("../shop.git/", "shop"), ("~/shop", "shop"),
        ("C:\\Users\\kim\\shop", "shop"), ("file:///home/kim/shop", "shop"), (".", None), ("/", None), ("~", None),
        ("https://github.com/owner/name", "owner/name"), ("https://github.com/owner/name.git", "owner/name"),
        ("https://kim:key@github.com/owner/name.git", "owner/name"), ("git@github.com:owner/name.git", "owner/name"),
        ("ssh://git@host:22/owner/name", "owner/name"), (None, None), (["/home/kim/shop"], None),
    ],
)  # fmt: skip
def test_where_it_worked(repo, found, folder):
    """`run.json` says it; a path on somebody's machine stays there."""
    run = {"run_id": json.loads(LINES[0])["run_id"], "request": {"repo": repo}, "clone": {"head": "0a1b2c3d"}}
    (folder / "run.json").write_text(json.dumps(run))
    [trace] = read(folder, LINES)
    assert trace.extra == ({"repo": found} if found else {}) | {"base_commit": "0a1b2c3d"}
    (folder / "run.json").write_text(json.dumps(run | {"clone": {"head": None}, "request": 3}))
    [trace] = read(folder, LINES)
    assert trace.extra == {}
    (folder / "run.json").write_text(json.dumps(run | {"run_id": "another"}))
    [trace] = read(folder, LINES)
    assert trace.extra == {}


def test_the_recorded_runs_say_where_they_worked():
    [trace] = read_traces(RUNS / "mini-inventory")
    assert trace.extra == {"repo": "inventory", "base_commit": "a36d1a894843034a31bd4dd038092e0d6ad94adb"}
    [trace] = read_traces(RUNS / "sweagent-inventory")
    assert trace.source.name == "calls.jsonl" and trace.extra == {"repo": "inventory"}


@pytest.mark.parametrize("wrong", [3, ["x"], {"a": 1}])
def test_texts_are_texts_or_not_there(wrong, folder):
    changed = []
    for line in LINES:
        record = json.loads(line)
        if record["kind"] == "observation":
            record["tool_report"] = {"status": wrong, "error": {"kind": wrong, "message": "no"}}
        elif record["kind"] == "call":
            record["route"]["subtask"] = wrong
            record["identity"] |= {"weights_sha": wrong, "template_sha": wrong, "model_id": wrong}
        changed.append(json.dumps(record))
    [trace] = read(folder, changed)
    assert trace.turns
    for turn in trace.turns:
        assert turn.report in (None, {"error": {"message": "no"}})
        assert "subtask" not in turn.answer.route
        assert not {"weights_sha", "template_sha", "model_id"} & turn.answer.identity.keys()
    assert any(turn.report for turn in trace.turns)
    assert [told.observation for told in trace.turns] == [
        told.observation for told in read_traces(RUNS / "mini-inventory")[0].turns
    ]


def test_tools_that_are_none_are_left_out(folder):
    sha = json.loads(LINES[0])["request"]["tools_sha"]
    tools = json.loads((folder / "blobs" / sha).read_text())
    (folder / "blobs" / sha).write_text(json.dumps([{"type": "function"}, *tools, {"name": 3}, None]))
    [trace] = read(folder, LINES)
    assert tools and trace.tools == {sha: tools}
