"""Requests answered together: each gets what it would get alone; conversations prefill only what is new."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor

import pytest

pytestmark = pytest.mark.mlx
pytest.importorskip("mlx_lm")

from ..conftest import wait_until
from .inside import finished, new_job, scheduling
from .server import tool

EOS = "1522"
SCHEMA = {
    "type": "object",
    "properties": {"name": {"type": "string", "maxLength": 12}, "kind": {"enum": ["red", "green"]}},
    "required": ["name", "kind"],
    "additionalProperties": False,
}
FORMAT = {"type": "json_schema", "json_schema": {"name": "x", "schema": SCHEMA}}
TOOLS = [tool("read_file", path={"enum": ["stats.py", "shop.py"]}), tool("finish")]
KINDS = {
    "greedy": ("complete", "def mean(values):", {"max_tokens": 30}),
    "another": ("complete", "class Stack:\n    ", {"max_tokens": 17}),
    "seeded": ("complete", "def mean(values):", {"max_tokens": 25, "temperature": 0.8, "seed": 3, "top_p": 0.9}),
    "top_k": ("complete", "import ", {"max_tokens": 25, "temperature": 1.2, "seed": 4, "top_k": 20, "min_p": 0.02}),
    "biased": ("complete", "def mean(values):", {"max_tokens": 20, "logit_bias": {"300": 4, "301": -100, EOS: -100}}),
    "penalties": ("complete", "self.x = self.x = self.x = self.", {"max_tokens": 30, "repetition_penalty": 2.0,
                  "frequency_penalty": 0.4, "presence_penalty": 0.3, "logit_bias": {EOS: -100}}),
    "probabilities": ("complete", "for i in", {"max_tokens": 12, "logprobs": 3}),
    "json": ("chat", "a thing", {"response_format": FORMAT, "max_tokens": 60}),
    "json seeded": ("chat", "a thing", {"response_format": FORMAT, "max_tokens": 60, "temperature": 1.0, "seed": 5}),
    "call": ("chat", "Read shop.py", {"tools": TOOLS, "tool_choice": "required", "max_tokens": 60}),
    "stopped": ("complete", "def mean(values):", {"max_tokens": 30, "stop": ["self"]}),
    "one token": ("complete", [300], {"max_tokens": 9}),
}  # fmt: skip


def ask(engine, kind: str):
    method, prompt, fields = KINDS[kind]
    return getattr(engine, method)(prompt, **fields)


def heard(answer) -> dict:
    """The choice without what is drawn anew for every answer."""
    choice = json.loads(json.dumps(answer.choice))
    for call in choice.get("message", {}).get("tool_calls", []):
        call.pop("id")
    if choice.get("logprobs"):
        choice["logprobs"] = choice["logprobs"]["tokens"]
    return choice


def test_each_request_of_a_batch_is_answered_as_if_alone(engine):
    alone = {kind: heard(ask(engine, kind)) for kind in KINDS}
    assert alone == {kind: heard(ask(engine, kind)) for kind in KINDS}  # also from the prefix cache
    before = engine.info["progress"]["count"]
    with ThreadPoolExecutor(len(KINDS)) as pool:
        for _ in range(2):
            together = dict(zip(KINDS, pool.map(lambda kind: heard(ask(engine, kind)), KINDS), strict=True))
            assert together == alone
    assert engine.info["progress"]["count"] > before and engine.busy == 0
    assert alone["stopped"]["finish_reason"] == "stop" and alone["call"]["finish_reason"] == "tool_calls"
    assert alone["greedy"]["text"] != alone["biased"]["text"]


def test_seeds_do_not_serialize(engine):
    """Four seeded answers are worked on at the same time."""
    with ThreadPoolExecutor(4) as pool:
        fields = {"max_tokens": 150, "temperature": 1, "logit_bias": {EOS: -100}}
        answers = [pool.submit(engine.complete, "x =", seed=seed, **fields) for seed in range(4)]
        wait_until(lambda: engine.info["progress"]["in_flight"] == 4)
        assert len({answer.result().text for answer in answers}) == 4


def test_a_seed_does_not_empty_the_batch(weights):
    """While a seeded answer grows, the one that was there before grows too."""
    plain, seeded = new_job([300, 301], 1000), new_job([400, 401], 30, temperature=1.0, seed=5)
    seen: list[tuple[int, int]] = []

    def changed(jobs) -> None:
        if seeded.ids and not plain.finish:
            seen.append((len(plain.ids), len(seeded.ids)))

    with scheduling(weights, changed=changed) as scheduler:
        scheduler.submit(plain)
        wait_until(lambda: plain.ids)
        scheduler.submit(seeded)
        assert finished([seeded, plain]) == ["length", "length"]
    first = seen[0][0] - 1
    assert seen[:30] == [(first + step, step) for step in range(1, 31)]


def test_a_second_turn_prefills_only_what_is_new(engine):
    messages = [{"role": "user", "content": "The test in test_shop.py fails. Read shop.py and mend it."}]
    tools = [tool("read_file", path={"type": "string"}, line={"type": "integer"}), tool("finish")]
    total = 0
    for turn in range(4):
        answer = engine.chat(messages, tools=tools, tool_choice="required", max_tokens=120, seed=turn, temperature=0.7)
        usage = answer.usage
        if turn:
            # all of the last prompt and of its answer but for the last token, which no cache holds
            assert answer.cached >= total - 1
            assert usage["prompt_tokens"] - answer.cached < 60
        total = usage["total_tokens"]
        message = answer.message
        assert answer.choice["finish_reason"] == "tool_calls", answer.raw
        messages += [
            message,
            {"role": "tool", "tool_call_id": message["tool_calls"][0]["id"], "content": f"line {turn}"},
        ]


def test_the_same_beginning_is_prefilled_once(engine):
    system = {"role": "system", "content": "Answer in one word. " * 20}
    first = engine.chat([system, {"role": "user", "content": "red"}], max_tokens=2)
    second = engine.chat([system, {"role": "user", "content": "green"}], max_tokens=2)
    assert 0 < first.usage["prompt_tokens"] - second.cached < 20


def test_figures(engine):
    before = {
        name: engine.count(name) for name in ("slm_requests_total", "slm_tokens_total", "slm_request_seconds_count")
    }
    engine.complete("some prompt of its own", max_tokens=4)
    engine.complete("", max_tokens=4)  # refused: no answer
    assert engine.count("slm_requests_total") == before["slm_requests_total"] + 1
    assert engine.count("slm_request_seconds_count") == before["slm_request_seconds_count"] + 1
    assert engine.count("slm_tokens_total") > before["slm_tokens_total"] + 4
    assert engine.count("slm_prefix_cache_bytes") > 0 and engine.count("slm_in_flight") == 0
    assert engine.get("/metrics").headers["content-type"].startswith("text/plain; version=0.0.4")
