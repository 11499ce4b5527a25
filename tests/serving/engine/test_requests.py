"""Fields of a request: honoured, or refused by name. Nothing is ignored in silence, and nothing harms the server."""

from __future__ import annotations

import json

import pytest

pytestmark = pytest.mark.mlx
pytest.importorskip("mlx_lm")

from slm_ext.testing.random_model import write_random_model

from .server import MODEL, chat_body, tool

TOOLS = [tool("add", a={"type": "integer"}, b={"type": "integer"})]
CALL = {"id": "1", "type": "function", "function": {"name": "add", "arguments": "{}"}}
NULLS = [
    "max_tokens", "max_completion_tokens", "temperature", "top_p", "top_k", "min_p", "repetition_penalty", "logit_bias",
    "presence_penalty", "frequency_penalty", "seed", "stop", "stream", "stream_options", "n", "user", "metadata",
    "store", "service_tier", "tools", "tool_choice", "parallel_tool_calls", "response_format", "logprobs",
    "top_logprobs", "chat_template_kwargs", "slm", "functions", "reasoning_effort",
]  # fmt: skip


def test_explicit_nulls_count_as_left_out(engine):
    plain = engine.chat("hello", max_tokens=4)
    nulls = {name: None for name in NULLS if name != "max_tokens"}
    assert engine.chat("hello", max_tokens=4, **nulls).message == plain.message
    limits = engine.chat("hello", max_tokens=None, max_completion_tokens=4, stop=None)
    assert limits.message == plain.message
    assert engine.complete("x", max_tokens=2, logprobs=None, suffix=None, echo=None, best_of=None).status == 200


def test_nulls_inside_of_settings_count_as_left_out(engine):
    plain = engine.chat("hello", max_tokens=4)
    inside = {"stream_options": {"include_usage": None}, "slm": {"thought_chars": None, "domains": None}}
    assert engine.chat("hello", max_tokens=4, **inside).message == plain.message


def test_what_clients_add_to_messages_without_a_meaning_here(engine):
    """Messages as OpenAI's and litellm's clients hand their answers back."""
    echoed = {
        "role": "assistant", "content": "hello", "refusal": None, "annotations": [], "audio": None, "prefix": False,
        "function_call": None, "tool_calls": None, "provider_specific_fields": {"refusal": None},
    }  # fmt: skip
    part = {"type": "text", "text": "hi", "cache_control": {"type": "ephemeral"}}
    asked = [{"role": "user", "content": [part], "name": "ann"}, echoed, {"role": "user", "content": "go"}]
    answer = engine.chat(asked, max_tokens=4)
    bare = [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "hello"}, asked[2]]
    assert answer.message == engine.chat(bare, max_tokens=4).message


def test_whole_numbers_stand_for_fractions(engine):
    whole = dict.fromkeys(("temperature", "presence_penalty", "frequency_penalty", "min_p"), 0)
    answer = engine.chat("hello", max_tokens=4, top_p=1, repetition_penalty=1, top_k=0, logit_bias={"7": -1}, **whole)
    assert answer.message == engine.chat("hello", max_tokens=4).message


@pytest.mark.parametrize("field", [
    "functions", "function_call", "reasoning_effort", "grammar", "guided_json", "num_ctx", "best_of", "adapters",
    "draft_model", "xtc_probability", "modalities", "max_token",
])  # fmt: skip
def test_an_unknown_field_is_refused_by_name(engine, field):
    answer = engine.chat("hello", max_tokens=1, **{field: {"a": 1}})
    assert (answer.status, answer.error["code"]) == (400, "unsupported_parameter")
    assert (
        answer.error["param"] == field and field in answer.error["message"] and "temperature" in answer.error["message"]
    )
    assert answer.error["type"] == "invalid_request_error"


