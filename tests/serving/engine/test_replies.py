"""A streamed answer, put together, is the answer read at once: whatever the text and wherever it was cut."""

from __future__ import annotations

import json
import re
import string
from collections.abc import Iterable

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

pytestmark = pytest.mark.mlx
pytest.importorskip("mlx_lm")

from slm_ext.serving.engine.replies import Form, Message, Splitter, read_reply
from slm_ext.toolcalls import FORMATS, ToolCall

from .server import tool

TAGS = ("<think>", "</think>")
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
    "<|channel>thought", "<|end|>",
]  # fmt: skip
UNREADABLE = ("malformed", "unterminated", "bad_json", "json_in_xml", "repeated_argument")
PIECES = st.one_of(VALUES, st.sampled_from(MARKS), st.sampled_from(list(FORMATS)).flatmap(
    lambda name: CALLS.map(FORMATS[name].render)))  # fmt: skip
TEXTS = st.lists(PIECES, max_size=6).map("".join)
FORMS = st.builds(
    lambda wire, think, inside: Form(FORMATS.get(wire), TOOLS, bool(think) and inside, think),
    st.sampled_from([None, *FORMATS]),
    st.sampled_from([None, TAGS, ("<|channel>thought", "<|end|>")]),
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


def streamed(text: str, form: Form, message: Message, cuts: Iterable[int]) -> dict:
    """The message that comes of a stream which is looked at when so many characters are there."""
    splitter, deltas = Splitter(form), []
    for at in [*sorted(cut for cut in cuts if cut < len(text)), len(text)]:
        deltas += splitter.feed(text[:at])
    return put_together(deltas + splitter.finish(message))


def bare(calls: list[dict]) -> list[dict]:
    return [call["function"] for call in calls]


@settings(max_examples=600, deadline=None)
@given(TEXTS, FORMS, st.sampled_from(["stop", "length"]), st.lists(st.integers(0, 200), max_size=12))
@example("````tool say\n--- text\nx\n````", Form(FORMATS["fenced"], TOOLS), "stop", [1, 2, 5])
@example("a\n```tool\tstop\n```", Form(FORMATS["fenced"], TOOLS), "stop", list(range(30)))
@example("a\n<function=stop>\n</function>", Form(FORMATS["qwen3_coder"], TOOLS), "stop", list(range(30)))
@example(
    "<think>a\n<function=stop></function> b", Form(FORMATS["qwen3_coder"], TOOLS, think=TAGS), "stop", list(range(50))
)
@example('a <tool_call>{"name": "stop"}b', Form(FORMATS["hermes"], TOOLS, True, TAGS), "stop", list(range(50)))
@example(" \n```tool stop\n```\nb\n```tool", Form(FORMATS["fenced"], TOOLS, True, TAGS), "stop", list(range(50)))
@example(" \n<function=stop></function>\nb", Form(FORMATS["qwen3_coder"], TOOLS), "stop", list(range(50)))
def test_deltas_add_up_to_the_message(text, form, finish, cuts):
    message = read_reply(text, form, finish)
    whole, wanted = streamed(text, form, message, cuts), message.to_openai()
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
    if not message.calls:  # nothing is lost but the tags around the thinking
        begin, end = (re.escape(tag) for tag in form.think or ("", ""))
        thinking = rf"\s*(?:{begin})?{re.escape(message.reasoning)}(?:{end}\n*)?"
        assert re.fullmatch(thinking + re.escape(message.content), text)
    at = iter(text)
    assert all(character in at for character in message.reasoning + message.content)  # all of it was said, in order
    if message.error and message.error["rule"] in UNREADABLE:
        assert message.error["got"].removesuffix("…").rstrip() in message.content


SAID = st.text(alphabet="abc .,\n42é", max_size=12)


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(list(FORMATS)), SAID, st.lists(st.tuples(CALLS, SAID), min_size=1, max_size=3), st.booleans())
def test_all_text_around_calls_is_content(name, first, rest, broken):
    """Before, between and behind them, as it stood; blanks alone, and line ends at its end, are none."""
    wire, pieces, text = FORMATS[name], [first + "\n"], first + "\n"
    for call, said in rest:
        text += f"{wire.render(call)}\n{said}\n"
        pieces.append(f"\n{said}\n")
    if broken:
        text += wire.opener + "{]"
        pieces[-1] += wire.opener + "{]"
    form = Form(wire, TOOLS)
    message = read_reply(text, form, "stop")
    assert message.content == "".join(piece for piece in pieces if piece.strip()).rstrip("\n")
    assert [call["function"]["name"] for call in message.calls] == [call.name for call, _ in rest]
    assert streamed(text, form, message, range(len(text)))["content"] == message.content


@pytest.mark.parametrize("name", FORMATS)
def test_text_behind_a_call_and_a_second_call_that_cannot_be_read_are_content(name):
    wire = FORMATS[name]
    call, form = wire.render(ToolCall(id="", name="stop", arguments={})), Form(wire, TOOLS)
    long = wire.render(ToolCall(id="", name="say", arguments={"text": "x" * 300}))[:280]
    for text, content, rule in (
        (f"A\n{call}\nDone, 42", "A\n\nDone, 42", None),
        (f"{call}\nB\n{call}", "\nB", None),
        (f"A\n{call}\n{long}", f"A\n\n{long}", "unterminated"),
    ):
        message = read_reply(text, form, "stop")
        assert (message.content, message.error and message.error["rule"]) == (content, rule)
        assert len(message.calls) == text.count(call) and message.finish == "tool_calls"
        assert streamed(text, form, message, range(len(text)))["content"] == content


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("inside", [False, True])
def test_a_call_in_thinking_that_is_never_closed_is_a_call(name, inside):
    wire = FORMATS[name]
    call, form = wire.render(ToolCall(id="", name="stop", arguments={})), Form(wire, TOOLS, inside, TAGS)
    begin = "" if inside else "<think>"
    for before in ("", "hm\n"):
        text = f"{begin}{before}{call}\nthen"
        message = read_reply(text, form, "stop")
        assert (message.reasoning, message.content, message.finish) == (before, "\nthen", "tool_calls")
        assert [call["name"] for call in bare(message.calls)] == ["stop"] and message.error is None
        whole = streamed(text, form, message, range(len(text)))
        assert (whole["reasoning_content"], whole["content"], len(whole["tool_calls"])) == (before, "\nthen", 1)


@pytest.mark.parametrize("name", FORMATS)
def test_a_call_in_thinking_that_cannot_be_read_is_text_with_a_reason(name):
    wire = FORMATS[name]
    form = Form(wire, TOOLS, think=TAGS)
    cut = wire.render(ToolCall(id="", name="say", arguments={"text": "hello"}))[:-15]
    message = read_reply(f"<think>hm\n{cut}", form, "length")
    assert (message.reasoning, message.content, message.finish) == ("hm\n", cut, "length")
    assert message.error["rule"] == "unterminated"
    closed = read_reply(f"<think>hm\n{cut}</think>no", form, "stop")
    assert (closed.reasoning, closed.content, closed.error) == (f"hm\n{cut}", "no", None)


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
