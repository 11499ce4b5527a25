"""A streamed answer, put together, is the answer read at once: whatever the text and wherever it was cut."""

from __future__ import annotations

import json
import string

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

pytestmark = pytest.mark.mlx
pytest.importorskip("mlx_lm")

from slm_ext.serving.engine.replies import Form, Splitter, read_reply
from slm_ext.toolcalls import FORMATS, ToolCall

from .server import tool

TOOLS = [tool("add", a={"type": "integer"}, b={"type": "integer"}), tool("say", text={"type": "string"}), tool("stop")]
VALUES = st.text(alphabet=string.printable + "é€😀", max_size=25)
CALLS = st.one_of(
    st.builds(lambda a, b: ToolCall(id="", name="add", arguments={"a": a, "b": b}), st.integers(), st.integers()),
    st.builds(lambda text: ToolCall(id="", name="say", arguments={"text": text}), VALUES),
    st.builds(lambda: ToolCall(id="", name="stop", arguments={})),
    st.builds(lambda text: ToolCall(id="", name="nothing", arguments={"x": text}), VALUES),
)
MARKS = [
    "<think>", "</think>", "<tool_call>", "</tool_call>", "<function=add>", "<function=", "</function>", "```tool ",
    "```tool add", "````tool say", "```", "\n", "--- a", "<parameter=a>", "</parameter>", " ", "<", "```tool\tadd", "{",
]  # fmt: skip
PIECES = st.one_of(VALUES, st.sampled_from(MARKS), st.sampled_from(list(FORMATS)).flatmap(
    lambda name: CALLS.map(FORMATS[name].render)))  # fmt: skip
TEXTS = st.lists(PIECES, max_size=6).map("".join)
FORMS = st.builds(
    lambda wire, think, inside: Form(FORMATS.get(wire), TOOLS, bool(think) and inside, think),
    st.sampled_from([None, *FORMATS]),
    st.sampled_from([None, ("<think>", "</think>"), ("<|channel>thought", "<|end|>")]),
    st.booleans(),
)


def put_together(deltas: list[dict]) -> dict:
    whole: dict = {"reasoning_content": "", "content": "", "tool_calls": [], "slm": None}
    for delta in deltas:
        (key,) = delta
        if key == "slm":
            whole["slm"] = delta["slm"]
        else:
            whole[key] += delta[key]
    return whole


def bare(calls: list[dict]) -> list[dict]:
    return [call["function"] for call in calls]


@settings(max_examples=600, deadline=None)
@given(TEXTS, FORMS, st.sampled_from(["stop", "length"]), st.lists(st.integers(0, 200), max_size=12))
@example("````tool say\n--- text\nx\n````", Form(FORMATS["fenced"], TOOLS), "stop", [1, 2, 5])
@example("a\n```tool\tstop\n```", Form(FORMATS["fenced"], TOOLS), "stop", list(range(30)))
@example("a\n<function=stop>\n</function>", Form(FORMATS["qwen3_coder"], TOOLS), "stop", list(range(30)))
def test_deltas_add_up_to_the_message(text, form, finish, cuts):
    message = read_reply(text, form, finish)
    splitter, deltas = Splitter(form), []
    for at in [*sorted(cut for cut in cuts if cut < len(text)), len(text)]:
        deltas += splitter.feed(text[:at])
    deltas += splitter.finish(message)
    whole, wanted = put_together(deltas), message.to_openai()
    assert whole["content"] == (wanted["content"] or "")
    assert whole["reasoning_content"] == wanted.get("reasoning_content", "")
    assert bare(whole["tool_calls"]) == bare(wanted.get("tool_calls", []))
    assert whole["slm"] == wanted.get("slm")
    assert [call["index"] for call in whole["tool_calls"]] == list(range(len(message.calls)))


@settings(max_examples=300, deadline=None)
@given(TEXTS, FORMS, st.sampled_from(["stop", "length"]))
def test_what_a_message_promises(text, form, finish):
    message = read_reply(text, form, finish)
    shown = message.to_openai()
    assert (message.finish == "tool_calls") <= bool(message.calls)
    assert bool(message.calls) <= (message.finish == ("tool_calls" if finish == "stop" else "length"))
    assert all(isinstance(json.loads(call["function"]["arguments"]), dict) for call in message.calls)
    assert len({call["id"] for call in message.calls}) == len(message.calls)
    assert shown["content"] is not None or shown.get("tool_calls")
    if form.wire is None:
        assert not message.calls and not message.error
    if not message.calls and not message.reasoning:
        assert text.endswith(message.content) or form.think  # nothing of an answer without calls is lost


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(list(FORMATS)), CALLS.filter(lambda call: call.name != "nothing"))
def test_a_call_is_read_as_it_was_meant(name, call):
    text = "I look.\n" + FORMATS[name].render(call)
    message = read_reply(text, Form(FORMATS[name], TOOLS), "stop")
    assert message.error is None and message.finish == "tool_calls" and message.content == "I look."
    (read,) = bare(message.calls)
    assert (read["name"], json.loads(read["arguments"])) == (call.name, call.arguments)


@pytest.mark.parametrize("name", FORMATS)
def test_a_call_that_cannot_be_used_is_text_with_a_reason(name):
    wire = FORMATS[name]
    whole = wire.render(ToolCall(id="", name="add", arguments={"a": 1, "b": 2}))
    for text in (whole[: len(whole) * 2 // 3], wire.opener + "{]"):
        message = read_reply(text, Form(wire, TOOLS), "stop")
        assert (message.content, message.finish, message.calls) == (text, "stop", [])
        assert message.error["rule"] and message.error["message"]
    cut = read_reply(whole[: len(whole) * 2 // 3], Form(wire, TOOLS), "length")
    assert (cut.finish, cut.calls) == ("length", [])
    wrong = wire.render(ToolCall(id="", name="add", arguments={"a": 1}))
    assert read_reply(wrong, Form(wire, TOOLS), "stop").error["rule"] == "missing_argument"
