"""Tool calls and JSON as a contract: what the request asks for is what comes, or the answer says why not."""

from __future__ import annotations

import json
import re
from concurrent.futures import ThreadPoolExecutor

import jsonschema
import pytest

pytestmark = pytest.mark.mlx
pytest.importorskip("mlx_lm")

from .server import chat_body, tool

FILES = ["stats.py", "shop.py"]
TOOLS = [
    tool("read_file", path={"enum": FILES}),
    tool("edit", path={"type": "string", "maxLength": 20}, line={"type": "integer", "minimum": 1, "maximum": 99},
         flags={"type": "array", "items": {"enum": ["a", "b"]}, "maxItems": 2}),
    tool("finish"),
]  # fmt: skip
HOT = {"temperature": 1.0, "max_tokens": 250}
BIAS = {"1522": -8}
"""Keeps the model from ending its turn as soon as it may."""


def arguments(call: dict) -> dict:
    return json.loads(call["function"]["arguments"])


def check(calls: list[dict]) -> None:
    schemas = {tool["function"]["name"]: tool["function"]["parameters"] for tool in TOOLS}
    for call in calls:
        assert call["type"] == "function" and re.fullmatch(r"call_[0-9a-f]+", call["id"])
        jsonschema.validate(arguments(call), schemas[call["function"]["name"]])


@pytest.mark.parametrize("wire", [None, "hermes", "fenced"])
def test_required(engine, wire):
    fields = {"tools": TOOLS, "tool_choice": "required", "slm": {"wire_format": wire}, **HOT}
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda seed: engine.chat("do it", seed=seed, **fields), range(6)))
    for answer in answers:
        if answer.choice["finish_reason"] == "length":
            continue
        assert answer.choice["finish_reason"] == "tool_calls"
        assert answer.message["content"] is None and answer.message["tool_calls"]
        assert answer.document["slm"]["constrained"] and answer.document["slm"]["grammar_error"] is None
        check(answer.message["tool_calls"])
        assert "slm" not in answer.message
    assert sum(answer.choice["finish_reason"] == "tool_calls" for answer in answers) >= 4


@pytest.mark.parametrize("name", ["read_file", "finish"])
def test_a_named_tool_is_the_one_that_is_called(engine, name):
    choice = {"type": "function", "function": {"name": name}}
    for seed in range(3):
        answer = engine.chat("do it", tools=TOOLS, tool_choice=choice, seed=seed, logit_bias=BIAS,
                             parallel_tool_calls=False, **HOT)  # fmt: skip
        (call,) = answer.message["tool_calls"]
        assert call["function"]["name"] == name
        check([call])


def test_one_call_at_a_time(engine):
    counts = set()
    for seed in range(2):
        fields = {"tools": TOOLS, "tool_choice": "required", "seed": seed, "logit_bias": {"1522": -100}, **HOT}
        fields["max_tokens"] = 150
        assert len(engine.chat("do it", parallel_tool_calls=False, **fields).message["tool_calls"]) == 1
        counts.add(len(engine.chat("do it", **fields).message.get("tool_calls", [])))
    assert max(counts) > 1  # without the limit this model makes several


def test_none_calls_nothing(engine):
    """Where flywheel-tiny is offered tools it calls one: but for `none`, always."""
    free = engine.chat("Fix the bug in stats.py", tools=TOOLS, max_tokens=40)
    assert "<tool_call>" in (free.message["content"] or "") or free.message.get("tool_calls")
    for seed in range(3):
        answer = engine.chat("Fix the bug in stats.py", tools=TOOLS, tool_choice="none", seed=seed, **HOT)
        assert "tool_calls" not in answer.message and "<tool_call>" not in answer.message["content"]
        assert answer.choice["finish_reason"] in ("stop", "length")


def test_auto_is_free_until_a_call_opens(engine):
    answer = engine.chat("Fix the bug in stats.py", tools=TOOLS, max_tokens=120)
    assert answer.choice["finish_reason"] == "tool_calls"  # what the model wants by itself
    check(answer.message["tool_calls"])
    talk = engine.chat("Fix stats.py", tools=TOOLS, max_tokens=30, temperature=3.0, seed=1)
    assert talk.message["content"] and "tool_calls" not in talk.message and talk.document["slm"]["constrained"]


def test_domains_restrict_the_arguments(engine):
    domains = {"read_file": [{"path": {"enum": ["shop.py"]}}], "edit": [], "finish": []}
    for seed in range(4):
        answer = engine.chat("do it", tools=TOOLS, tool_choice="required", parallel_tool_calls=False, seed=seed,
                             slm={"domains": domains}, **HOT)  # fmt: skip
        (call,) = answer.message["tool_calls"]
        assert (call["function"]["name"], arguments(call)) == ("read_file", {"path": "shop.py"})
    piece = {"edit": [{"path": {"substring": "lib/core.py"}, "line": {"enum": [3, 4]}}], "read_file": [], "finish": []}
    for seed in range(4):
        answer = engine.chat("do it", tools=TOOLS, tool_choice="required", parallel_tool_calls=False, seed=seed,
                             slm={"domains": piece}, **HOT)  # fmt: skip
        if answer.choice["finish_reason"] == "tool_calls":
            given = arguments(answer.message["tool_calls"][0])
            assert given["path"] in "lib/core.py" and given["line"] in (3, 4)


