"""What our own engine is told beside the request, and what other servers are not."""

import contextlib
import json

import pytest

from slm_ext.completion import Completion
from slm_ext.completion.grounding import Grounding
from slm_ext.errors import FormatRejected
from slm_ext.testing.openai_server import FakeOpenAI, tool_call
from slm_ext.toolcalls import ToolCall, wire_format
from slm_ext.traces import Recorder, read_calls

from .parts import MESSAGES, TOOLS, handle, provider

READ = tool_call("read_file", path="a.py")
DECLARED = {
    "edit_line": {"path": "shown_file", "line": "shown_line", "old": "piece_of_line"},
    "read_file": {"path": "tracked_file"},
}
SHOWN = [
    *MESSAGES,
    READ,
    {"role": "tool", "tool_call_id": READ["tool_calls"][0]["id"], "content": "a.py: lines 1-1 of 1\n1|x = 1"},
]
CASE = {"path": {"enum": ["a.py"]}, "line": {"enum": [1]}, "old": {"substring": "x = 1"}}


def engine(**fields):
    server = {"engine": "slm", "model_path": "/nowhere"} | fields.pop("server", {})
    return provider(None, server=server, **fields)


def ask(asked, replies=(READ,), messages=SHOWN, path=None, tools=TOOLS):
    with FakeOpenAI(list(replies)) as server:
        recorder = Recorder(path, "run", "task") if path else None
        completion = Completion.alone(
            asked, handle(server.base_url), tools=tools, recorder=recorder, grounding=Grounding(DECLARED)
        )
        with contextlib.suppress(FormatRejected):
            completion.complete(messages)
        return server.requests


def constraints(request: dict) -> dict:
    return {key: request[key] for key in ("tool_choice", "parallel_tool_calls", "slm") if key in request}


@pytest.mark.parametrize(
    ("constraints_", "sent"),
    [
        ("off", {"slm": {"constrain": False}}),
        ("calls", {"tool_choice": "required", "parallel_tool_calls": False, "slm": {"thought_chars": 1500}}),
        (
            "grounded",
            {
                "tool_choice": "required",
                "parallel_tool_calls": False,
                "slm": {"thought_chars": 1500, "domains": {"edit_line": [CASE]}},
            },
        ),
    ],
)
def test_our_engine_is_told_what_to_decode_within(constraints_, sent):
    [request] = ask(engine(constraints=constraints_))
    assert constraints(request) == sent
    assert request["tools"] == TOOLS


def test_grounded_is_what_a_provider_is_by_default():
    [request] = ask(engine())
    assert request["slm"]["domains"] == {"edit_line": [CASE]}


@pytest.mark.parametrize(
    "other",
    [
        provider("http://127.0.0.1:9/v1"),
        engine(server={"engine": "plain"}),
        engine(server={"command": ["other", "{port}"]}),
    ],
)
def test_other_servers_are_told_nothing(other):
    [request] = ask(other)
    assert constraints(request) == {}


def test_without_tools_nothing_is_constrained():
    [request] = ask(engine(), ["Hello."], MESSAGES, tools=[])
    assert constraints(request) == {} and "tools" not in request


def test_what_the_user_wrote_wins():
    own = {"tool_choice": "auto", "slm": {"thought_chars": 7}}
    [request] = ask(engine(completion_kwargs=own, thought_chars=0))
    assert constraints(request) == {
        "tool_choice": "auto",
        "parallel_tool_calls": False,
        "slm": {"thought_chars": 7, "domains": {"edit_line": [CASE]}},
    }


def test_yaml_reads_off_as_false():
    assert engine(constraints=False).constraints == "off"
    assert engine(constraints=False).constraints_in_effect == "off"
    assert provider("http://127.0.0.1:9/v1").constraints_in_effect is None


def test_the_record_has_the_number_of_cases_not_the_cases(tmp_path):
    ask(engine(), path=tmp_path / "calls.jsonl")
    [record] = read_calls(tmp_path)
    sampling = record["request"]["sampling"]
    assert sampling["slm"] == {"thought_chars": 1500, "domains": {"edit_line": 1}}
    assert sampling["tool_choice"] == "required"
    assert "substring" not in (tmp_path / "calls.jsonl").read_text()


def test_each_draw_is_constrained_alike_and_has_a_seed_of_its_own():
    edit = tool_call("edit_line", path="a.py", line=1, old="x", new="x")
    fields = {"resample": {"draws": 2, "differ": {"edit_line": ["old", "new"]}}, "seed": 5, "temperature": 0}
    requests = ask(engine(**fields), [edit, edit, READ])
    assert [(r["temperature"], r["seed"]) for r in requests] == [(0, 5), (1.0, 6), (1.0, 7)]
    assert all(constraints(r) == constraints(requests[0]) for r in requests)
    assert requests[0]["slm"]["domains"] == {"edit_line": [CASE]}


