"""What an answer's text is: stop texts, lengths, the window, and the same in a stream as at once."""

from __future__ import annotations

import time

import pytest

pytestmark = pytest.mark.mlx
pytest.importorskip("mlx_lm")

from .server import chat_body, tool

PROMPT = "def mean(values):\n    "
GREEDY = {"max_tokens": 40, "logit_bias": {"1522": -100}}


@pytest.fixture(scope="module")
def text(engine) -> str:
    """What comes of PROMPT."""
    return engine.complete(PROMPT, **GREEDY).text


def test_a_text_is_given_as_it_was_generated(engine):
    """Also a blank at its beginning: with the prompt, it is what the model would read."""
    blank = engine.complete("return a", max_tokens=1, logit_bias={"220": 100, "1522": -100}).choice
    assert blank["text"] == " "
    chat = engine.chat("hello", max_tokens=1, logit_bias={"220": 100, "1522": -100})
    assert chat.message["content"] == " "
    probe = engine.complete("return a", max_tokens=3, logprobs=0, logit_bias={"220": 30}).choice
    assert "".join(probe["logprobs"]["tokens"]) == probe["text"]


def test_stop_texts_wherever_tokens_begin(engine, text):
    """Every piece of the answer, cut anywhere, ends it there: nothing of it is shown, at once or in a stream."""
    assert len(text) > 30
    for begin in range(1, 30, 3):
        for length in (1, 2, 5, 9):
            stop = text[begin : begin + length]
            expected = text[: text.index(stop)]
            choice = engine.complete(PROMPT, **GREEDY, stop=stop).choice
            assert (choice["text"], choice["finish_reason"]) == (expected, "stop")
            if length == 5:
                stream = engine.stream_text(PROMPT, **GREEDY, stop=[stop, "never said"])
                assert (stream.text, stream.finish, stream.done) == (expected, "stop", True)


def test_a_stop_text_ends_the_generation(engine, text):
    limits = {**GREEDY, "max_tokens": 1000}
    fields = {"stop": text[10:16], "stream_options": {"include_usage": True}}
    stream = engine.stream_text(PROMPT, **limits, **fields)
    whole = engine.complete(PROMPT, **limits, stop=fields["stop"])
    assert whole.text == stream.text == text[: text.index(fields["stop"])]
    assert 0 < whole.usage["completion_tokens"] == stream.usage["completion_tokens"] < 30
    said = engine.chat("hello", max_tokens=30).message["content"]
    fields["stop"] = said[3:9]
    stream = engine.stream_chat("hello", max_tokens=1000, **fields)
    whole = engine.chat("hello", max_tokens=1000, stop=fields["stop"])
    assert whole.message["content"] == stream.content == said[:3]
    assert 0 < whole.usage["completion_tokens"] == stream.usage["completion_tokens"] < 15


def test_the_earliest_of_several_stops(engine, text):
    stops = [text[20:26], text[5:9], text[5:7], text[12:20]]
    expected = text[: min(text.index(stop) for stop in stops)]
    assert engine.complete(PROMPT, **GREEDY, stop=stops).text == expected
    assert engine.complete(PROMPT, **GREEDY, stop=[]).text == text
    assert engine.complete(PROMPT, **GREEDY, stop=["no such text"]).text == text


def test_a_beginning_of_a_stop_text_is_no_stop(engine, text):
    almost = text[10:14] + "\x00"
    stream = engine.stream_text(PROMPT, **GREEDY, stop=almost)
    assert (stream.text, stream.finish) == (text, "length")
    at_end = text[-3:] + "\x00"
    assert engine.stream_text(PROMPT, **GREEDY, stop=at_end).text == text


def test_stop_in_a_chat(engine):
    whole = engine.chat("hello", max_tokens=30).message["content"]
    stop = whole[3:9]
    for _ in range(2):
        stream = engine.stream_chat("hello", max_tokens=30, stop=stop)
        assert (stream.content, stream.finish) == (whole[:3], "stop")
        assert engine.chat("hello", max_tokens=30, stop=stop).message["content"] == whole[:3]


