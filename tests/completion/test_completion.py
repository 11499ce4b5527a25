"""Completion against a server on loopback: what is sent, what is accepted, what is recorded."""

import json

import pytest

from slm_ext.errors import ContextOverflow, FormatRejected, SlmError
from slm_ext.testing.openai_server import FakeOpenAI, Fault, tool_call
from slm_ext.toolcalls import ToolCall, render_qwen3_coder
from slm_ext.traces import read_calls

from .parts import MESSAGES, TOOLS, completion

READ = tool_call("read_file", path="a.py", start=3)


def ask(replies, tmp_path=None, messages=MESSAGES, **fields):
    with FakeOpenAI(replies) as server:
        path = tmp_path / "calls.jsonl" if tmp_path else None
        return completion(server.base_url, path, **fields).complete(messages), server


def test_a_native_call_is_taken():
    answer, _server = ask([READ | {"content": "I look."}])
    assert [(c.name, c.arguments) for c in answer.calls] == [("read_file", {"path": "a.py", "start": 3})]
    assert answer.message["content"] == answer.thought == "I look."
    assert answer.message["tool_calls"][0]["id"] == READ["tool_calls"][0]["id"] == answer.calls[0].id
    assert json.loads(answer.message["tool_calls"][0]["function"]["arguments"]) == {"path": "a.py", "start": 3}
    assert answer.usage["in"] and answer.usage["out"] and answer.usage["latency_s"] > 0
    assert answer.raw["choices"]


def test_only_what_is_set_is_sent():
    _, server = ask([READ], temperature=0.5)
    [request] = server.requests
    assert request == {
        "model": "default_model",
        "messages": MESSAGES,
        "max_tokens": 64,
        "temperature": 0.5,
        "tools": TOOLS,
    }
    assert server.headers[0]["Authorization"] == "Bearer s3cret-token"


def test_every_setting_reaches_the_server():
    fields = {
        "top_p": 0.9,
        "seed": 7,
        "stop": ["END"],
        "chat_template_kwargs": {"enable_thinking": False},
        "completion_kwargs": {"min_p": 0.1, "top_k": 20, "nothing": None, "extra_headers": {"X-Org": "a"}},
    }
    _, server = ask([READ], **fields)
    request = server.requests[0]
    assert {k: request[k] for k in ("top_p", "seed", "stop", "min_p", "top_k")} == {
        "top_p": 0.9,
        "seed": 7,
        "stop": ["END"],
        "min_p": 0.1,
        "top_k": 20,
    }
    assert request["chat_template_kwargs"] == {"enable_thinking": False}
    assert "nothing" not in request and "extra_headers" not in request
    assert server.headers[0]["X-Org"] == "a"


@pytest.mark.parametrize("name", ["HTTP_PROXY", "http_proxy", "ALL_PROXY"])
def test_no_proxy_stands_before_a_server_on_this_machine(monkeypatch, name):
    monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert ask([READ])[0].calls


def test_a_call_written_as_text_is_found():
    call = ToolCall(id="", name="edit_line", arguments={"path": "a", "line": 3, "old": "  x", "new": "null"})
    answer, _ = ask(["I fix it.\n" + render_qwen3_coder(call)])
    assert answer.calls[0].arguments == call.arguments
    assert answer.message["content"] == "I fix it.\n"
    assert answer.message["tool_calls"][0]["function"]["name"] == "edit_line"
    assert answer.thought == "I fix it."


def test_several_calls_are_told_and_none_is_taken(tmp_path):
    both = READ | {"tool_calls": READ["tool_calls"] + tool_call("submit")["tool_calls"]}
    with pytest.raises(FormatRejected) as caught:
        ask([both], tmp_path)
    told = caught.value.rejection
    assert told.rule == "several_calls" and "2 calls in one reply (read_file, submit)" in told.message
    assert "submit" in told.got and "read_file" in told.example and "submit" not in told.example
    [record] = read_calls(tmp_path)
    [other] = record["validation"]["also_rejected"]
    assert (other["rule"], other["name"]) == ("several_calls", "submit")
    assert record["validation"]["status"] == "rejected" and record["tool_calls"] == []


def test_one_call_made_twice_in_a_reply_is_one_call():
    twice = READ | {"tool_calls": READ["tool_calls"] * 2}
    assert [c.name for c in ask([twice])[0].calls] == ["read_file"]


