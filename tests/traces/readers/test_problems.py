"""What cannot be read is told, with its place, and never stops the rest. Whatever a file holds, nothing is raised."""

import copy
import dataclasses
import importlib
import json
import os
import shutil
import types
import typing
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from slm_ext.traces import Call, Trace, Turn, find_files, iter_traces, read_file
from slm_ext.traces.atif import to_atif
from slm_ext.traces.readers import Problem
from slm_ext.traces.readers.documents import Fields

from ..generations import of_0_x, of_1_0, of_retries, rejecting
from .test_adp import RUN as ADP
from .test_atif import FOREIGN as ATIF

RUNS = Path(__file__).parents[2] / "data" / "runs"
TRAJ = next(RUNS.glob("sweagent-inventory/*.traj"))
MINI = next(RUNS.glob("mini-rejected/*.traj.json"))
CALLS = RUNS / "mini-rejected" / "calls.jsonl"
SWEAGENT = json.loads(TRAJ.read_text())
KINDS = {
    "1.1": rejecting(SWEAGENT, 1, "I think so.", "Call a tool."),
    "1.0": of_1_0(SWEAGENT),
    "0.x": of_0_x(SWEAGENT),
    "retries": of_retries([SWEAGENT, of_0_x(SWEAGENT)], chosen=1),
    "mini": json.loads(MINI.read_text()),
    "atif": ATIF,
    "atif-exported": to_atif(next(read_file(CALLS))),
    "adp": ADP,
    "adp-list": [ADP, ADP],
    "calls": [json.loads(line) for line in CALLS.read_text().splitlines()],
}
BLOBS = CALLS.parent / "blobs"


def written(kind, data, folder):
    """The file that holds a run of a kind."""
    if kind != "calls":
        path = folder / "task.json"
        path.write_text(json.dumps(data))
        return path
    if not (folder / "blobs").exists():
        shutil.copytree(BLOBS, folder / "blobs")
    path = folder / "calls.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in data))
    return path


def fits(value, kind):
    """Whether a value is of a type as a dataclass declares it; what an object holds is not looked at."""
    origin, inner = typing.get_origin(kind), typing.get_args(kind)
    if kind is typing.Any:
        return True
    if origin in (types.UnionType, typing.Union):
        return any(fits(value, one) for one in inner)
    if origin is tuple:
        return isinstance(value, tuple) and all(fits(item, inner[0]) for item in value)
    if origin in (dict, list):
        return isinstance(value, origin)
    if kind in (int, float):
        return isinstance(value, (int, kind)) and not isinstance(value, bool)
    if kind in (Call, Turn, Trace):
        declared = typing.get_type_hints(kind)
        wrong = [one.name for one in dataclasses.fields(kind) if not fits(getattr(value, one.name), declared[one.name])]
        assert not wrong, [(name, getattr(value, name)) for name in wrong]
        said = [*getattr(value, "messages", ()), *(getattr(value, "prompt", None) or ())]
        return all(map(is_message, [*said, *([value.reply] if getattr(value, "reply", None) else [])]))
    return isinstance(value, kind)


def is_message(value):
    calls = value.get("tool_calls", [])
    texts = [value["role"], value["content"], value.get("tool_call_id", ""), value.get("reasoning_content", "")]
    texts += [text for call in calls for text in (call["id"], call["function"]["name"], call["function"]["arguments"])]
    return isinstance(calls, list) and all(isinstance(text, str) for text in texts)


@pytest.mark.parametrize("kind", KINDS)
def test_the_runs_that_are_spoiled_below_can_be_read(kind, tmp_path):
    found = list(read_file(written(kind, KINDS[kind], tmp_path)))
    assert found and all(fits(one, Trace) and one.turns for one in found)


ODD = st.sampled_from(
    [
        None,
        True,
        False,
        0,
        -1,
        2**70,
        1.5,
        float("nan"),
        "",
        "x",
        "\ud800",
        [],
        [None],
        [[]],
        {},
        {"": None},
        {"a": [7]},
    ]
)


