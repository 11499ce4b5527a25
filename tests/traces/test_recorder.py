"""calls.jsonl: written line by line, read back whole."""

import json
import os
import signal
import subprocess
import sys
import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slm_ext.errors import UsageError
from slm_ext.traces import Recorder, Validation, read_calls

SYSTEM = {"role": "system", "content": "You fix bugs."}
USER = {"role": "user", "content": "The count is off by one."}
ASSISTANT = {
    "role": "assistant",
    "content": "",
    "tool_calls": [{"id": "1", "type": "function", "function": {"name": "submit", "arguments": "{}"}}],
}
TOOL = {"role": "tool", "tool_call_id": "1", "content": "done\n  indented"}
TOOLS = [{"type": "function", "function": {"name": "submit", "parameters": {"type": "object", "properties": {}}}}]


def write_call(recorder, messages, call_id="a", step=1, tools=TOOLS, **fields):
    return recorder.call(
        call_id=call_id,
        step=step,
        messages=messages,
        tools=tools,
        sampling={"temperature": 0},
        validation=Validation(parsed=True, schema_ok=True),
        usage={"in": 10, "out": 2, "cached": 4, "latency_s": 0.5},
        route={"provider": "p"},
        identity={"kind": "keeper"},
        **fields,
    )


@pytest.fixture
def recorder(tmp_path):
    return Recorder(tmp_path / "out" / "calls.jsonl", "run-1", "task-1", secrets=["k3y-of-mine"])


def test_records_read_back_with_their_messages(recorder):
    write_call(recorder, [SYSTEM, USER])
    recorder.observation("a", "1 passed", {"tool": "pytest_run"})
    write_call(recorder, [SYSTEM, USER, ASSISTANT, TOOL], call_id="b", step=2, retry_of="a", retry_index=1)
    recorder.outcome(submitted=True, exit_status="Submitted", resolved=True)
    first, seen, second, outcome = read_calls(recorder.path)
    assert [r["kind"] for r in (first, seen, second, outcome)] == ["call", "observation", "call", "outcome"]
    assert first["request"]["messages"] == [SYSTEM, USER]
    assert second["request"]["messages"] == [SYSTEM, USER, ASSISTANT, TOOL]
    assert second["request"]["tools"] == TOOLS
    assert (seen["call_id"], seen["step"], seen["content"]) == ("a", 1, "1 passed")
    assert (outcome["call_id"], outcome["step"], outcome["resolved"]) == ("b", 2, True)
    assert second["usage"] == {"in": 10, "out": 2, "cached": 4, "latency_s": 0.5}
    assert second["request"]["prompt_tokens"] == 10
    assert {r["run_id"] for r in (first, seen, second, outcome)} == {"run-1"}


def test_a_message_is_written_once(recorder):
    write_call(recorder, [SYSTEM, USER])
    write_call(recorder, [SYSTEM, USER, USER], call_id="b")
    text = recorder.path.read_text()
    assert text.count(USER["content"]) == 1
    assert SYSTEM["content"] not in text
    blobs = sorted(p.read_text() for p in (recorder.path.parent / "blobs").iterdir())
    assert len(blobs) == 2 and SYSTEM["content"] in blobs
    raw = read_calls(recorder.path, resolve=False)
    assert [m["message"] for m in raw[1]["request"]["messages"]] == [None, None, None]


def test_secrets_are_in_no_file(recorder):
    system = {"role": "system", "content": "key k3y-of-mine"}
    write_call(
        recorder,
        [system, {"role": "user", "content": "use sk-abcdefghijklmnop1234"}],
        raw_response={"headers": {"Authorization": "anything"}, "text": "k3y-of-mine"},
        error="401 for k3y-of-mine",
    )
    recorder.observation("a", "OPENAI=k3y-of-mine")
    everything = b"".join(p.read_bytes() for p in recorder.path.parent.rglob("*") if p.is_file())
    assert b"k3y-of-mine" not in everything and b"sk-abc" not in everything and b"anything" not in everything
    assert read_calls(recorder.path)[0]["request"]["messages"][0]["content"] == "key [secret]"


def test_a_request_says_whether_scrubbing_changed_it(recorder):
    secret, home = USER | {"content": "use k3y-of-mine"}, TOOL | {"content": "1 passed in /home/kim/repo"}
    changed = [
        ("plain", [SYSTEM, USER], TOOLS, None),
        ("secret", [SYSTEM, secret], TOOLS, None),
        ("secret again", [SYSTEM, secret], TOOLS, None),
        ("its result", [SYSTEM, USER, ASSISTANT, home], TOOLS, None),
        ("plain again", [SYSTEM, USER], TOOLS, None),
        ("tools", [SYSTEM, USER], [{"type": "function", "function": {"name": "/home/kim/x"}}], None),
        ("template", [SYSTEM, USER], TOOLS, {"key": "k3y-of-mine"}),
        ("as it would be", [SYSTEM, USER | {"content": "use [secret]"}], TOOLS, None),
        ("no text", [{"role": "user", "content": [{"text": "k3y-of-mine"}]}], TOOLS, None),
    ]
    for name, messages, tools, template in changed:
        write_call(recorder, messages, call_id=name, tools=tools, chat_template_kwargs=template)
    again = Recorder(recorder.path, "run-1", "task-1", secrets=["k3y-of-mine"])
    write_call(again, [SYSTEM, secret], call_id="secret later")
    told = {record["call_id"]: record["request"]["scrubbed"] for record in read_calls(recorder.path)}
    assert [name for name, scrubbed in told.items() if not scrubbed] == ["plain", "plain again", "as it would be"]
    records = {record["call_id"]: record["request"] for record in read_calls(recorder.path)}
    assert records["its result"]["messages"][-1]["content"] == "1 passed in ~/repo"
    assert records["secret later"]["messages"] == records["as it would be"]["messages"]
    assert b"kim" not in b"".join(p.read_bytes() for p in recorder.path.parent.rglob("*") if p.is_file())