def test_thinking_is_kept_apart():
    answer, _ = ask([READ | {"content": "<think>is it a?</think>Yes.", "reasoning": "long"}])
    assert answer.thought == "long\nis it a? Yes."


def test_without_tools_any_text_is_an_answer():
    answer, server = ask(["Hello."], tools=[])
    assert (answer.message, answer.calls) == ({"role": "assistant", "content": "Hello."}, [])
    assert "tools" not in server.requests[0]


def message(finish, **fields):
    return {"message": {"role": "assistant", "content": None, **fields}, "finish_reason": finish}


@pytest.mark.parametrize(
    ("reply", "rule"),
    [
        ("I will look at the file now.", "no_call"),
        ("", "empty_reply"),
        (message("tool_calls"), "lost_call"),
        (message("length", content="and then"), "truncated"),
        (message("length", tool_calls=READ["tool_calls"]), "truncated"),
        (message("length", content="<function=submit></function>"), "truncated"),
        ("<tool_call>\n<function=submit>\n", "unterminated"),
        (tool_call("bash", command="ls"), "unknown_tool"),
        (tool_call("read_file"), "missing_argument"),
        (tool_call("read_file", path="a", start="three"), "wrong_type"),
        (message("tool_calls", tool_calls=[{"id": "1", "function": {"name": "submit", "arguments": "{"}}]), "bad_json"),
    ],
)
def test_replies_that_are_refused(tmp_path, reply, rule):
    with pytest.raises(FormatRejected) as refused:
        ask([reply], tmp_path)
    assert refused.value.rejection.rule == rule
    assert refused.value.reply.calls == []
    assert isinstance(refused.value.reply.message["content"], str)
    [record] = read_calls(tmp_path)
    assert record["validation"]["status"] == "rejected"
    assert record["validation"]["rejection"]["rule"] == rule
    assert record["tool_calls"] == [] and record["raw_response"]
    assert record["call_id"] == refused.value.reply.call_id


def test_attempts_are_counted_and_a_good_call_starts_anew(tmp_path):
    with FakeOpenAI(["no", "no", "no", READ, "no"]) as server:
        asked = completion(server.base_url, tmp_path / "calls.jsonl")
        seen = []
        history = MESSAGES
        for _ in range(5):
            try:
                history = [*MESSAGES, asked.complete(history).message, {"role": "user", "content": "1|x"}]
            except FormatRejected as refused:
                seen.append((refused.rejection.attempt, refused.rejection.retryable))
    assert seen == [(1, True), (2, True), (3, False), (1, True)]
    records = read_calls(tmp_path)
    assert [r["retry_index"] for r in records] == [0, 1, 2, 3, 0]
    assert [r["step"] for r in records] == [1, 1, 1, 1, 2]
    assert [r["retry_of"] for r in records] == [None, *(r["call_id"] for r in records[:3]), None]


def test_a_rejected_call_is_shown_to_the_model_though_the_host_forgot_it():
    wrong = tool_call("read_file", file="a.py")
    with FakeOpenAI([wrong, READ]) as server:
        asked = completion(server.base_url)
        with pytest.raises(FormatRejected) as refused:
            asked.complete(MESSAGES)
        text = refused.value.reply.message["content"]
        asked.complete(
            [*MESSAGES, {"role": "assistant", "content": text}, {"role": "user", "content": "no such argument"}]
        )
    call, result = server.requests[1]["messages"][-2:]
    assert json.loads(call["tool_calls"][0]["function"]["arguments"]) == {"file": "a.py"}
    assert (result["role"], result["content"]) == ("tool", "no such argument")
    assert result["tool_call_id"] == call["tool_calls"][0]["id"]


def test_the_record_of_a_call(tmp_path):
    answer, _server = ask([READ], tmp_path, completion_kwargs={"extra_headers": {"Authorization": "Bearer abcdefgh"}})
    [record] = read_calls(tmp_path)
    assert record["request"]["messages"] == MESSAGES and record["request"]["tools"] == TOOLS
    assert record["request"]["sampling"] == {"temperature": 0.0, "max_tokens": 64}
    assert record["identity"]["kind"] == "declared"
    assert record["route"]["provider"] == "small" and record["route"]["cause"] == "single_provider"
    assert record["usage"] == answer.usage and record["finish_reason"] == "tool_calls"
    assert record["tool_calls"] == [answer.calls[0].model_dump()]
    assert record["validation"]["parsed"] and record["validation"]["schema_ok"]
    text = (tmp_path / "calls.jsonl").read_text()
    assert "s3cret-token" not in text and "abcdefgh" not in text


