"""The conversation as it is sent."""

import itertools
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slm_ext.toolcalls import FORMATS
from slm_ext.toolcalls.view import in_text, outgoing, restore_rejected, settled
from slm_ext.traces import find_traces

TOOLS = [
    {
        "type": "function",
        "function": {
            "name": name,
            "description": f"Does {name}.",
            "parameters": {
                "type": "object",
                "properties": {key: {"type": "string"} for key in keys},
                "required": keys,
            },
        },
    }
    for name, keys in (("read_file", ["path"]), ("edit_line", ["path", "line", "old", "new"]), ("submit", []))
]


def system(text="s"):
    return {"role": "system", "content": text}


def user(text="u"):
    return {"role": "user", "content": text}


def assistant(text="", *ids, arguments="{}"):
    calls = [{"id": i, "type": "function", "function": {"name": "submit", "arguments": arguments}} for i in ids]
    return {"role": "assistant", "content": text} | ({"tool_calls": calls} if calls else {})


def tool(ident="1", text="t"):
    return {"role": "tool", "tool_call_id": ident, "content": text}


def test_a_proper_conversation_is_sent_as_it_is():
    messages = [system(), user(), assistant("go", "1"), tool("1"), assistant("", "2"), tool("2")]
    assert outgoing(messages) == messages


def test_the_hosts_history_is_not_touched():
    messages = [user("a"), user("b"), assistant("x", "1"), user("no")]
    before = json.dumps(messages)
    outgoing(messages)
    assert json.dumps(messages) == before


SUBMITTED = "<tool_call>\n<function=submit>\n</function>\n</tool_call>"


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        ([user("a"), user("b")], [user("a\n\nb")]),
        ([system("a"), system("b"), user()], [system("a\n\nb"), user()]),
        ([user("a"), system("b")], [user("a\n\nb")]),
        ([user(), assistant("x"), user("no")], [user(), assistant("x"), user("no")]),
        (
            [user(), assistant("", "1"), tool("1", "r"), user("more")],
            [user(), assistant("", "1"), tool("1", "r\n\nmore")],
        ),
        ([user(), assistant("", "1"), user("wrong")], [user(), assistant("", "1"), tool("1", "wrong")]),
        ([user(), assistant("", "1", "2"), tool("2")], [user(), assistant(SUBMITTED, "2"), tool("2")]),
        ([user(), tool("9", "stray")], [user("u\n\nstray")]),
        ([user(), assistant("", "a"), tool("")], [user(), assistant("", "a"), tool("a")]),
        ([user(), assistant("a"), assistant("b"), user()], [user(), assistant("a\n\nb"), user()]),
        (
            [user([{"type": "text", "text": "a"}, {"type": "image_url"}])],
            [user("a(something that is not text was left out here)")],
        ),
        ([user() | {"extra": {"cost": 1}}], [user()]),
        ([user(), {"role": "assistant", "content": None, "tool_calls": None}, user()], [user(), assistant(), user()]),
        ([system(), assistant("x"), user()], [system(), user("Start."), assistant("x"), user()]),
        ([user(), assistant("x")], [user(), assistant("x"), user("Go on.")]),
        ([], [user("Start.")]),
    ],
)
def test_histories_that_templates_refuse(given, sent):
    assert outgoing(given) == sent


@pytest.mark.parametrize("arguments", ["{", "[1]", '"x"', "nonsense"])
def test_arguments_that_a_server_would_choke_on_become_text(arguments):
    sent = outgoing([user(), assistant("hm", "1", arguments=arguments), tool("1", "bad call"), user("again")])
    assert sent == [user(), assistant(f"hm\nsubmit {arguments}"), user("bad call\n\nagain")]


@pytest.mark.parametrize("arguments", ["", None, {}])
def test_empty_arguments_are_an_empty_object(arguments):
    assert outgoing([user(), assistant("", "1", arguments=arguments), tool("1")])[1] == assistant("", "1")


def test_an_unanswered_call_at_the_end_becomes_text():
    sent = outgoing([user(), assistant("x", "1")])
    assert sent[1]["content"].startswith("x\n<tool_call>\n<function=submit>")
    assert sent[2] == user("Go on.")


texts = st.text(max_size=4)
ids = st.sampled_from(["1", "2", ""])
anything = st.one_of(
    st.builds(system, texts),
    st.builds(user, texts),
    st.builds(
        lambda t, i, a: assistant(t, *i, arguments=a),
        texts,
        st.lists(ids, max_size=2),
        st.sampled_from(["{}", "{", '{"a": 1}']),
    ),
    st.builds(tool, ids, texts),
)


