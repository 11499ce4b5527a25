"""What servers tell of themselves, and what they are seen to do, on servers that answer as each of them does."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slm_ext.registry.provider import Provider
from slm_ext.serving import acquire
from slm_ext.serving.health import check, check_endpoints, glance, tools_wanted
from slm_ext.testing.openai_server import FakeOpenAI, Fault, tool_call
from slm_ext.testing.random_model import write_random_model

NEEDED = 4096 + 512
CALL = tool_call("read_file", path="README.md")


def external(base_url: str, **fields) -> Provider:
    limits = {"max_input_tokens": 4096, "max_output_tokens": 512}
    return Provider(**{"name": "there", "model": "m", "api_base": base_url, **limits, **fields})


def report(server: FakeOpenAI, *, tools: bool = False, deep: bool = False, **fields):
    found = check_endpoints(external(server.base_url, **fields), timeout_s=5, tools=tools, deep=deep)
    assert (found.verdict == "ok") == (found.error == "") == (found.next_step == "")
    return found


def listing(owner: str, **more) -> dict:
    return {"/v1/models": {"object": "list", "data": [{"id": "m", "object": "model", "owned_by": owner, **more}]}}


WINDOWS = [
    ("vLLM", listing("vllm", max_model_len=2048), "--max-model-len 4608"),
    ("SGLang", listing("sglang", max_model_len=2048), "--context-length 4608"),
    ("llama.cpp", listing("llamacpp", meta={"n_ctx": 2048, "n_ctx_train": 131072}), "-c 4608"),
    ("llama.cpp props", {"/props": {"default_generation_settings": {"n_ctx": 2048}, "total_slots": 2}}, "-c 4608"),
    (
        "Ollama",
        listing("library") | {"/api/ps": {"models": [{"name": "m:latest", "context_length": 2048}]}},
        "OLLAMA_CONTEXT_LENGTH=4608",
    ),
    (
        "Ollama before it told the loaded one",
        listing("library")
        | {"/api/ps": {"models": [{"model": "m:latest"}]}, "/api/show": {"parameters": "stop x\nnum_ctx   2048"}},
        "OLLAMA_CONTEXT_LENGTH=4608",
    ),
    (
        "LM Studio",
        listing("organization_owner")
        | {"/api/v0/models": {"data": [{"id": "m", "max_context_length": 9999, "loaded_context_length": 2048}]}},
        "--context-length 4608",
    ),
    (
        "LM Studio's newer API",
        {"/api/v1/models": {"models": [{"key": "m", "loaded_instances": [{"config": {"context_length": 2048}}]}]}},
        "--context-length 4608",
    ),
    ("OpenRouter", listing("", context_length=2048), "max_input_tokens"),
]  # fmt: skip


@pytest.mark.parametrize(("pages", "step"), [case[1:] for case in WINDOWS], ids=[case[0] for case in WINDOWS])
def test_a_window_smaller_than_declared(pages, step):
    with FakeOpenAI(model="m", pages=pages) as server:
        found = report(server)
        assert found.verdict == "window_too_small"
        assert "2048" in found.error and str(NEEDED) in found.error
        assert step in found.next_step and "lower max_input_tokens of 'there' to 1536" in found.next_step
        assert (found.capabilities.window.value, found.capabilities.window.how) == (2048, "probed")
        assert report(server, max_input_tokens=1536).verdict == "ok"


def test_a_window_without_room_for_the_reply():
    with FakeOpenAI(model="m", window=256) as server:
        assert "lower max_output_tokens" in report(server).next_step


def test_the_declared_window_counts_where_no_limit_is_given():
    with FakeOpenAI(model="m", window=2048) as server:
        assert report(server, max_input_tokens=None, capabilities={"window": 8192}).verdict == "window_too_small"
        assert report(server, max_input_tokens=None, capabilities={"window": 2048}).verdict == "ok"


@pytest.mark.parametrize(
    "pages",
    [
        {},
        {"/props": Fault(status=200, body="<html>not found</html>")},
        {"/props": [], "/api/ps": {"models": "none"}, "/api/v0/models": {"error": "unexpected endpoint"}},
        {"/api/show": {"error": "no such path"}, "/api/ps": {"models": [{"model": "another", "context_length": 1}]}},
        {"/api/v0/models": {"data": [{"id": "m", "max_context_length": 1}]}},
        {"/props": {"default_generation_settings": {"n_ctx": True}}},
        {"/props": Fault(drop=True), "/api/ps": Fault(status=401), "/api/v1/models": Fault(status=500)},
    ],
)  # fmt: skip
def test_a_server_that_does_not_tell_its_window_is_unknown(pages):
    with FakeOpenAI(model="m", pages=pages) as server:
        found = report(server)
    assert found.verdict == "ok" and found.capabilities.window.how == "unknown"


def test_what_is_declared_is_shown_as_such():
    with FakeOpenAI(model="m") as server:
        found = report(server, capabilities={"window": 65536, "thinking": False, "output_limit": 8192})
    known = found.capabilities.model_dump()
    assert known["window"] == {"value": 65536, "how": "declared", "source": ""}
    assert known["thinking"]["value"] is False and known["output_limit"]["value"] == 8192
    assert known["native_tools"] == known["json_schema"] == {"value": None, "how": "unknown", "source": ""}


def test_openrouter_tells_more():
    more = {"supported_parameters": ["tools", "reasoning"], "top_provider": {"max_completion_tokens": 256}}
    with FakeOpenAI(model="m", pages=listing("", **more)) as server:
        found = report(server, capabilities={"thinking": False})
    known = found.capabilities
    assert (known.native_tools.value, known.json_schema.value, known.thinking.value) == (True, False, True)
    assert known.output_limit.value == 256
    assert any("max_output_tokens is 512" in note for note in found.notes)
    assert any("thinking is declared False" in note for note in found.notes)


def test_ollama_tells_what_a_model_can():
    pages = listing("library") | {"/api/show": {"capabilities": ["completion", "thinking"]}}
    with FakeOpenAI(model="m", pages=pages) as server:
        known = report(server).capabilities
    assert known.native_tools.value is False and known.thinking.value is True


@pytest.mark.parametrize("listed", ["m:latest", "m"])
def test_tags_of_a_name(listed):
    with FakeOpenAI(model="m", listed=[listed]) as server:
        assert report(server).model_listed
        assert report(server, model="m:nitro", expected_model_id="m").verdict == (
            "ok" if listed == "m" else "model_missing"
        )


@pytest.mark.parametrize(
    ("owner", "step"), [("library", "ollama pull m"), ("llamacpp", "--alias m"), ("vllm", "--served-model-name m")]
)
def test_a_missing_model_in_the_words_of_its_server(owner, step):
    pages = {"/v1/models": {"data": [{"id": f"other-{i}", "owned_by": owner} for i in range(9)]}}
    with FakeOpenAI(pages=pages) as server:
        found = report(server)
        assert found.verdict == "model_missing" and step in found.next_step and not server.requests
        assert found.error.count("other-") == 5 and "…" in found.error


def test_a_path_that_is_not_there_at_all():
    gone = {"/v1/models": Fault(status=404), "/v1/chat/completions": Fault(status=404)}
    with FakeOpenAI(pages=gone) as server:
        found = report(server)
    assert found.verdict == "model_missing" and "`api_base`: it mostly ends in /v1" in found.next_step


def test_a_glance_asks_for_no_token():
    provider = external("http://127.0.0.1:9/v1")
    assert check_endpoints(provider, asking=glance).verdict == "refused"
    with FakeOpenAI(model="m", pages=listing("vllm", max_model_len=2048)) as server:
        assert check_endpoints(external(server.base_url), asking=glance).verdict == "window_too_small"
        found = check_endpoints(external(server.base_url, max_input_tokens=9), asking=glance)
        assert found.verdict == "ok" and found.model_matches is None and not server.requests


# Tool calls


def test_a_tool_call_is_wanted_where_runs_send_tools():
    assert tools_wanted(external("http://h/v1"))
    assert not tools_wanted(external("http://h/v1", capabilities={"native_tools": False}))
    assert not any(tools_wanted(external("http://h/v1", tool_mode=mode)) for mode in ("xml", "json", "text"))


def test_a_tool_call_is_asked_for_as_a_run_would():
    fields = {"temperature": 0.7, "chat_template_kwargs": {"enable_thinking": False}}
    kwargs = {"extra_headers": {"X-Title": "t"}, "reasoning_effort": "low", "extra_body": {"provider": {"sort": "x"}}}
    with FakeOpenAI(["ok", CALL], model="m") as server:
        found = report(server, tools=True, completion_kwargs=kwargs, **fields)
        assert found.verdict == "ok" and found.tool_call_ok
        assert found.capabilities.native_tools.model_dump() == {"value": True, "how": "probed", "source": "a tool call"}
        request, headers = server.requests[1], server.headers[1]
    assert headers["X-Title"] == "t" and request["reasoning_effort"] == "low" and request["provider"] == {"sort": "x"}
    assert request["chat_template_kwargs"] == {"enable_thinking": False} and request["temperature"] == 0.7
    assert "tool_choice" not in request and "slm" not in request and request["max_tokens"] == 512


def test_the_limit_goes_under_the_name_that_the_entry_uses():
    with FakeOpenAI(["ok"], model="m") as server:
        assert report(server, completion_kwargs={"max_completion_tokens": 99}).verdict == "ok"
        assert server.requests[0]["max_completion_tokens"] == 1 and "max_tokens" not in server.requests[0]


def test_one_reply_without_a_call_may_be_chance():
    with FakeOpenAI(["ok", "prose", CALL], model="m") as server:
        assert report(server, tools=True).verdict == "ok"
    with FakeOpenAI(["ok", "prose", "prose", CALL], model="m") as server:
        found = report(server, tools=True)
    assert found.verdict == "no_tool_calls" and "'prose'" in found.error and found.tool_call_ok is False
    assert "tool_mode" in found.next_step and found.capabilities.native_tools.value is False


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (tool_call("another", path="x"), "cannot be used"),
        (tool_call("read_file", file="x"), "cannot be used"),
        ({"tool_calls": [{"function": {"name": "read_file", "arguments": '{"path": "READ'}}]}, "cannot be used"),
        ({**CALL, "tool_calls": ["read_file"]}, "cannot be used"),
        ({**CALL, "tool_calls": {}}, "no tool call"),
        ({"message": {"role": "assistant", "content": "hm"}, "finish_reason": "length"}, "cut off"),
    ],
)  # fmt: skip
def test_a_call_that_cannot_be_used(reply, said):
    with FakeOpenAI(["ok", reply], model="m") as server:
        found = report(server, tools=True)
    assert found.verdict == "no_tool_calls" and said in found.error


@pytest.mark.parametrize(
    ("status", "message", "step"),
    [
        (400, '"auto" tool choice requires --enable-auto-tool-choice and --tool-call-parser to be set', "NAME"),
        (500, "tools param requires --jinja flag", "--jinja"),
        (400, "registry.ollama.ai/library/m does not support tools", "another model"),
    ],
)
def test_a_server_that_refuses_tools(status, message, step):
    refusal = Fault(status=status, body=json.dumps({"error": {"message": message}}))
    with FakeOpenAI(["ok", refusal], model="m") as server:
        found = report(server, tools=True)
    assert found.verdict == "no_tool_calls" and message in found.error and step in found.next_step


@pytest.mark.parametrize("status", [429, 500])
def test_a_server_in_trouble_at_the_tool_call_is_no_model_without(status):
    with FakeOpenAI(["ok", Fault(status=status)], model="m") as server:
        assert report(server, tools=True).verdict == "error"


@pytest.mark.parametrize(
    "message",
    [
        {"role": "assistant", "content": "<think>well", "tool_calls": CALL["tool_calls"]},
        {**CALL, "reasoning_content": "well"},
        {**CALL, "reasoning": "well"},
    ],
)
def test_thinking_shows_in_a_reply(message):
    with FakeOpenAI(["ok", message], model="m") as server:
        found = report(server, tools=True)
    assert found.verdict == "ok" and found.capabilities.thinking.value is True


# Deep


def counting(window: int | None = None):
    """Answers as a server whose tokens are words and a template of 7, and which reads no more than `window`."""

    def reply(request):
        if "response_format" in request:
            return '{"blue": true}'
        number = len(request["messages"][0]["content"].split()) + 7
        usage = {"prompt_tokens": min(number, window or number), "completion_tokens": 1}
        choice = {"index": 0, "message": {"role": "assistant", "content": "x"}, "finish_reason": "length"}
        return {"model": "m", "choices": [choice], "usage": usage}

    return reply


def test_deep_finds_a_prompt_that_is_cut_in_silence():
    with FakeOpenAI([counting(2048)], model="m", pages=listing("library")) as server:
        assert report(server).verdict == "ok"
        found = report(server, deep=True)
        assert found.verdict == "window_too_small" and "it read 2048, and said nothing" in found.error
        assert "OLLAMA_CONTEXT_LENGTH=4608" in found.next_step
        assert (found.capabilities.window.value, found.capabilities.window.source) == (2048, "a long prompt")


def test_deep_sends_what_the_entry_allows():
    with FakeOpenAI([counting()], model="m") as server:
        found = report(server, deep=True)
        sizes = [len(request["messages"][0]["content"].split()) for request in server.requests]
        assert found.verdict == "ok" and 0.95 * 4096 < max(sizes) <= 4096
        assert "read whole" in found.notes[0] and found.capabilities.json_schema.value is True
        assert max(len(r["messages"][0]["content"].split()) for r in server.requests[:1]) == 1
        sizes_without = len(server.requests)
        report(server)
        assert len(server.requests) == sizes_without + 1, "without --deep, one token"


def test_deep_where_the_server_says_that_it_is_too_long():
    def reply(request):
        too_long = len(request["messages"][0]["content"].split()) > 1000
        return (
            Fault(status=400, body='{"error": "maximum context length is 1000"}') if too_long else counting()(request)
        )

    with FakeOpenAI([reply], model="m") as server:
        found = report(server, deep=True)
    assert found.verdict == "window_too_small" and "maximum context length is 1000" in found.error


def test_deep_where_tokens_are_not_counted():
    body = {"model": "m", "choices": [{"message": {"role": "assistant", "content": "x"}, "finish_reason": "stop"}]}
    with FakeOpenAI([body], model="m") as server:
        found = report(server, deep=True)
    assert found.verdict == "ok" and "does not count" in found.notes[0]
    assert found.capabilities.json_schema.value is False


def test_deep_without_a_limit():
    with FakeOpenAI([counting()], model="m") as server:
        found = report(server, deep=True, max_input_tokens=None)
    assert found.verdict == "ok" and "no prompt limit" in found.notes[0]


@pytest.mark.parametrize(
    "answer", ['{"blue": "yes"}', '{"blue": true, "why": "x"}', "Yes.", '["blue"]', Fault(status=400)]
)
def test_a_schema_that_is_not_kept(answer):
    def reply(request):
        return answer if "response_format" in request else counting()(request)

    with FakeOpenAI([reply], model="m") as server:
        found = report(server, deep=True, capabilities={"json_schema": True})
    assert found.verdict == "ok" and found.capabilities.json_schema.value is False
    assert any("json_schema is declared True" in note for note in found.notes)


# Whatever a server says

SCALARS = st.none() | st.booleans() | st.integers(-3, 9999) | st.sampled_from(["m", "read_file", "{}", "[]", "tools"])


def objects(*keys: str, of=SCALARS):
    return st.dictionaries(st.sampled_from(keys), of | st.lists(of, max_size=2), max_size=len(keys))


CALLS = objects("function", of=SCALARS | objects("name", "arguments"))
MESSAGES = objects("content", "reasoning", "tool_calls", of=SCALARS | CALLS)
REPLIES = SCALARS | objects(
    "choices", "usage", "model", "error",
    of=SCALARS | objects("message", "finish_reason", "text", of=SCALARS | MESSAGES) | objects("prompt_tokens"),
)  # fmt: skip
ENTRIES = objects("id", "model", "key", "owned_by", "meta", "n_ctx", "max_model_len", "context_length", "top_provider",
                  "supported_parameters", "loaded_context_length", "loaded_instances", "capabilities", "config",
                  of=SCALARS | objects("n_ctx", "config", "max_completion_tokens"))  # fmt: skip
PAGES = SCALARS | objects(
    "data", "models", "default_generation_settings", "capabilities", "parameters", of=SCALARS | ENTRIES
)
PATHS = ("/v1/models", "/props", "/api/show", "/api/ps", "/api/v0/models", "/api/v1/models")


@settings(max_examples=60, deadline=None)
@given(pages=st.dictionaries(st.sampled_from(PATHS), PAGES), replies=st.lists(REPLIES, min_size=1, max_size=3))
def test_no_answer_makes_a_check_raise(pages, replies):
    bodies = [Fault(status=200, body=json.dumps(reply)) for reply in replies]
    with FakeOpenAI(["ok", *bodies], model="m", pages=pages) as server:
        found = report(server, tools=True, deep=True)
    with FakeOpenAI(bodies, model="m", pages=pages) as server:
        report(server)
    assert found.verdict not in ("refused", "dns", "tls", "auth")


# Our own engine


@pytest.fixture
def own(home, tmp_path):
    """A provider of random weights, which hold no habit of calling tools, and our engine."""
    folder = tmp_path / "model"
    write_random_model(folder)

    def make(**fields) -> Provider:
        limits = {"max_input_tokens": 1024, "max_output_tokens": 64}
        return Provider(name="own", model="m", server={"engine": "slm", "model_path": str(folder)}, **limits, **fields)

    return make


@pytest.mark.mlx
def test_random_weights_make_a_call_where_the_engine_holds_them_to_it(own):
    provider = own(constraints="calls")
    with acquire(provider) as handle:
        found = check(provider, handle, tools=True, deep=True)
    assert found.verdict == "ok" and found.capabilities.json_schema.value is True, found
    assert found.capabilities.window.source == "the engine" and found.capabilities.window.value >= 1088
    assert "read whole" in found.notes[0]


@pytest.mark.mlx
def test_random_weights_make_none_where_nobody_holds_them(own):
    provider = own(constraints="off")
    with acquire(provider) as handle:
        assert check(provider, handle, tools=True).verdict == "no_tool_calls"