@pytest.mark.parametrize(
    ("own", "recorded"),
    [({"prompt_sha": "ab12"}, "ab12"), ({}, None), ("?", None), (None, None), ({"prompt_sha": 7}, None)],
)
def test_the_prompts_hash_is_the_engines(tmp_path, own, recorded):
    body = {"choices": [{"message": READ, "finish_reason": "tool_calls"}], "slm": own}
    ask([body], tmp_path)
    [record] = read_calls(tmp_path)
    assert record["request"]["prompt_sha"] == recorded and record["request"]["scrubbed"] is False


def test_a_request_with_a_key_in_it_is_recorded_as_scrubbed(tmp_path):
    messages = [MESSAGES[0], {"role": "user", "content": "the token is s3cret-token"}]
    _, server = ask([READ], tmp_path, messages)
    [record] = read_calls(tmp_path)
    assert record["request"]["scrubbed"] is True
    assert record["request"]["messages"][-1]["content"] == "the token is [secret]"
    assert server.requests[0]["messages"][-1] == messages[-1]  # what is sent stays as it is


def test_every_request_is_in_the_records_whatever_became_of_it(tmp_path):
    """Accepted, drawn again, rejected, tried again, too long, and never answered."""
    too_long = Fault(status=400, body='{"error": "maximum context length is 10 tokens"}')
    replies = [READ, "no", Fault(status=503), READ, "no", "no", too_long, Fault(status=400, body="no")]
    with FakeOpenAI(replies) as server:
        asked = completion(server.base_url, tmp_path / "calls.jsonl", resample={"draws": 1})
        ends = []
        for number in range(5):
            try:
                asked.complete([MESSAGES[0], {"role": "user", "content": f"Fix bug {number}."}])
                ends.append("ok")
            except SlmError as error:
                ends.append(type(error).__name__)
    calls = read_calls(tmp_path)
    assert ends == ["ok", "ok", "FormatRejected", "ContextOverflow", "ProviderDown"]
    assert [call["validation"]["status"] for call in calls] == [
        "ok", "resampled", "ok", "resampled", "rejected", "overflow", "provider_down",
    ]  # fmt: skip
    assert sum(call["attempts"] for call in calls) == len(server.requests) == 8
    sent = [request["messages"] for request in server.requests]
    assert [call["request"]["messages"] for call in calls for _ in range(call["attempts"])] == sent
    answered = [call["raw_response"] is not None for call in calls]
    assert answered == [call["validation"]["status"] in ("ok", "resampled", "rejected") for call in calls]


def test_a_prompt_beyond_the_window_is_not_sent(tmp_path):
    with FakeOpenAI([READ]) as server, pytest.raises(ContextOverflow, match="max_input_tokens: 50"):
        long = [*MESSAGES, {"role": "user", "content": "x" * 1000}]
        completion(server.base_url, tmp_path / "calls.jsonl", max_input_tokens=50).complete(long)
    assert server.requests == []
    assert read_calls(tmp_path)[0]["validation"]["status"] == "overflow"


def test_the_servers_own_count_is_believed(tmp_path):
    def crowded(request):
        body = {"choices": [{"message": READ, "finish_reason": "tool_calls"}]}
        return body | {"usage": {"prompt_tokens": 3000, "completion_tokens": 1}}

    with pytest.raises(ContextOverflow, match="3000 tokens"):
        ask([crowded], tmp_path, max_input_tokens=2048)
    [record] = read_calls(tmp_path)
    assert record["validation"]["status"] == "overflow" and record["usage"]["in"] == 3000 and record["tool_calls"] == []


def test_usage_that_is_not_told_is_none():
    answer, _ = ask([{"choices": [{"message": READ, "finish_reason": "tool_calls"}]}], max_input_tokens=2048)
    assert (answer.usage["in"], answer.usage["out"], answer.usage["cached"]) == (None, None, None)


def test_xml_mode_shows_the_tools_in_the_prompt():
    answer, server = ask(["<function=read_file><parameter=path>a.py</parameter></function>"], tool_mode="xml")
    assert answer.calls[0].arguments == {"path": "a.py"}
    request = server.requests[0]
    assert "tools" not in request
    assert request["messages"][0]["content"].startswith("You fix bugs.\n\n# Tools")