@pytest.mark.parametrize(("field", "value"), [
    ("max_tokens", 0), ("max_tokens", -1), ("max_tokens", 1.5), ("max_tokens", "9"), ("max_tokens", True),
    ("max_completion_tokens", 0), ("temperature", -0.1), ("temperature", 11), ("temperature", "hot"), ("top_p", 0),
    ("top_p", 1.5), ("top_k", -2), ("top_k", 1.5), ("min_p", 2), ("repetition_penalty", 0), ("presence_penalty", 3),
    ("frequency_penalty", -3), ("logit_bias", {"x": 1}), ("logit_bias", {"1": 101}), ("logit_bias", {"1": "a"}),
    ("logit_bias", {"999999": 1}), ("logit_bias", [1]), ("seed", "a"), ("seed", 1.5), ("stop", ""), ("stop", ["a", ""]),
    ("stop", [1]), ("stop", ["x"] * 17), ("stream", "yes"), ("stream", 1), ("stream_options", {"foo": True}), ("n", 2),
    ("n", 0), ("store", True), ("tools", [{"type": "web_search"}]), ("tools", [{"type": "function"}]), ("tools", "add"),
    ("tools", [*TOOLS, *TOOLS]), ("tools", [{"type": "function", "function": {"name": "f", "parameters": []}}]),
    ("response_format", {"type": "xml"}), ("response_format", {"type": "json_schema"}), ("response_format", "json"),
    ("response_format", {"type": "json_schema", "json_schema": {"name": "x"}}), ("logprobs", 1), ("top_logprobs", 21),
    ("top_logprobs", 3), ("chat_template_kwargs", []), ("slm", {"unknown": 1}), ("slm", {"wire_format": "yaml"}),
    ("slm", {"domains": []}), ("slm", {"thought_chars": -1}), ("slm", 1), ("messages", []), ("messages", "hello"),
    ("messages", [{"role": "user"}, "hello"]), ("messages", [{"role": "robot", "content": "x"}]),
    ("messages", [{"content": "x"}]), ("messages", [{"role": "user", "content": 5}]),
    ("messages", [{"role": "user", "content": "x", "function_call": {"name": "f"}}]), ("model", 5), ("model", ""),
    ("messages", [{"role": "assistant", "content": "x", "prefix": True}]),
    ("messages", [{"role": "assistant", "content": "x", "audio": {"id": "a"}}]),
    ("messages", [{"role": "user", "content": "x", "tool_calls": [CALL]}]),
    ("messages", [{"role": "user", "content": [{"type": "text", "text": "x", "detail": "low"}]}]),
    ("tools", [{**TOOLS[0], "allowed_callers": ["code"]}]),
    ("tools", [{"type": "function", "function": {**TOOLS[0]["function"], "returns": {}, "examples": [1]}}]),
    ("response_format", {"type": "json_object", "regex": "a*"}),
    ("response_format", {"type": "json_schema", "json_schema": {"schema": {}, "grammar": "a"}}),
])  # fmt: skip
def test_a_wrong_value_is_refused_by_name(engine, field, value):
    answer = engine.post("/v1/chat/completions", {**chat_body("hello", max_tokens=1), field: value})
    assert answer.status == (404 if value == "" and field == "model" else 400), answer.raw
    assert answer.error["param"] == field
    assert field in answer.error["message"] or field == "model"


@pytest.mark.parametrize("choice", [
    "required", {"type": "function", "function": {"name": "add"}},
])  # fmt: skip
def test_a_tool_cannot_be_required_where_there_is_none(engine, choice):
    answer = engine.chat("hello", tool_choice=choice)
    assert (answer.status, answer.error["param"]) == (400, "tool_choice")


@pytest.mark.parametrize("choice", [
    "any", "add", {"type": "function"}, {"type": "function", "function": {"name": "nope"}}, {"type": "custom"}, 1,
    {"type": "function", "function": {"name": "add", "arguments": {"a": 1}}},
])  # fmt: skip
def test_a_tool_choice_that_names_nothing(engine, choice):
    answer = engine.chat("hello", tools=TOOLS, tool_choice=choice)
    assert (answer.status, answer.error["param"]) == (400, "tool_choice")