@pytest.mark.parametrize("usage", [None, True, False, {}])
def test_a_stream_is_the_answer_in_pieces(engine, usage):
    fields = {} if usage is None else {"stream_options": usage if usage == {} else {"include_usage": usage}}
    once = engine.chat("hello there", max_tokens=12, logprobs=True, top_logprobs=2)
    stream = engine.stream_chat("hello there", max_tokens=12, logprobs=True, top_logprobs=2, **fields)
    assert stream.done and stream.content == once.message["content"] and stream.finish == once.choice["finish_reason"]
    assert stream.deltas[0] == {"role": "assistant", "content": ""}
    assert len({event["id"] for event in stream.events}) == 1
    assert {event["object"] for event in stream.events} == {"chat.completion.chunk"}
    assert stream.events[0]["model"] == once.document["model"]
    probabilities = [c["logprobs"] for event in stream.events for c in event["choices"] if c.get("logprobs")]
    tokens = [entry["token"] for some in probabilities for entry in some["content"]]
    assert tokens == [entry["token"] for entry in once.choice["logprobs"]["content"]]
    if usage is True:
        assert stream.events[-1]["choices"] == []
        assert stream.usage["completion_tokens"] == once.usage["completion_tokens"]
        assert stream.usage["prompt_tokens_details"]["cached_tokens"] == once.usage["prompt_tokens"] - 1
    else:
        assert stream.usage is None and len(stream.events[-1]["choices"]) == 1


def test_log_probabilities_come_with_the_text_they_belong_to(engine):
    """Every token's once, in order, and never later than its text, which may come later: it might begin a stop text."""
    once = engine.complete(PROMPT, **GREEDY, logprobs=1).choice
    stream = engine.stream_text(PROMPT, **GREEDY, logprobs=1)
    pieces = [(choice["text"], choice["logprobs"]) for event in stream.events for choice in event["choices"]]
    assert_along(stream.text, [(text, some and some["tokens"]) for text, some in pieces])
    for key in ("tokens", "token_logprobs", "top_logprobs"):
        assert sum(len(some[key]) for _, some in pieces if some) == len(once["logprobs"][key]) == 40
    assert [token for _, some in pieces if some for token in some["tokens"]] == once["logprobs"]["tokens"]
    chat = engine.stream_chat("hello there", max_tokens=12, logprobs=True, stop="\x00")
    pieces = [(choice["delta"], choice["logprobs"]) for event in chat.events for choice in event["choices"]]
    shown = [
        (delta.get("content", ""), some and [entry["token"] for entry in some["content"]]) for delta, some in pieces
    ]
    assert_along(chat.content, shown)


def assert_along(whole: str, pieces: list[tuple[str, list[str] | None]]) -> None:
    """No piece of text came before its tokens, and they came in many pieces."""
    text = tokens = ""
    for piece, some in pieces:
        assert some is None or some  # null where there is nothing new
        text, tokens = text + piece, tokens + "".join(some or [])
        assert tokens.startswith(text)
    assert text == whole and sum(bool(some) for _, some in pieces) > 5


def test_log_probabilities_of_a_streamed_call(engine):
    fields = {"tools": [tool("add", a={"type": "integer"})], "tool_choice": "required", "logprobs": True}
    once = engine.chat("add", max_tokens=60, **fields)
    stream = engine.stream_chat("add", max_tokens=60, **fields)
    assert once.message["tool_calls"] and stream.calls
    pieces = [choice["logprobs"] for event in stream.events for choice in event["choices"]]
    tokens = [entry["token"] for some in pieces if some for entry in some["content"]]
    assert tokens == [entry["token"] for entry in once.choice["logprobs"]["content"]]
    assert pieces[-1] is None and stream.finish == "tool_calls"  # they came with the call


@pytest.mark.parametrize("chat", [True, False])
def test_what_a_whole_answer_says_of_itself(engine, chat):
    began = int(time.time())
    ask = engine.chat if chat else engine.complete
    first, second = (ask("hello", max_tokens=1).document for _ in range(2))
    assert first["object"] == ("chat.completion" if chat else "text_completion")
    assert first["id"].startswith("chatcmpl-" if chat else "cmpl-") and first["id"] != second["id"]
    assert isinstance(first["created"], int) and began <= first["created"] <= second["created"] <= time.time()