def test_a_domain_of_an_unknown_tool(engine):
    answer = engine.chat("do it", tools=TOOLS, slm={"domains": {"delete": [{"path": {"enum": ["x"]}}]}})
    assert (answer.status, answer.error["code"]) == (400, "invalid_grammar")


def test_a_free_model_writes_what_it_likes_and_is_read_all_the_same(engine):
    answer = engine.chat("Fix the bug in stats.py", tools=TOOLS, slm={"constrain": False}, max_tokens=120)
    assert answer.document["slm"]["constrained"] is False
    error = answer.message["slm"]["tool_call_error"]  # flywheel-tiny calls its own tools, which are none of these
    assert error["rule"] == "unknown_tool" and error["message"]


def test_a_call_that_cannot_be_read_is_text_with_a_reason(engine):
    prompt, limit = "Fix the bug in stats.py", {"max_tokens": 120}
    text = engine.chat(prompt, **limit).message["content"]
    stop = "</function>"
    assert stop in text
    fields = {"tools": TOOLS, "slm": {"constrain": False}, "stop": stop, **limit}
    answer = engine.chat(prompt, **fields)
    assert answer.choice["finish_reason"] == "stop" and "tool_calls" not in answer.message
    assert answer.message["content"] == text[: text.index(stop)]
    assert answer.message["slm"]["tool_call_error"]["rule"] == "unterminated"
    stream = engine.stream_chat(prompt, **fields)
    assert (stream.content, stream.finish, stream.calls) == (answer.message["content"], "stop", [])
    assert stream.deltas[-2]["slm"] == answer.message["slm"]


def test_a_call_that_is_cut_off_is_no_call(engine):
    for limit in (2, 5, 9):
        answer = engine.chat("do it", tools=TOOLS, tool_choice="required", max_tokens=limit)
        assert answer.choice["finish_reason"] == "length" and "tool_calls" not in answer.message
        assert answer.message["content"].startswith("<tool_call>"[:limit])


@pytest.mark.parametrize("wire", ["qwen3_coder", "hermes", "fenced"])
@pytest.mark.parametrize("choice", ["auto", "required"])
def test_a_streamed_call_is_the_call(engine, wire, choice):
    for seed in range(2):
        fields = {"tools": TOOLS, "tool_choice": choice, "seed": seed, "slm": {"wire_format": wire}, **HOT}
        once, stream = engine.chat("Fix stats.py", **fields), engine.stream_chat("Fix stats.py", **fields)
        assert stream.done and stream.finish == once.choice["finish_reason"]
        assert stream.content == (once.message["content"] or "")
        wanted = once.message.get("tool_calls", [])
        assert [call["function"] for call in stream.calls] == [call["function"] for call in wanted]
        assert [call["index"] for call in stream.calls] == list(range(len(wanted)))


def test_json_of_a_schema(engine):
    schema = {
        "type": "object",
        "properties": {"name": {"type": "string", "maxLength": 9}, "sizes": {"type": "array", "maxItems": 3,
                       "items": {"type": "integer", "minimum": 0, "maximum": 50}}, "on": {"type": "boolean"}},
        "required": ["name", "sizes", "on"], "additionalProperties": False,
    }  # fmt: skip
    wanted = {"type": "json_schema", "json_schema": {"name": "thing", "strict": True, "schema": schema}}
    with ThreadPoolExecutor(3) as pool:
        fields = {"response_format": wanted, **HOT}
        answers = list(pool.map(lambda seed: engine.chat("a thing", seed=seed, **fields), range(4)))
    ended = [answer for answer in answers if answer.choice["finish_reason"] == "stop"]
    assert len(ended) >= 3
    for answer in ended:
        jsonschema.validate(json.loads(answer.message["content"]), schema)
    stream = engine.stream_chat("a thing", seed=0, **fields)
    assert stream.content == answers[0].message["content"]
    with_tools = engine.chat("a thing", seed=0, tools=TOOLS, tool_choice="none", **fields)
    assert with_tools.message["content"].startswith("{") and "tool_calls" not in with_tools.message


def test_any_json_object(engine):
    answer = engine.chat("a thing", response_format={"type": "json_object"}, max_tokens=300, seed=1, temperature=1)
    if answer.choice["finish_reason"] == "stop":
        assert isinstance(json.loads(answer.message["content"]), dict)
    else:
        assert answer.message["content"].startswith("{")
    assert engine.chat("a", response_format={"type": "text"}, max_tokens=1).document["slm"]["constrained"] is False