def places(value, path=()):
    """Every place in a value, as the way to it."""
    yield path
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield from places(inner, (*path, key))


PLACES = {kind: [path for path in places(data) if path] for kind, data in KINDS.items()}


@st.composite
def spoiled(draw):
    """(kind, run) with something else, something gone or something twice, at one to three places."""
    kind = draw(st.sampled_from(sorted(KINDS)))
    data = copy.deepcopy(KINDS[kind])
    for _ in range(draw(st.integers(1, 3))):
        way = draw(st.sampled_from(PLACES[kind]))
        inside = data
        try:
            for key in way[:-1]:
                inside = inside[key]
            change = draw(st.sampled_from(["other", "other", "gone", "twice"]))
            if change == "other":
                inside[way[-1]] = copy.deepcopy(draw(ODD))
            elif change == "gone":
                del inside[way[-1]]
            elif isinstance(inside, list):
                inside.append(copy.deepcopy(inside[way[-1]]))
        except (LookupError, TypeError):
            continue  # the place is gone already
    return kind, data


LARGE = st.sampled_from([None, 1])
"""1: no document is held."""


def read(path, large):
    with pytest.MonkeyPatch.context() as patch:
        if large:
            patch.setattr(importlib.import_module(Fields.__module__), "LARGE", large)
        return list(read_file(path))


@given(made=spoiled(), large=LARGE)
@settings(
    max_examples=600, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
def test_wrong_types_are_told_or_passed_over(made, large, tmp_path):
    kind, data = made
    found = read(written(kind, data, tmp_path), large)
    assert found
    for one in found:
        assert isinstance(one, Problem) or fits(one, Trace)


@given(
    kind=st.sampled_from(sorted(KINDS)),
    cuts=st.lists(st.tuples(st.floats(0, 1), st.binary(max_size=3)), max_size=3),
    large=LARGE,
)
@settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
def test_any_bytes_are_told_or_read(kind, cuts, large, tmp_path):
    path = written(kind, KINDS[kind], tmp_path)
    data = bytearray(path.read_bytes())
    for place, piece in cuts:
        at = int(place * len(data))
        data[at : at + len(piece)] = piece
    path.write_bytes(data[: int(len(data) * (cuts[0][0] if cuts and not cuts[0][1] else 1))])
    found = read(path, large)
    assert found
    for one in found:
        assert isinstance(one, Problem) or fits(one, Trace)
        assert not isinstance(one, Problem) or 0 <= one.offset <= len(data)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in ("calls", "adp-list")])
def test_a_file_that_was_cut_is_one_problem(kind, tmp_path):
    path = written(kind, KINDS[kind], tmp_path)
    data = path.read_bytes()
    for part in (0.01, 0.5, 0.99):
        path.write_bytes(data[: int(len(data) * part)])
        [problem] = read_file(path)
        assert "no JSON" in problem.cause and 0 < problem.offset <= len(data) * part
        assert str(problem) == f"{path}, byte {problem.offset}: {problem.cause}"


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("", "an empty file"),
        ("\n", "an empty file"),
        ("[]", "an empty list"),
        ("{}", "no recorded run: it has nothing"),
        ('{"a": 1, "b": 2}', "no recorded run: it has a, b"),
        (b"\x89PNG\r\n", "no JSON"),
        (b'{"trajectory": [{"query": [{"content": "\xff"}]}]}', "decode"),
        ('{"history": ' + "[" * 5000 + "]" * 5000 + "}", "too deeply"),
        ('{"trajectory": [], "history": []}', "no step and no history"),
        ('{"trajectory": {}, "history": []}', "no list"),
        ('{"id": "x", "content": [7]}', "another shape"),
        ('{"steps": [{}], "agent": {}}', "another shape"),
        ('{"kind": "call", "run_id": "x"}', "a line without 'request'"),
        ('{"kind": "outcome", "run_id": "x"}', "no model call"),
    ],
)
def test_what_is_no_run(text, cause, tmp_path):
    path = tmp_path / "task.json"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    [problem] = read_file(path)
    assert cause in problem.cause and problem.file == path