def test_what_cannot_be_enforced_together(engine):
    schema = {"type": "json_object"}
    assert engine.chat("hello", tools=TOOLS, response_format=schema).error["param"] == "response_format"
    free = {"constrain": False}
    assert engine.chat("hello", tools=TOOLS, tool_choice="required", slm=free).error["param"] == "slm"
    assert engine.chat("hello", response_format=schema, slm=free).error["param"] == "slm"
    assert engine.chat("hello", tools=TOOLS, parallel_tool_calls=False, slm=free).error["param"] == "slm"
    assert engine.chat("hello", tools=TOOLS, slm={**free, "domains": {"add": [{"a": {"enum": [1]}}]}}).status == 400


@pytest.mark.parametrize("body", [
    b"", b"{", b"[]", b'"x"', b"null", b"\xff\xfe{}", b'{"model": "\xed\xa0\x80"}', b"[" * 100_000, b'{"a":' * 50_000,
    b'{"max_tokens": 1' + b"0" * 5000 + b"}",
])  # fmt: skip
def test_a_body_that_is_no_request(engine, body):
    for path in ("/v1/chat/completions", "/v1/completions"):
        answer = engine.post(path, body)
        assert (answer.status, answer.error["type"]) == (400, "invalid_request_error")


def test_fields_that_are_missing(engine):
    for path, document, missing in (
        ("/v1/chat/completions", {"messages": [{"role": "user", "content": "x"}]}, "model"),
        ("/v1/chat/completions", {"model": MODEL}, "messages"),
        ("/v1/completions", {"model": MODEL}, "prompt"),
    ):
        answer = engine.post(path, document)
        assert (answer.status, answer.error["code"], answer.error["param"]) == (400, "missing_parameter", missing)


def test_tools_for_a_template_that_knows_none(launch, tmp_path):
    """They are refused, unless the messages describe them in a format that the request names."""
    engine = launch(weights=write_random_model(tmp_path / "model", wire=None)).ready()
    answer = engine.chat("hello", tools=TOOLS, max_tokens=4)
    assert (answer.status, answer.error["code"]) == (400, "unsupported_tools") and "fenced" in answer.error["message"]
    assert engine.info["wire_format"] is None
    described = {"wire_format": "fenced", "show_tools": False}
    required = dict(tools=TOOLS, tool_choice="required", slm=described, max_tokens=400, temperature=1.0)
    ends = {engine.chat("hello", seed=seed, **required).choice["finish_reason"] for seed in range(4)}
    assert "tool_calls" in ends <= {"tool_calls", "length"}
    assert engine.chat("hello", max_tokens=4).status == 200


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999"])
@pytest.mark.parametrize("field", ["temperature", "repetition_penalty", "top_p", "presence_penalty", "min_p"])
def test_numbers_that_are_none(engine, field, number):
    body = json.dumps(chat_body("hello", max_tokens=1))[:-1] + f', "{field}": {number}}}'
    answer = engine.post("/v1/chat/completions", body.encode())
    assert answer.status == 400


@pytest.mark.parametrize("temperature", [1e-320, 1e-40, 1e-6])
def test_hardly_any_temperature_is_none(engine, temperature):
    cold = engine.complete("def mean(values):", max_tokens=12, temperature=temperature, seed=1)
    assert cold.text == engine.complete("def mean(values):", max_tokens=12, temperature=0).text


@pytest.mark.parametrize("text", ["\ud800", "a\udfffb"])
def test_half_a_character_is_refused(engine, text):
    bodies = [chat_body(text), chat_body("x", stop=[text]), chat_body("x", **{text: 1})]
    for body in [*bodies, chat_body("x", tools=[tool(text, a={})])]:
        assert engine.post("/v1/chat/completions", body).status == 400
    assert engine.complete(text).status == 400


def test_unknown_models_are_404_and_load_nothing(engine, hub, tmp_path):
    before = engine.info["identity"]
    calls = hub.calls
    for name in ("mlx-community/Qwen3-4B-4bit", str(tmp_path), "/etc", "../flywheel-tiny", "FLYWHEEL-TINY"):
        for answer in (
            engine.chat("hello", **{"model": name}),
            engine.post("/v1/completions", {"model": name, "prompt": "x"}),
        ):
            assert (answer.status, answer.error["code"], answer.error["param"]) == (404, "model_not_found", "model")
            assert MODEL in answer.error["message"]
        assert engine.get(f"/v1/models/{name}").status == 404
    assert engine.info["identity"] == before and hub.calls == calls and not list(hub.cache.rglob("*"))
    assert engine.chat("hello", max_tokens=1).status == 200
    assert engine.chat("hello", max_tokens=1, **{"model": "default_model"}).status == 200


