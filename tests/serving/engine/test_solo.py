"""What takes requests one at a time: a draft model, a quantized KV cache. And a LoRA adapter, which does not."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

pytestmark = pytest.mark.mlx
pytest.importorskip("mlx_lm")

from safetensors.numpy import load_file, save_file

from slm_ext.serving.engine.constraint import Grammars
from slm_ext.testing.random_model import write_random_model
from slm_ext.toolcalls.grammar import json_grammar

from ..conftest import wait_until
from .inside import answer, scheduling
from .server import tool
from .test_batches import FORMAT, KINDS, ask, heard

TOOLS = [tool("read_file", path={"enum": ["stats.py", "shop.py"]}), tool("finish")]
EXACT = ["greedy", "another", "biased", "penalties", "json", "call", "stopped", "one token"]
"""Kinds that draw nothing, so that a draft model must not change them."""


@pytest.fixture(scope="module")
def solos(launch, weights):
    """Both engines, loaded at the same time."""
    engines = {
        "draft": launch(draft_model=str(weights), num_draft_tokens=3, context_tokens=512),
        "bits": launch(kv_bits=8, context_tokens=512),
    }
    yield {name: engine.ready() for name, engine in engines.items()}
    for engine in engines.values():
        engine.end()


@pytest.fixture(params=["draft", "bits"])
def solo(request, solos):
    return solos[request.param]


def test_what_is_switched_off_is_said(solos):
    for name, word in (("draft", "draft model"), ("bits", "8 bits")):
        info = solos[name].info
        (note,) = info["notes"]
        assert word in note and "no batching" in note and note in solos[name].log
        assert (info["batching"], info["max_streams"]) == (False, 1)


@pytest.mark.parametrize("kind", EXACT)
def test_a_draft_changes_no_answer(engine, solos, kind):
    """Not even where a grammar, penalties or a bias change what is likely."""
    expected = heard(ask(engine, kind))
    assert heard(ask(solos["draft"], kind)) == expected
    assert heard(ask(solos["draft"], kind)) == expected  # from the prefix cache


@pytest.fixture(scope="module")
def random_models(tmp_path_factory):
    """A target, and drafts: one that is never right, one that is right now and then."""
    place = tmp_path_factory.mktemp("random")
    folders = {"target": write_random_model(place / "target", hidden=128, seed=1)}
    folders["never"] = write_random_model(place / "never", layers=1, seed=2)
    folders["sometimes"] = write_random_model(place / "sometimes", hidden=128, seed=1)
    weights, rng = load_file(folders["target"] / "model.safetensors"), np.random.default_rng(3)
    for name in weights:
        weights[name] = weights[name] + 0.1 * weights[name].std() * rng.standard_normal(weights[name].shape, np.float32)
    save_file(weights, str(folders["sometimes"] / "model.safetensors"), metadata={"format": "mlx"})
    return folders


def test_a_draft_of_other_weights_changes_no_answer(random_models):
    """Free, penalized and under a grammar; also when the conversation goes on from what the caches kept."""
    tokenizer = (random_models["target"] / "tokenizer.json").read_text()
    grammar = json_grammar({"type": "array", "items": {"enum": ["red", "green", 1, 22]}, "minItems": 6})

    def heard(scheduler) -> list[list[int]]:
        loaded, given = scheduler.loaded, []
        grammars = Grammars(tokenizer, loaded.vocabulary, loaded.eos_ids)
        for prompt in ([300], list(range(310, 350))):
            for _ in range(2):
                free = answer(scheduler, prompt, 40)
                bound = answer(scheduler, prompt, 40, constraint=grammars.constraint(grammar), logit_bias={})
                penalized = answer(scheduler, prompt, 25, frequency_penalty=0.7)
                on = answer(scheduler, [*prompt, *free.ids, 400], 20)
                assert on.cached >= len(prompt) + 40 - 1 - 4  # a draft's guesses are not kept
                assert not bound.constraint.error
                given += [job.ids for job in (free, bound, penalized, on)]
        return given

    with scheduling(random_models["target"]) as scheduler:
        expected = heard(scheduler)
    assert len({tuple(ids) for ids in expected}) == len(expected) / 2
    for draft in ("never", "sometimes"):
        with scheduling(random_models["target"], draft_model=str(random_models[draft]), num_draft_tokens=4) as drafted:
            assert heard(drafted) == expected, draft


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_answered(solo, kind):
    first = heard(ask(solo, kind))
    if kind != "top_k":
        assert heard(ask(solo, kind)) == first
    if "json" in kind and first["finish_reason"] == "stop":
        assert set(json.loads(first["message"]["content"])) == {"name", "kind"}
    if kind == "call":
        assert first["finish_reason"] == "tool_calls"


def test_calls_under_a_grammar_with_a_seed(solo):
    for seed in range(4):
        fields = {"tools": TOOLS, "tool_choice": "required", "parallel_tool_calls": False, "max_tokens": 80}
        answer = solo.chat("do it", temperature=1.2, seed=seed, **fields)
        (call,) = answer.message["tool_calls"]
        given = json.loads(call["function"]["arguments"])
        assert given in ({}, {"path": "stats.py"}, {"path": "shop.py"})
        assert answer.document["slm"]["grammar_error"] is None
        stream = solo.stream_chat("do it", temperature=1.2, seed=seed, **fields)
        assert [one["function"] for one in stream.calls] == [call["function"]]


def test_several_at_once_wait_for_each_other(solo):
    with ThreadPoolExecutor(4) as pool:
        texts = list(pool.map(lambda n: heard(ask(solo, "greedy")), range(4)))
    assert all(text == texts[0] for text in texts)
    assert solo.busy == 0


def test_whoever_leaves_stops_the_generation(solo):
    connection = solo.open("/v1/completions", {"model": "flywheel-tiny", "prompt": "x", "max_tokens": 500,
                                               "logit_bias": {"1522": -100}})  # fmt: skip
    wait_until(lambda: solo.info["progress"]["in_flight"] == 1)
    connection.close()
    wait_until(lambda: solo.busy == 0, 1)
    assert solo.complete("x", max_tokens=2).status == 200


def test_turns_prefill_what_is_new(solo):
    messages, total = [{"role": "user", "content": "Mend shop.py. " * 10}], 0
    for turn in range(4):
        answer = solo.chat(messages, response_format=FORMAT, max_tokens=80)
        assert answer.choice["finish_reason"] == "stop"
        if turn:
            assert total - 1 - 4 <= answer.cached < answer.usage["prompt_tokens"]  # a draft's guesses are not kept
        total = answer.usage["total_tokens"]
        messages += [answer.message, {"role": "user", "content": f"Another, number {turn}."}]
    again = [solo.chat(messages, max_tokens=5) for _ in range(3)]
    assert len({one.message["content"] for one in again}) == 1
    assert again[-1].cached == again[-1].usage["prompt_tokens"] - 1


def test_a_full_window(solo):
    answer = solo.complete([100] * 504, max_tokens=8, logit_bias={"1522": -100})
    assert answer.usage["total_tokens"] == 512
    assert solo.complete([100] * 511, max_tokens=1).status == 200
    assert solo.complete([100] * 512, max_tokens=1).error["code"] == "context_length_exceeded"


def test_an_adapter(launch, weights, engine, tmp_path):
    """It is loaded, changes answers and the identity, and batches."""
    config = json.loads((weights / "config.json").read_text())
    hidden, layers = config["hidden_size"], config["num_hidden_layers"]
    width = config["num_attention_heads"] * config["head_dim"]
    rng = np.random.default_rng(0)
    matrices = {}
    for layer in range(layers):
        name = f"model.layers.{layer}.self_attn.q_proj"
        matrices[f"{name}.lora_a"] = rng.standard_normal((hidden, 4)).astype(np.float32)
        matrices[f"{name}.lora_b"] = rng.standard_normal((4, width)).astype(np.float32)
    save_file(matrices, str(tmp_path / "adapters.safetensors"))
    parameters = {"rank": 4, "scale": 4.0, "dropout": 0.0, "keys": ["self_attn.q_proj"]}
    (tmp_path / "adapter_config.json").write_text(
        json.dumps({"fine_tune_type": "lora", "num_layers": layers, "lora_parameters": parameters})
    )
    adapted = launch(adapter_path=str(tmp_path)).ready()
    try:
        assert adapted.info["identity"]["weights_sha"] != engine.info["identity"]["weights_sha"]
        assert adapted.info["batching"] and adapted.info["notes"] == []
        assert heard(ask(adapted, "greedy")) != heard(ask(engine, "greedy"))
        assert heard(ask(adapted, "call"))["finish_reason"] == "tool_calls"
    finally:
        adapted.end()