EDIT = {"path": "a.py", "line": 3, "old": "a < b", "new": "a <= b"}


def after(call, *results):
    """A conversation in which `call` was made before."""
    said = {"role": "assistant", "content": "", "tool_calls": call["tool_calls"]}
    result = {"role": "tool", "content": "error not_found", "tool_call_id": call["tool_calls"][0]["id"]}
    return [*MESSAGES, said, result, *results]


@pytest.mark.parametrize("mode", ["native", "xml", "json", "text"])
def test_an_edit_made_before_is_drawn_again_until_it_differs(tmp_path, mode):
    repeated, other = tool_call("edit_line", **EDIT), tool_call("edit_line", **EDIT | {"new": "a > b"})
    answer, server = ask(
        [repeated, repeated, other], tmp_path, after(tool_call("edit_line", **EDIT)), tool_mode=mode, seed=5,
        resample={"draws": 4, "temperature": 0.9, "once": ["edit_line"]},
    )  # fmt: skip
    assert answer.calls[0].arguments["new"] == "a > b"
    assert [(r["temperature"], r["seed"]) for r in server.requests] == [(0.0, 5), (0.9, 6), (0.9, 7)]
    assert len({json.dumps(r["messages"]) for r in server.requests}) == 1  # the conversation shows none of it
    calls = read_calls(tmp_path)
    assert [(c["validation"]["status"], c["error"]) for c in calls] == [("resampled", "repeated_call")] * 2 + [
        ("ok", None)
    ]
    assert [c["retry_index"] for c in calls] == [0, 1, 2]
    assert [c["retry_of"] for c in calls] == [None, calls[0]["call_id"], calls[1]["call_id"]]
    assert [len(c["tool_calls"]) for c in calls] == [0, 0, 1] and all(c["step"] == 1 for c in calls)
    assert answer.usage["out"] == sum(c["usage"]["out"] for c in calls)
    assert answer.usage["in"] == sum(c["usage"]["in"] for c in calls)


def test_a_reply_without_a_usable_call_is_drawn_again(tmp_path):
    answer, _ = ask(["I think so.", tool_call("read_file"), READ], tmp_path, resample={})
    assert answer.calls[0].name == "read_file"
    assert [c["error"] for c in read_calls(tmp_path)] == ["no_call", "missing_argument", None]


def test_an_edit_that_changes_nothing_is_drawn_again(tmp_path):
    nothing, good = tool_call("edit_line", **EDIT | {"new": EDIT["old"]}), tool_call("edit_line", **EDIT)
    answer, _ = ask([nothing, good], tmp_path, resample={"differ": {"edit_line": ["old", "new"]}})
    assert answer.calls[0].arguments == EDIT
    assert [c["error"] for c in read_calls(tmp_path)] == ["same_arguments", None]


def test_the_last_draw_counts_whatever_it_is(tmp_path):
    repeated = tool_call("edit_line", **EDIT)
    answer, server = ask(
        [repeated] * 3, messages=after(tool_call("edit_line", **EDIT)), resample={"draws": 2, "once": ["edit_line"]}
    )
    assert answer.calls[0].arguments == EDIT and len(server.requests) == 3
    with pytest.raises(FormatRejected) as refused:
        ask(["no"] * 3, tmp_path, resample={"draws": 2})
    assert refused.value.rejection.attempt == 1
    assert [c["validation"]["status"] for c in read_calls(tmp_path)] == ["resampled", "resampled", "rejected"]


def test_draws_and_rejections_are_counted_together_and_told_apart(tmp_path):
    with FakeOpenAI(["no", "no", "no", READ]) as server:
        asked = completion(server.base_url, tmp_path / "calls.jsonl", resample={"draws": 1})
        with pytest.raises(FormatRejected) as refused:
            asked.complete(MESSAGES)
        assert asked.complete(MESSAGES).calls
    calls = read_calls(tmp_path)
    assert refused.value.rejection.attempt == 1
    assert [c["retry_index"] for c in calls] == [0, 1, 2, 3]
    assert [c["retry_of"] for c in calls] == [None, *(c["call_id"] for c in calls[:3])]


def test_other_tools_may_repeat_themselves_and_so_may_a_provider_that_says_nothing():
    assert len(ask([READ], messages=after(READ), resample={"once": ["edit_line"]})[1].requests) == 1
    edit = tool_call("edit_line", **EDIT)
    assert len(ask([edit], messages=after(edit))[1].requests) == 1
