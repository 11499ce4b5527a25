"""Files larger than memory are read; held or streamed, a run is the same."""

import importlib
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from slm_ext.traces import read_file
from slm_ext.traces.readers import spans
from slm_ext.traces.readers.documents import Fields, Streamed

from ..generations import of_retries
from .test_problems import KINDS

RUNS = Path(__file__).parents[2] / "data" / "runs"
documents = importlib.import_module(Fields.__module__)


@pytest.fixture
def nothing_is_held(monkeypatch):
    """As of 2 bytes a document is streamed, in chunks of 37."""
    monkeypatch.setattr(documents, "LARGE", 1)
    monkeypatch.setattr(spans, "CHUNK", 37)


@pytest.mark.parametrize("path", sorted(RUNS.glob("*/*.traj*")), ids=lambda path: path.name)
def test_a_recorded_run_is_streamed(path, nothing_is_held, monkeypatch):
    streamed = list(read_file(path))
    assert all(isinstance(one, Streamed) for one in documents.documents(path))
    monkeypatch.undo()
    assert all(isinstance(one, Fields) for one in documents.documents(path))
    assert list(read_file(path)) == streamed


@pytest.mark.parametrize("indent", [None, 1])
@pytest.mark.parametrize("kind", sorted(KINDS.keys() - {"calls"}))
def test_every_format_is_streamed(kind, indent, tmp_path, nothing_is_held, monkeypatch):
    path = tmp_path / "task.json"
    path.write_text(json.dumps(KINDS[kind], indent=indent))
    streamed = list(read_file(path))
    assert streamed[0].turns
    monkeypatch.undo()
    assert list(read_file(path)) == streamed


def test_lines_are_streamed(tmp_path, nothing_is_held, monkeypatch):
    path = tmp_path / "runs.jsonl"
    path.write_text("".join(json.dumps(KINDS[kind]) + "\n" for kind in ("adp", "1.1", "atif", "mini")))
    streamed = list(read_file(path))
    assert [trace.form for trace in streamed] == ["adp", "sweagent", "atif", "mini-swe-agent-1.1"]
    monkeypatch.undo()
    assert list(read_file(path)) == streamed


def test_what_is_beyond_the_standard_is_streamed(tmp_path, nothing_is_held, monkeypatch):
    text = json.dumps(of_retries([KINDS["1.1"], KINDS["0.x"]], chosen=0)).replace("def ", "\\ud83d")
    path = tmp_path / "task.traj"
    path.write_text(text.replace('"response": ', '"beyond": NaN, "response": '))
    streamed = list(read_file(path))
    assert [len(trace.turns) for trace in streamed] == [6, 5]
    monkeypatch.undo()
    assert list(read_file(path)) == streamed


GIGABYTES = 2_000_000_000
MEGABYTES = 300
"""What reading may take at most, the interpreter and its modules with it."""
READING = """
import resource, sys
from pathlib import Path
from slm_ext.traces import read_file
from slm_ext.traces.readers import Problem
runs = turns = 0
names = set()
for found in read_file(Path(sys.argv[1])):
    assert not isinstance(found, Problem), found
    runs, turns = runs + 1, turns + len(found.turns)
    names.add(found.run_id)
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(runs, turns, len(names), peak // (1024 if sys.platform == "linux" else 1024 * 1024))
"""


def assert_read_in_little_memory(path, runs, turns):
    """In a process of its own; the file is removed."""
    assert path.stat().st_size >= GIGABYTES
    child = subprocess.run([sys.executable, "-c", READING, path], capture_output=True, text=True)
    path.unlink()
    assert child.returncode == 0, child.stderr
    *found, peak = map(int, child.stdout.split())
    assert found == [runs, turns, runs]
    assert peak < MEGABYTES


@pytest.mark.slow
def test_a_trajectory_of_two_gigabytes(tmp_path):
    """1000 steps of 4 kB each: every step repeats the conversation before it."""
    path = tmp_path / "task.traj"
    steps = 1000
    with path.open("w") as file:
        file.write('{"trajectory": [')
        query = json.dumps({"role": "user", "content": "Fix it.", "agent": "main"})
        for number in range(steps):
            action, seen = f"cat {number}.py", f"{number}: " + 'x = "1"\n' * 400
            said = {"role": "assistant", "content": "I look.", "action": action, "agent": "main"}
            result = {"role": "user", "content": seen, "agent": "main"}
            step = {"action": action, "observation": seen, "response": "I look.", "thought": "I look.", "state": {}}
            file.write(f'{"," * bool(number)} {json.dumps(step)[:-1]}, "query": [{query}]}}')
            query = ", ".join([query, json.dumps(said), json.dumps(result)])
        file.write(f'], "history": [{query}], "info": {{"exit_status": "submitted", "submission": "diff"}}}}')
    assert_read_in_little_memory(path, 1, steps)


@pytest.mark.slow
def test_two_gigabytes_of_runs_in_lines(tmp_path):
    path = tmp_path / "runs.jsonl"
    seen = {"class_": "text_observation", "content": "x = 1\n" * 1000, "source": "environment"}
    done = {"class_": "code_action", "language": "bash", "content": "cat a.py", "description": None}
    rest = f'"content": {json.dumps([seen, done] * 40)}, "details": {{}}}}\n'
    runs = GIGABYTES // len(rest) + 1
    with path.open("w") as file:
        for number in range(runs):
            file.write(f'{{"id": "{number}", {rest}')
    assert_read_in_little_memory(path, runs, runs * 40)


@pytest.mark.slow
def test_two_gigabytes_of_call_records(tmp_path):
    """Every run has messages of its own."""
    source = RUNS / "mini-bookings"
    shutil.copytree(source / "blobs", tmp_path / "blobs")
    path = tmp_path / "calls.jsonl"
    text = (source / "calls.jsonl").read_text()
    [run_id] = {json.loads(line)["run_id"] for line in text.splitlines()}
    runs = GIGABYTES // len(text.encode()) + 1
    with path.open("w") as file:
        for number in range(runs):
            own = f"{number:08d}"
            file.write(text.replace(run_id, own + run_id[8:]).replace('"sha256": "', f'"sha256": "{own}'))
    [trace] = read_file(source / "calls.jsonl")
    assert_read_in_little_memory(path, runs, runs * len(trace.turns))