def turns(messages):
    """`s`ystem, `u`ser, `a`ssistant, `c`all, `t`ool, as one word."""
    return "".join("c" if m.get("tool_calls") else m["role"][0] for m in messages)


@given(st.lists(anything, max_size=9))
@settings(max_examples=500, deadline=None)
def test_any_history_alternates(messages):
    sent = outgoing(messages)
    word = turns(sent)
    assert word.count("s") <= 1 and word.find("s") <= 0
    body = word.lstrip("s")
    assert body.startswith("u") and body[-1] in "ut"
    for pair in itertools.pairwise(body):
        assert "".join(pair) in {"ua", "uc", "au", "ct", "tt", "ta", "tc"}
    for i, message in enumerate(sent):
        assert isinstance(message["content"], str)
        if calls := message.get("tool_calls"):
            answers = [m for m in sent[i + 1 : i + 1 + len(calls)]]
            assert [a["tool_call_id"] for a in answers] == [c["id"] for c in calls]
            assert all(isinstance(json.loads(c["function"]["arguments"]), dict) for c in calls)


@given(st.lists(anything, max_size=9))
@settings(max_examples=300, deadline=None)
def test_the_view_of_a_view_is_the_same(messages):
    assert outgoing(outgoing(messages)) == outgoing(messages)


@given(st.lists(anything, max_size=9))
@settings(max_examples=300, deadline=None)
def test_what_is_settled_is_sent_as_it_is(messages):
    if settled(messages):
        assert outgoing(messages) == messages


def test_what_was_sent_is_settled():
    runs = Path(__file__).parents[1] / "data" / "runs"
    prompts = [turn.answer.prompt for trace in find_traces([runs]) for turn in trace.turns if turn.answer.prompt]
    assert len(prompts) > 50 and all(settled(list(prompt)) for prompt in prompts)
    broken = [{**prompts[0][0]}, {"role": "assistant", "content": "first"}, *prompts[0][1:]]
    assert not settled(broken) and not settled(list(prompts[0][:1])) and not settled([])


@given(st.lists(anything, max_size=7))
@settings(max_examples=200, deadline=None)
def test_no_word_of_a_history_is_lost(messages):
    sent = json.dumps([m["content"] for m in outgoing(messages)])
    for message in messages:
        if message["role"] != "assistant":
            assert json.dumps(message["content"])[1:-1] in sent


@pytest.mark.parametrize("wire", FORMATS.values(), ids=FORMATS)
@given(messages=st.lists(anything, max_size=9))
@settings(max_examples=100, deadline=None)
def test_a_model_without_native_calls_sees_text_only(wire, messages):
    sent = in_text(outgoing(messages), TOOLS, wire)
    assert set(turns(sent)) <= set("sua")
    assert '"name": "edit_line"' in sent[0]["content"]
    assert all(a["role"] != b["role"] for a, b in itertools.pairwise(sent))


@pytest.mark.parametrize("wire", FORMATS.values(), ids=FORMATS)
def test_calls_are_written_out_for_a_model_without_native_calls(wire):
    call = assistant("I submit.", "1", arguments='{"a": "x\\n  y"}')
    sent = in_text(outgoing([user(), call, tool("1", "done")]), TOOLS, wire)
    parsed = wire.parse(sent[2]["content"], None)
    assert (parsed.text, parsed.calls[0].arguments) == ("I submit.\n", {"a": "x\n  y"})
    assert sent[3] == user("<tool_response>\ndone\n</tool_response>")


def test_a_rejected_call_is_put_back_where_the_host_kept_its_text():
    first, second = assistant("", "1"), assistant("hm", "2")
    history = [user(), assistant(""), user("no"), assistant("hm"), user("no again")]
    assert restore_rejected(history, [first, second]) == [user(), first, user("no"), second, user("no again")]


def test_a_rejection_the_host_forgot_is_not_put_in_the_place_of_a_newer_one():
    old, new = assistant("", "1"), assistant("", "2")
    history = [user(), assistant("", "5"), tool("5"), assistant(""), user("no")]
    assert restore_rejected(history, [old, new])[3] == new
    assert restore_rejected(history, [])[3] == assistant("")
    assert restore_rejected(history[:3], [old]) == history[:3]


def test_half_a_surrogate_becomes_something_that_can_be_sent():
    call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": '{"a": "\udc80"}'}}
    given = [
        {"role": "user", "content": "a\udcffb"},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c", "content": [{"type": "text", "text": "\ud800"}]},
    ]
    sent = json.dumps(outgoing(given), ensure_ascii=False)
    assert sent.encode() and "a?b" in sent
