"""A recorder that is killed, and a disk that is full: what was written is there, once, and recording goes on."""

import hashlib
import json
import random
import signal
import subprocess
import sys

import pytest

from slm_ext.traces import Recorder, Validation, read_calls

LARGE = "0123456789abcdef-é" * 10_000
HEAD = (
    f"""
import sys
LARGE = {LARGE[:18]!r} * 10_000
"""
    + """
from slm_ext.traces import Recorder, Validation

def message(name):
    return {"role": "user", "content": f"{name}: " + LARGE}

def write(recorder, name, messages):
    recorder.call(
        call_id=name, step=1, messages=messages, tools=[{"name": name}], validation=Validation(),
        usage={"in": 1, "latency_s": 0.1}, route={"provider": "p"}, identity={"kind": "declared"},
    )
"""
)
RECORD = """
path, turn = sys.argv[1:]
recorder = Recorder(path, "run", "task")
system, shared = {"role": "system", "content": f"{turn} " + "s" * 300_000}, message("shared")
history, number = [system, shared], 0
while True:
    number += 1
    history = [*history[:6], message(f"{turn}-{number}")]
    write(recorder, f"{turn}-{number}", history)
    print(number, flush=True)
"""
FULL = """
import resource
path = sys.argv[1]
recorder, failed = Recorder(path, "run", "task"), []
write(recorder, "before", [message("a")])
unlimited = resource.getrlimit(resource.RLIMIT_FSIZE)
system = {"role": "system", "content": "s" * 200_000}
for name, limit, content in (("line", 250_000, message("b")), ("blob", 100_000, system)):
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, unlimited[1]))
    try:
        write(recorder, name, [content])
    except OSError as error:
        failed.append(f"{type(error).__name__} {error.filename} {error.strerror}")
    resource.setrlimit(resource.RLIMIT_FSIZE, unlimited)
    print(failed[-1])
write(recorder, "after", [message("a"), message("b"), system])
"""


def whole_blobs(folder):
    """Every blob's name is the hash of what it holds; returns what else lies there."""
    files = list((folder / "blobs").iterdir())
    for file in files:
        if not file.name.startswith("."):
            assert hashlib.sha256(file.read_bytes()).hexdigest() == file.name
    return [file.name for file in files if file.name.startswith(".")]


def killed(path, turn, when):
    """Record until `when()`, and kill at once; returns how many calls were said to be written."""
    command = [sys.executable, "-c", HEAD + RECORD, str(path), str(turn)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        while child.poll() is None and not when():
            pass
        child.kill()
        said = child.stdout.read().split()
    assert child.returncode == -signal.SIGKILL
    return int(said[-1]) if said else 0


def grown(path, more):
    """Whether the file has `more` bytes than now."""
    target = more + (path.stat().st_size if path.exists() else 0)
    return lambda: path.exists() and path.stat().st_size >= target


def joined(folder):
    """Whether there is a file in the folder that is not there now."""
    known = set(folder.iterdir())
    return lambda: set(folder.iterdir()) - known


def test_a_recorder_that_is_killed_again_and_again_loses_nothing_and_doubles_nothing(tmp_path):
    path, chance, said = tmp_path / "calls.jsonl", random.Random(7), []
    for turn in range(4):
        said.append(killed(path, turn, grown(path, chance.randrange(500_000, 2_000_000))))
    said.append(killed(path, len(said), joined(tmp_path / "blobs")))
    Recorder(path, "run", "task").outcome(submitted=False, exit_status="interrupted")
    *calls, outcome = read_calls(path)
    assert outcome["kind"] == "outcome" and {call["kind"] for call in calls} == {"call"}
    ids = [call["call_id"] for call in calls]
    assert len(ids) == len(set(ids))
    for turn, written in enumerate(said):
        numbers = [int(one.split("-")[1]) for one in ids if one.startswith(f"{turn}-")]
        assert numbers == list(range(1, len(numbers) + 1)) and len(numbers) - written in (0, 1)
        assert numbers or turn == len(said) - 1
    for call in calls:
        contents = [message["content"] for message in call["request"]["messages"]]
        system, shared, *rest = (content.split(" ")[0].removesuffix(":") for content in contents)
        assert (system, shared, rest[-1]) == (call["call_id"].split("-")[0], "shared", call["call_id"])
        assert all(content.endswith(" " + LARGE) for content in contents[1:])
        assert call["request"]["tools"] == [{"name": call["call_id"]}]
    raw = [call for call in read_calls(path, resolve=False) if call["kind"] == "call"]
    written = [entry["sha256"] for call in raw for entry in call["request"]["messages"] if entry["message"]]
    assert len(written) == len(set(written))
    whole_blobs(tmp_path)


def test_a_full_disk_leaves_whole_lines_and_is_told(tmp_path):
    pytest.importorskip("resource")
    path = tmp_path / "calls.jsonl"
    command = [sys.executable, "-c", HEAD + FULL, str(path)]
    line, blob = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    assert line == f"OSError {path} File too large"
    assert blob.startswith(f"OSError {tmp_path / 'blobs'}") and blob.endswith("File too large")
    assert [json.loads(text)["call_id"] for text in path.read_text().splitlines()] == ["before", "after"]
    before, after = read_calls(path)
    assert [m["content"][:2] for m in after["request"]["messages"]] == ["a:", "b:", "ss"]
    assert before["request"]["messages"] == after["request"]["messages"][:1]
    assert whole_blobs(tmp_path) == []


def test_a_line_torn_while_recording_does_not_take_the_next_one_with_it(tmp_path):
    """Another process, or a disk that could not be cut back, left half a line behind this recorder's back."""
    recorder = Recorder(tmp_path / "calls.jsonl", "run", "task")
    for name in ("a", "b"):
        recorder.call(
            call_id=name, step=1, messages=[{"role": "user", "content": "x"}], validation=Validation(),
            usage={"latency_s": 0.1}, route={}, identity={},
        )  # fmt: skip
        with recorder.path.open("ab") as file:
            file.write(b'{"kind": "call", "run')
    recorder.outcome(submitted=True, exit_status="Submitted")
    assert [record["kind"] for record in read_calls(recorder.path)] == ["call", "call", "outcome"]
