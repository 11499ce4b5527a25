"""The fake server speaks to the real OpenAI client, and its faults are what they say."""

from __future__ import annotations

import json

import openai
import pytest

from slm_ext.testing.openai_server import FakeOpenAI, Fault, tool_call


def ask(server: FakeOpenAI, **more):
    client = openai.OpenAI(base_url=server.base_url, api_key="k", max_retries=0, timeout=5)
    return client.chat.completions.create(model="m", messages=[{"role": "user", "content": "a b c"}], **more)


def test_replies_in_order_and_the_last_repeats():
    with FakeOpenAI(
        ["one", tool_call("read_file", path="a.py"), lambda request: request["model"]], api_key="k"
    ) as server:
        first, second, third, fourth = (ask(server) for _ in range(4))
        assert first.choices[0].message.content == "one" and first.choices[0].finish_reason == "stop"
        call = second.choices[0].message.tool_calls[0]
        assert second.choices[0].finish_reason == "tool_calls"
        assert (call.function.name, json.loads(call.function.arguments)) == ("read_file", {"path": "a.py"})
        assert third.choices[0].message.content == fourth.choices[0].message.content == "m"
        assert first.usage.prompt_tokens == 3 and first.usage.completion_tokens >= 1
        assert [request["model"] for request in server.requests] == ["m"] * 4
        assert server.headers[0]["Authorization"] == "Bearer k"


def test_stream():
    with FakeOpenAI([tool_call("submit")]) as server:
        chunks = list(ask(server, stream=True))
    assert chunks[0].choices[0].delta.tool_calls[0].function.name == "submit"
    assert chunks[1].choices[0].finish_reason == "tool_calls" and chunks[2].usage.total_tokens > 0


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (Fault(status=429, headers={"Retry-After": "1"}), openai.RateLimitError),
        (Fault(status=400), openai.BadRequestError),
        (Fault(status=500), openai.InternalServerError),
        (Fault(drop=True), openai.APIConnectionError),
        (Fault(status=200, body="{"), json.JSONDecodeError),
    ],
)
def test_faults(fault, error):
    with FakeOpenAI([fault]) as server, pytest.raises(error):
        ask(server)


def test_wrong_key_and_closed_server():
    with FakeOpenAI(api_key="other") as server, pytest.raises(openai.AuthenticationError):
        ask(server)
    with pytest.raises(openai.APIConnectionError):
        ask(server)