def unread(rule="unterminated", **more):
    error = {"rule": rule, "message": "the call of submit has no </function>", "got": "<tool_call>"}
    return {
        "message": {"role": "assistant", "content": "<tool_call>", "slm": {"tool_call_error": error}, **more},
        "finish_reason": "stop",
    }


@pytest.mark.parametrize(
    ("reply", "rule"),
    [
        (unread(), "unterminated"),
        (unread(content=None), "unterminated"),
        (unread() | {"finish_reason": "tool_calls"}, "unterminated"),
        (unread() | {"finish_reason": "length"}, "truncated"),
        (unread(slm={"tool_call_error": None}, content="Hm."), "no_call"),
        (unread(slm="?", content="Hm."), "no_call"),
    ],
)
def test_a_call_that_the_engine_could_not_read_is_refused_in_its_words(reply, rule):
    with FakeOpenAI([reply]) as server, pytest.raises(FormatRejected) as refused:
        Completion.alone(engine(), handle(server.base_url), tools=TOOLS).complete(MESSAGES)
    rejection = refused.value.rejection
    assert rejection.rule == rule and rejection.expected and rejection.example
    if rule == "unterminated":
        assert (rejection.message, rejection.got) == ("the call of submit has no </function>", "<tool_call>")


def test_a_call_before_the_unreadable_one_is_taken(tmp_path):
    reply = unread(tool_calls=READ["tool_calls"])
    with FakeOpenAI([reply]) as server:
        recorder = Recorder(tmp_path / "calls.jsonl", "run", "task")
        answer = Completion.alone(engine(), handle(server.base_url), tools=TOOLS, recorder=recorder).complete(MESSAGES)
    assert [c.name for c in answer.calls] == ["read_file"]
    [record] = read_calls(tmp_path)
    assert record["validation"]["also_rejected"] == [{"rule": "unterminated", "got": "<tool_call>"}]
    assert json.dumps(record["raw_response"])


FORMS = {"xml": "qwen3_coder", "json": "hermes", "text": "fenced"}


@pytest.mark.parametrize("mode", FORMS)
def test_tools_in_the_prompt_and_calls_constrained_by_the_server(mode):
    wire = wire_format(FORMS[mode])
    [request] = ask(engine(tool_mode=mode))
    assert request["tools"] == TOOLS and request["tool_choice"] == "required"
    assert request["slm"] == {
        "thought_chars": 1500, "domains": {"edit_line": [CASE]}, "wire_format": wire.name, "show_tools": False,
    }  # fmt: skip
    assert wire.instructions(TOOLS) in request["messages"][0]["content"]
    call = ToolCall(id="", name="read_file", arguments={"path": "a.py"})
    assert request["messages"][2] == {"role": "assistant", "content": wire.render(call)}


@pytest.mark.parametrize("mode", FORMS)
@pytest.mark.parametrize("asked", ["other", "off"])
def test_tools_in_the_prompt_and_calls_read_from_the_text(mode, asked, tmp_path):
    wire = wire_format(FORMS[mode])
    arguments = {"path": "a.py", "line": 3, "old": "  x", "new": "null"}
    reply = "I fix it.\n" + wire.render(ToolCall(id="", name="edit_line", arguments=arguments))
    by = (
        engine(tool_mode=mode, constraints="off")
        if asked == "off"
        else provider("http://127.0.0.1:9/v1", tool_mode=mode)
    )
    with FakeOpenAI([reply, wire.opener, wire.render(ToolCall(id="", name="read_file", arguments={}))]) as server:
        completion = Completion.alone(by, handle(server.base_url), tools=TOOLS)
        answer = completion.complete(MESSAGES)
        assert (answer.calls[0].arguments, answer.thought) == (arguments, "I fix it.")
        rules = []
        for _ in range(2):
            with pytest.raises(FormatRejected) as refused:
                completion.complete(MESSAGES)
            rules.append(refused.value.rejection.rule)
            [shown] = wire.parse(refused.value.rejection.example, TOOLS).calls  # in the model's own form
            assert shown.name == "read_file"
        assert rules[0] in ("no_call", "malformed", "unterminated") and rules[1] == "missing_argument"
    assert all("tools" not in r and constraints(r) == {} for r in server.requests)