def test_a_text_stream_is_the_answer_in_pieces(engine, text):
    stream = engine.stream_text(PROMPT, **GREEDY, stream_options={"include_usage": True}, logprobs=0)
    assert (stream.text, stream.finish, stream.done) == (text, "length", True)
    assert sum(bool(choice["text"]) for event in stream.events for choice in event["choices"]) > 10
    assert stream.usage["completion_tokens"] == 40


def test_a_stream_that_is_refused_is_no_stream(engine):
    answer = engine.post("/v1/chat/completions", chat_body("hello", stream=True, max_tokens=0))
    assert answer.status == 400 and answer.headers["content-type"] == "application/json"


def test_more_than_fits_is_refused_with_the_numbers(engine):
    prompt = "a b" * 1100
    answer = engine.complete(prompt, max_tokens=5)
    error = answer.error
    assert (answer.status, error["code"], error["type"]) == (400, "context_length_exceeded", "invalid_request_error")
    assert (error["context_tokens"], error["completion_tokens"]) == (2048, 5)
    assert error["prompt_tokens"] > 2043
    assert "2048" in error["message"] and str(error["prompt_tokens"]) in error["message"]
    chat = engine.chat("a b" * 2000)
    assert (chat.error["code"], chat.error["completion_tokens"]) == ("context_length_exceeded", None)
    assert chat.error["prompt_tokens"] > 2048


def test_the_window_is_exact(engine):
    ids = [100] * 2040
    assert engine.complete(ids, max_tokens=8, logit_bias={"1522": -100}).usage["total_tokens"] == 2048
    over = engine.complete(ids, max_tokens=9)
    assert (over.error["prompt_tokens"], over.error["completion_tokens"]) == (2040, 9)
    assert engine.complete([100] * 2047, max_tokens=1).status == 200
    assert engine.complete([100] * 2048, max_tokens=1).error["code"] == "context_length_exceeded"
    assert engine.complete([100] * 2048).error["code"] == "context_length_exceeded"


def test_without_a_limit_the_window_is_the_limit(engine):
    choice = engine.complete([100] * 2030, logit_bias={"1522": -100})
    assert choice.usage["total_tokens"] == 2048 and choice.choice["finish_reason"] == "length"


@pytest.mark.parametrize("prompt", ["", [], [""], ["a", "b"], [["a"]], [1.5], [True], [99999], [-1], 5, {}])
def test_prompts_that_are_none(engine, prompt):
    answer = engine.complete(prompt, max_tokens=1)
    assert (answer.status, answer.error["param"]) == (400, "prompt")


def test_prompts_of_every_kind(engine):
    ids = engine.complete("x = 1", max_tokens=3)
    assert engine.complete(["x = 1"], max_tokens=3).text == ids.text
    assert engine.complete([5], max_tokens=2).usage["prompt_tokens"] == 1
    for one in ("\n", "\u20ac", "\U0001f600" * 20, "\x00", "<|im_end|>"):
        assert engine.complete(one, max_tokens=2).status == 200


def test_the_same_prompt_again_and_again(engine):
    """A prompt that is cached whole, and a prompt with its own answer behind it: neither leaves nothing to do."""
    prompt = list(range(1400, 1440))
    texts = []
    for turn in range(4):
        answer = engine.complete(prompt, max_tokens=6, logit_bias={"1522": -100})
        texts.append(answer.text)
        assert answer.cached == (0 if turn == 0 else 39)
    assert len(set(texts)) == 1
    for count in (1, 20, 40):
        assert engine.complete(prompt[:count], max_tokens=1).cached == count - 1
    first = engine.complete("for x in", max_tokens=6, logit_bias={"1522": -100})
    replay = engine.complete("for x in" + first.text, max_tokens=6)
    assert replay.status == 200 and engine.get("/health").status == 200


def test_an_answer_of_one_token_and_one_that_ends_itself(engine):
    assert engine.complete("x", max_tokens=1).choice["finish_reason"] == "length"
    ended = engine.complete("x", logit_bias={"1522": 100})
    assert (ended.choice["finish_reason"], ended.text, ended.usage["completion_tokens"]) == ("stop", "", 1)
    chat = engine.chat("x", logit_bias={"1522": 100})
    assert (chat.choice["finish_reason"], chat.message) == ("stop", {"role": "assistant", "content": ""})
    stream = engine.stream_chat("x", logit_bias={"1522": 100})
    assert (stream.finish, stream.content, stream.done) == ("stop", "", True)