def test_the_one_model_is_listed(engine):
    listed = engine.get("/v1/models").document
    (model,) = listed["data"]
    assert (listed["object"], model["object"], model["id"]) == ("list", "model", MODEL)
    assert model["max_model_len"] == 2048 and isinstance(model["created"], int)
    assert engine.get(f"/v1/models/{MODEL}").document == model


def test_pictures_are_refused_and_fetched_by_nobody(engine, listener):
    url = f"{listener.url}/cat.png"
    for part in (
        {"type": "image_url", "image_url": {"url": url}},
        {"type": "input_image", "image_url": url},
        {"type": "input_audio", "input_audio": {"data": "", "format": "wav"}},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}},
        {"type": "text"},
        "text",
    ):
        answer = engine.chat([{"role": "user", "content": [{"type": "text", "text": "what is this"}, part]}])
        assert (answer.status, answer.error["code"], answer.error["param"]) == (400, "unsupported_content", "messages")
    assert listener.calls == 0
    assert engine.chat("hello", max_tokens=1).status == 200


def test_text_parts_are_one_text(engine):
    parts = [{"type": "text", "text": "What is "}, {"type": "text", "text": "2+3?"}]
    whole = engine.chat([{"role": "system", "content": "Be short."}, {"role": "user", "content": "What is 2+3?"}],
                        max_tokens=5)  # fmt: skip
    pieces = engine.chat([{"role": "developer", "content": [{"type": "text", "text": "Be short."}]},
                          {"role": "user", "content": parts}], max_tokens=5)  # fmt: skip
    assert pieces.document["slm"]["prompt_sha"] == whole.document["slm"]["prompt_sha"]
    assert pieces.message == whole.message