@pytest.mark.parametrize("beyond", ["NaN", "-Infinity", '"\\ud800"', "1e999"])
@pytest.mark.parametrize("kind", ["1.1", "1.0", "0.x", "mini", "atif", "adp", "calls"])
def test_what_python_writes_beyond_the_standard_is_no_problem(kind, beyond, tmp_path):
    path = written(kind, KINDS[kind], tmp_path)
    before = list(read_file(path))
    text = path.read_text()
    path.write_text(text.replace("{", '{"beyond": ' + beyond + ", ", 1) if kind != "0.x" else inside(text, beyond))
    assert list(read_file(path)) == before


def inside(text, beyond):
    """In each step."""
    return text.replace('{"action"', '{"beyond": ' + beyond + ', "action"')


@pytest.mark.parametrize("kind", ["1.1", "mini", "atif", "adp", "calls"])
def test_half_a_surrogate_is_read_as_it_is(kind, tmp_path):
    path = written(kind, KINDS[kind], tmp_path)
    text = path.read_text()
    word = {"atif": "Fix ", "adp": "edited"}.get(kind, "def ")
    assert word in text
    path.write_text(text.replace(word, "\\ud83d"))
    [trace] = read_file(path)
    said = [message["content"] for turn in trace.turns for message in turn.messages]
    assert any("\ud83d" in content for content in said + [turn.observation or "" for turn in trace.turns])


def test_a_broken_line_in_the_middle_is_told_by_its_place(tmp_path):
    lines = [json.dumps(ADP | {"id": str(number)}) for number in range(4)]
    lines[2] = lines[2][:-20]
    path = tmp_path / "runs.jsonl"
    path.write_text("\n".join(lines))
    first, second, problem, last = read_file(path)
    assert [one.run_id for one in (first, second, last)] == ["0", "1", "3"]
    begin = len(lines[0]) + len(lines[1]) + 2
    assert begin < problem.offset <= begin + len(lines[2])


def test_runs_of_several_formats_in_a_file(tmp_path):
    path = tmp_path / "runs.jsonl"
    path.write_text(
        "\n".join(json.dumps(KINDS[kind]) for kind in ("adp", "1.1", "atif", "mini", "0.x")) + '\n{"a": 1}\n'
    )
    *traces, problem = read_file(path)
    assert [trace.form for trace in traces] == ["adp", "sweagent", "atif", "mini-swe-agent-1.1", "sweagent"]
    assert problem.cause == "no recorded run: it has a"


def test_a_folder_in_place_of_a_file(tmp_path):
    [problem] = read_file(tmp_path)
    assert problem.file == tmp_path and "directory" in problem.cause


def test_a_file_that_is_not_there_and_a_link_that_leads_nowhere(tmp_path):
    (tmp_path / "loop").symlink_to("loop")
    for name in ("gone", "loop"):
        [problem] = read_file(tmp_path / name)
        assert isinstance(problem, Problem) and problem.offset == 0


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every file")
def test_a_file_that_may_not_be_read(tmp_path):
    path = written("adp", ADP, tmp_path)
    path.chmod(0)
    [problem] = read_file(path)
    assert "denied" in problem.cause


def test_of_many_files_those_that_can_be_read_are_read(tmp_path):
    written("adp", ADP, tmp_path)
    (tmp_path / "broken.traj").write_text('{"trajectory": [')
    (tmp_path / "empty.traj").write_text("")
    (tmp_path / "notes.json").write_text('{"a": 1}')
    (tmp_path / "torn.jsonl").write_text('{"id": \n' + json.dumps(ADP) + "\n")
    problems = []
    traces = list(iter_traces(find_files([tmp_path]), problems.append))
    assert [trace.source.name for trace in traces] == ["task.json", "torn.jsonl"]
    assert sorted(problem.file.name for problem in problems) == ["broken.traj", "empty.traj", "torn.jsonl"]