def test_a_grammar_that_ends_ends_the_answer(engine):
    wanted = {"type": "json_schema", "json_schema": {"name": "x", "schema": {"enum": ["red"]}}}
    answer = engine.chat("a", response_format=wanted, max_tokens=50, logit_bias={"1522": -100})
    assert (answer.message["content"], answer.choice["finish_reason"]) == ('"red"', "stop")
    assert answer.document["slm"]["grammar_error"] is None


@pytest.mark.parametrize("schema", [
    {"type": "string", "pattern": "(?=x)y("}, {"type": "nonsense"}, {"$ref": "#/nowhere"}, {"not": {}},
    {"type": "object", "properties": {"a": {"type": "string", "pattern": "["}}, "required": ["a"]},
])  # fmt: skip
def test_a_grammar_that_cannot_be_made_is_refused(engine, schema):
    wanted = {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}
    answer = engine.chat("a", response_format=wanted, max_tokens=5)
    assert (answer.status, answer.error["code"], answer.error["type"]) == (
        400,
        "invalid_grammar",
        "invalid_request_error",
    )
    fields = {"tool_choice": "required", "slm": {"wire_format": "hermes"}, "max_tokens": 5}
    called = engine.chat("a", tools=[tool("f", x=schema)], **fields)
    assert (called.status, called.error["code"]) == (400, "invalid_grammar")
    free = engine.chat("Fix stats.py", tools=[tool("pytest_run", x=schema)], slm={"constrain": False}, max_tokens=60)
    assert free.status == 200
    assert engine.get("/health").status == 200


def test_log_probabilities_under_a_grammar(engine):
    """What a grammar forbids has no logarithm; JSON has no infinity."""
    wanted = {"type": "json_schema", "json_schema": {"name": "x", "schema": {"enum": ["red", "green"]}}}
    fields = {"response_format": wanted, "max_tokens": 20, "logprobs": True, "top_logprobs": 20}
    answer = engine.chat("a", **fields)
    entries = answer.choice["logprobs"]["content"]
    assert all(-10_000 < top["logprob"] <= 0 for entry in entries for top in entry["top_logprobs"])
    assert all(len(entry["top_logprobs"]) <= 20 for entry in entries)
    assert engine.stream_chat("a", **fields).content == answer.message["content"]


def test_thoughts_before_a_call(engine):
    fields = {"tools": TOOLS, "tool_choice": "required", "max_tokens": 200, "logit_bias": {"27": 0}, "seed": 2}
    for chars in (0, 30):
        answer = engine.chat("do it", temperature=1.5, slm={"thought_chars": chars}, **fields)
        assert len(answer.message["content"] or "") <= chars or answer.choice["finish_reason"] == "length"


def test_the_prompt_can_be_told_apart(engine):
    shown = engine.chat("do it", tools=TOOLS, tool_choice="none", max_tokens=1).document["slm"]
    hidden = engine.chat("do it", tools=TOOLS, tool_choice="none", max_tokens=1, slm={"show_tools": False}).document[
        "slm"
    ]
    other = engine.chat("do that", max_tokens=1).document["slm"]
    assert re.fullmatch("[0-9a-f]{64}", shown["prompt_sha"])
    assert shown["prompt_sha"] == hidden["prompt_sha"] != other["prompt_sha"]  # this template shows no tools


def test_the_official_client(engine):
    """The OpenAI client as users call it, with what it sends by itself."""
    import openai

    client = openai.OpenAI(base_url=f"http://127.0.0.1:{engine.port}/v1", api_key=engine.token, max_retries=0)
    body = chat_body("do it", tools=TOOLS, tool_choice="required", max_tokens=120, temperature=0)
    whole = client.chat.completions.create(**body)
    call = whole.choices[0].message.tool_calls[0]
    pieces = list(client.chat.completions.create(**body, stream=True, stream_options={"include_usage": True}))
    streamed = [d for piece in pieces for choice in piece.choices for d in choice.delta.tool_calls or []]
    assert streamed[0].function.arguments == call.function.arguments
    assert pieces[-1].usage.prompt_tokens_details.cached_tokens == whole.usage.prompt_tokens - 1
    assert [model.id for model in client.models.list()] == [body["model"]]
    with pytest.raises(openai.BadRequestError) as refused:
        client.chat.completions.create(**body | {"max_tokens": 10**6})
    assert refused.value.code == "context_length_exceeded" and refused.value.body["context_tokens"] == 2048
    with pytest.raises(openai.AuthenticationError):
        client.with_options(api_key="wrong").models.list()
    with pytest.raises(openai.NotFoundError):
        client.chat.completions.create(**body | {"model": "gpt-4"})