HISTORY = [
    {"role": "user", "content": "what is 2+3?"},
    {"role": "assistant", "content": None,
     "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "add", "arguments": '{"a": 2, "b": 3}'}}]},
    {"role": "tool", "content": "5", "tool_call_id": "c1"},
]  # fmt: skip


def test_a_call_in_the_history(engine):
    first = engine.chat(HISTORY, max_tokens=4)
    assert first.status == 200
    empty = [HISTORY[0], {**HISTORY[1], "content": ""}, HISTORY[2]]
    assert engine.chat(empty, max_tokens=4).document["slm"]["prompt_sha"] == first.document["slm"]["prompt_sha"]


@pytest.mark.parametrize("arguments", [
    '{"a": 2,', "", "null", "[1]", '"text"', "not json", "{'a': 1}", None, {"a": 2}, [1], "[" * 100_000, '{"a": NaN}',
    '{"a": "\\ud800"}',
])  # fmt: skip
def test_malformed_arguments_do_not_break_later_turns(engine, arguments):
    call = {"id": "c1", "type": "function", "function": {"name": "add", "arguments": arguments}}
    broken = [HISTORY[0], {"role": "assistant", "content": None, "tool_calls": [call]}, HISTORY[2]]
    for _ in range(2):
        answer = engine.chat(broken, max_tokens=2)
        small = answer.status == 200 or answer.error.get("code") == "context_length_exceeded"
        assert small, answer.raw


@pytest.mark.parametrize("call", [{}, "add", {"function": {"arguments": "{}"}}, {"function": "add"}, None])
def test_a_call_without_a_name(engine, call):
    broken = [HISTORY[0], {"role": "assistant", "content": None, "tool_calls": [call]}, HISTORY[2]]
    answer = engine.chat(broken, max_tokens=2)
    assert (answer.status, answer.error["param"]) == (400, "messages")


def test_the_template_is_told_what_it_may_be_told(engine):
    assert engine.chat("hello", max_tokens=1, chat_template_kwargs={"enable_thinking": False}).status == 200
    for taken in ({"tokenize": True}, {"add_generation_prompt": False}, {"messages": []}, {"tools": []}):
        answer = engine.chat("hello", max_tokens=1, chat_template_kwargs=taken)
        assert answer.status == 400, taken


def test_seeds_are_reproducible_and_serialize_nothing(engine):
    ask = dict(max_tokens=24, temperature=1.0)
    texts = [engine.complete("def mean(values):", seed=seed, **ask).text for seed in (7, 7, 8, -7, 2**70)]
    assert texts[0] == texts[1] and len(set(texts)) == 4
    assert engine.complete("def mean(values):", seed=0, **ask).status == 200


def test_token_counts(engine):
    usage = engine.complete("def mean(values):", max_tokens=6).usage
    assert usage["completion_tokens"] == 6 and usage["total_tokens"] == usage["prompt_tokens"] + 6
    assert usage["prompt_tokens_details"]["cached_tokens"] >= 0


def test_log_probabilities(engine):
    choice = engine.chat("hello", max_tokens=5, logprobs=True, top_logprobs=3).choice
    entries = choice["logprobs"]["content"]
    assert len(entries) == 5 and all(len(entry["top_logprobs"]) == 3 for entry in entries)
    assert all(entry["logprob"] == entry["top_logprobs"][0]["logprob"] <= 0 for entry in entries)  # greedy
    assert "".join(entry["token"] for entry in entries) == choice["message"]["content"]
    old = engine.complete("hello", max_tokens=5, logprobs=2).choice
    assert len(old["logprobs"]["token_logprobs"]) == 5 and "".join(old["logprobs"]["tokens"]) == old["text"]
    assert engine.chat("hello", max_tokens=2, logprobs=True).choice["logprobs"]["content"][0]["top_logprobs"] == []
    assert engine.chat("hello", max_tokens=2).choice["logprobs"] is None


def _nested(depth: int) -> dict:
    schema: dict = {"type": "string"}
    for _ in range(depth):
        schema = {"type": "object", "properties": {"a": schema}, "required": ["a"], "additionalProperties": False}
    return schema


@pytest.mark.parametrize("fields", [
    {"tools": TOOLS, "tool_choice": {"type": "function", "function": "add"}},
    {"tools": [{"type": "function", "function": {"name": ["add"]}}]},
    {"response_format": {"type": "json_schema", "json_schema": "x"}},
    {"response_format": {"type": "json_schema", "json_schema": {"schema": {"enum": 5}}}},
    {"response_format": {"type": "json_schema", "json_schema": {"schema": {"allOf": 5}}}},
    {"response_format": {"type": "json_schema", "json_schema": {"schema": _nested(450)}}},
    {"response_format": {"type": "json_schema",
                         "json_schema": {"schema": {"type": "string", "pattern": "^(a{1000}){1000}$"}}}},
    {"tools": [tool("f", a={"type": "string"}) | {}], "messages": [{"role": "user", "content": "x"},
                                                                 {"role": "assistant", "tool_calls": 5}]},
    {"logit_bias": {"1" * 5000: 1}},
    {"repetition_penalty": 1e-300},
    {"chat_template_kwargs": {"chat_template": "{% for i in range(10**9) %}{% endfor %}"}},
])  # fmt: skip
def test_what_is_malformed_further_in_is_refused_at_once(engine, fields):
    body = {"model": MODEL, "messages": [{"role": "user", "content": "x"}], "max_tokens": 2, **fields}
    answer = engine.post("/v1/chat/completions", body)
    assert answer.status == 400 and answer.error["type"] == "invalid_request_error", answer.body


def test_a_prompt_that_cannot_fit_is_refused_before_it_is_tokenized(engine):
    for answer in (engine.chat("word " * 400_000, max_tokens=1), engine.complete("word " * 400_000, max_tokens=1)):
        assert (answer.status, answer.error["code"]) == (400, "context_length_exceeded")
        assert "at least" in answer.error["message"]