def test_a_prompt_with_a_home_in_it_stays_of_one_piece(recorder):
    """The path that the model was shown is the one that its call names, and the result comes from."""
    path, called = "/home/kim/repo/a.py", json.loads(json.dumps(ASSISTANT))
    called["tool_calls"][0]["function"] = {"name": "read_file", "arguments": json.dumps({"path": path})}
    user, tool = USER | {"content": f"Fix {path}"}, TOOL | {"content": f"{path}: lines 1-2"}
    write_call(recorder, [SYSTEM, user, called, tool])
    [record] = read_calls(recorder.path)
    _, user, called, tool = record["request"]["messages"]
    assert json.loads(called["tool_calls"][0]["function"]["arguments"]) == {"path": "~/repo/a.py"}
    assert (user["content"], tool["content"]) == ("Fix ~/repo/a.py", "~/repo/a.py: lines 1-2")


@pytest.mark.parametrize("cut", [1, 40, 400])
def test_a_torn_last_line_is_left_out_and_the_file_goes_on(recorder, cut):
    write_call(recorder, [SYSTEM, USER])
    write_call(recorder, [SYSTEM, USER, ASSISTANT], call_id="b", step=2)
    data = recorder.path.read_bytes()
    recorder.path.write_bytes(data[: -1 - cut])
    assert [r["call_id"] for r in read_calls(recorder.path)] == ["a"]
    again = Recorder(recorder.path, "run-1", "task-1")
    write_call(again, [SYSTEM, USER, ASSISTANT, TOOL], call_id="c", step=2)
    records = read_calls(recorder.path)
    assert [r["call_id"] for r in records] == ["a", "c"]
    assert records[1]["request"]["messages"] == [SYSTEM, USER, ASSISTANT, TOOL]
    assert again.path.read_text().count(USER["content"]) == 1


def test_a_missing_newline_alone_loses_nothing(recorder):
    write_call(recorder, [SYSTEM, USER])
    recorder.path.write_bytes(recorder.path.read_bytes()[:-1])
    Recorder(recorder.path, "run-1", "task-1").outcome(submitted=False, exit_status="x")
    assert [r["kind"] for r in read_calls(recorder.path)] == ["call", "outcome"]


@given(st.integers(min_value=0, max_value=4_000))
@settings(max_examples=60, deadline=None)
def test_any_cut_keeps_a_prefix_of_the_records(tmp_path_factory, cut):
    path = tmp_path_factory.mktemp("cut") / "calls.jsonl"
    recorder = Recorder(path, "r", "i")
    for i in range(3):
        write_call(recorder, [SYSTEM, {"role": "user", "content": f"é {i}"}], call_id=str(i))
    whole = path.read_bytes()
    path.write_bytes(whole[:cut])
    kept = [r["call_id"] for r in read_calls(path)]
    assert kept == ["0", "1", "2"][: len(kept)]
    assert len(kept) >= whole[:cut].count(b"\n")


def test_lines_written_before_a_kill_are_there(tmp_path):
    path = tmp_path / "calls.jsonl"
    code = (
        "import sys\nfrom slm_ext.traces import Recorder\n"
        f"r = Recorder({str(path)!r}, 'r', 'i')\n"
        "i = 0\nwhile True:\n    i += 1\n    r.observation(str(i), 'x' * 5000)\n    print(i, flush=True)\n"
    )
    child = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    said = 0
    while said < 20:
        said = int(child.stdout.readline())
    os.kill(child.pid, signal.SIGKILL)
    child.wait()
    child.stdout.close()
    ids = [int(r["call_id"]) for r in read_calls(path)]
    assert ids == list(range(1, len(ids) + 1)) and len(ids) >= said


def test_threads_do_not_mix_lines(recorder):
    def work(n):
        for i in range(10):
            recorder.observation(f"{n}-{i}", "y" * 2000)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    [t.start() for t in threads]
    [t.join() for t in threads]
    assert len({r["call_id"] for r in read_calls(recorder.path)}) == 40


def test_missing_file_and_missing_blob_are_named(recorder):
    with pytest.raises(UsageError, match="no such file"):
        read_calls(recorder.path)
    write_call(recorder, [SYSTEM, USER])
    [p.unlink() for p in (recorder.path.parent / "blobs").iterdir()]
    with pytest.raises(UsageError, match="blob"):
        read_calls(recorder.path)


def test_lone_surrogates_survive(recorder):
    odd = {"role": "user", "content": "caf\udce9"}
    write_call(recorder, [{"role": "system", "content": "\udcff"}, odd])
    assert read_calls(recorder.path)[0]["request"]["messages"][1] == odd


def test_lines_are_one_json_object_each(recorder):
    write_call(recorder, [SYSTEM, {"role": "user", "content": "a\nb\u2028c"}])
    lines = recorder.path.read_bytes().split(b"\n")
    assert lines[-1] == b"" and len(lines) == 2
    assert json.loads(lines[0])["schema_version"] == 1
