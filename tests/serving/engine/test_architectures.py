"""Sliding windows and recurrent layers: caches that cannot be cut back. Tiny random models of such architectures."""

from __future__ import annotations

import importlib
import json
import shutil
from pathlib import Path

import pytest

pytestmark = pytest.mark.mlx
pytest.importorskip("mlx_lm")

import mlx.core as mx
from mlx.utils import tree_flatten

from slm_ext.serving.engine.prefixes import PrefixCache
from slm_ext.testing.random_model import write_random_model

from ..conftest import wait_until
from .conftest import TINY
from .inside import answer, finished, new_job, scheduling

COMMON = {"vocab_size": 1536, "hidden_size": 64, "intermediate_size": 64, "num_attention_heads": 2,
          "num_key_value_heads": 1, "head_dim": 32, "max_position_embeddings": 2048, "rope_theta": 10000.0,
          "rms_norm_eps": 1e-5, "tie_word_embeddings": True, "eos_token_id": 1522}  # fmt: skip
ARCHITECTURES = {
    "gemma3_text": {"num_hidden_layers": 2, "sliding_window": 16, "sliding_window_pattern": 2},
    "qwen3_next": {"num_hidden_layers": 2, "full_attention_interval": 2, "linear_num_value_heads": 2,
                   "linear_num_key_heads": 1, "linear_key_head_dim": 32, "linear_value_head_dim": 32,
                   "linear_conv_kernel_dim": 4, "num_experts": 0, "num_experts_per_tok": 0, "decoder_sparse_step": 1,
                   "shared_expert_intermediate_size": 32, "moe_intermediate_size": 32, "mlp_only_layers": [0, 1],
                   "partial_rotary_factor": 0.5, "norm_topk_prob": True},
    "mamba2": {"num_hidden_layers": 2, "num_heads": 4, "head_dim": 32, "intermediate_size": 128, "state_size": 16,
               "layer_norm_epsilon": 1e-5, "conv_kernel": 4, "n_groups": 1, "use_bias": False, "use_conv_bias": True,
               "time_step_limit": [0.0, 100.0], "time_step_rank": "auto"},
}  # fmt: skip
LATENT = {"num_hidden_layers": 1, "num_key_value_heads": 2, "kv_lora_rank": 32, "q_lora_rank": 32,
          "qk_rope_head_dim": 32, "qk_nope_head_dim": 32, "v_head_dim": 32, "first_k_dense_replace": 1,
          "n_routed_experts": 2, "n_shared_experts": 1, "moe_intermediate_size": 32}  # fmt: skip
"""deepseek_v3: its cache is a plain one, but attention reads it in a way of its own."""
PROMPT = list(range(300, 340))
"""Longer than the sliding window."""


def write(folder: Path, kind: str, shape: dict) -> Path:
    """A folder of random weights that `mlx_lm.load` takes, with flywheel-tiny's tokenizer."""
    folder.mkdir()
    config = COMMON | shape | {"model_type": kind}
    (folder / "config.json").write_text(json.dumps(config))
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(TINY / name, folder / name)
    module = importlib.import_module(f"mlx_lm.models.{kind}")
    mx.random.seed(7)
    model = module.Model(module.ModelArgs.from_dict(config))
    mx.save_safetensors(str(folder / "model.safetensors"), dict(tree_flatten(model.parameters())), {"format": "mlx"})
    return folder


@pytest.fixture(scope="module")
def folders(tmp_path_factory) -> dict[str, Path]:
    place = tmp_path_factory.mktemp("architectures")
    plain = write_random_model(place / "llama")
    return {kind: write(place / kind, kind, shape) for kind, shape in ARCHITECTURES.items()} | {"llama": plain}


@pytest.fixture(scope="module", params=ARCHITECTURES)
def scheduler(request, folders):
    with scheduling(folders[request.param], max_streams=4) as scheduler:
        yield scheduler


def test_the_same_prompt_again_comes_from_the_cache(scheduler):
    first = answer(scheduler, PROMPT)
    again = answer(scheduler, PROMPT)
    assert (first.cached, again.cached) == (0, len(PROMPT) - 1) and again.ids == first.ids
    longer = answer(scheduler, [*PROMPT, *first.ids, 400, 401])
    assert longer.cached == len(PROMPT) + len(first.ids)


def test_a_cancelled_answer_costs_no_second_prefill(scheduler, monkeypatch):
    for tokens in (0, 1, 5):  # as early as it gets, and later
        prompt = [500 + tokens, *PROMPT]
        job = new_job(prompt, 5000)
        scheduler.submit(job)
        wait_until(lambda job=job, tokens=tokens: scheduler._running.jobs and len(job.ids) >= tokens)
        scheduler.cancel(job)
        assert finished([job]) == ["cancelled"]
        wait_until(lambda: scheduler.in_flight == 0)
        again = answer(scheduler, prompt)
        assert again.cached == len(prompt) - 1
        assert again.ids[: len(job.ids)] == job.ids[:20]
        assert again.ids == unaided(scheduler, monkeypatch, prompt)


def test_a_stream_that_leaves_before_its_first_step_is_not_kept_as_more_than_it_is(scheduler, monkeypatch):
    """The last token of its prompt has not gone in, which a recurrent state does not tell."""
    prompt, more = [997, *PROMPT], [400, 401]
    job = new_job(prompt, 50)
    join = scheduler._running.join

    def joined(jobs, cache):
        join(jobs, cache)
        job.cancelled = True

    monkeypatch.setattr(scheduler._running, "join", joined)
    scheduler.submit(job)
    assert finished([job]) == ["cancelled"] and job.ids == []
    monkeypatch.undo()
    again = answer(scheduler, [*prompt, *more])
    assert again.cached == len(prompt) - 1
    assert again.ids == unaided(scheduler, monkeypatch, [*prompt, *more])


def unaided(scheduler, monkeypatch, prompt: list[int]) -> list[int]:
    """The answer without any prefix."""
    with monkeypatch.context() as patched:
        patched.setattr(scheduler, "_prefixes", PrefixCache())
        return answer(scheduler, prompt).ids


def test_each_of_a_batch_is_answered_as_if_alone(scheduler):
    prompts = [PROMPT[:5], [350, *PROMPT], [351, *PROMPT[:20]], [352]]
    lengths = [60, 10, 33, 20]
    alone = [answer(scheduler, prompt, tokens).ids for prompt, tokens in zip(prompts, lengths, strict=True)]
    for _ in range(2):  # the second time from the prefix cache
        jobs = [new_job(prompt, tokens) for prompt, tokens in zip(prompts, lengths, strict=True)]
        for job in jobs:
            scheduler.submit(job)
        assert finished(jobs) == ["length"] * 4
        assert [job.ids for job in jobs] == alone
    wait_until(lambda: scheduler.in_flight == 0)


@pytest.mark.parametrize("kind", ARCHITECTURES)
def test_what_such_a_model_cannot_is_said_at_load(folders, kind):
    cache = "RotatingKVCache" if kind == "gemma3_text" else "ArraysCache"
    for target, draft in ((kind, kind), ("llama", kind), (kind, "llama")):
        with (
            pytest.raises(ValueError, match=f"draft model .*{cache}"),
            scheduling(folders[target], draft_model=str(folders[draft])),
        ):
            pass
    with pytest.raises(ValueError, match=f"kv_bits .*{cache}.* cannot quantize"), scheduling(folders[kind], kv_bits=8):
        pass


def test_a_quantized_cache_is_tried_at_load(tmp_path):
    folder = write(tmp_path / "model", "deepseek_v3", LATENT)
    with scheduling(folder) as scheduler:
        assert answer(scheduler, PROMPT, 2).finish == "length"
    with pytest.raises(ValueError, match="kv_bits: this architecture cannot read"), scheduling(folder, kv_bits=8):
        pass


def test_code_beside_the_weights_is_not_run(folders, tmp_path):
    """Neither the architecture's nor the tokenizer's."""
    folder, ran = tmp_path / "model", tmp_path / "ran"
    shutil.copytree(folders["llama"], folder)
    (folder / "planted.py").write_text(f"open({str(ran)!r}, 'w').close()\nfrom mlx_lm.models.llama import *\n")
    for name, key, value in (
        ("tokenizer_config.json", "auto_map", {"AutoTokenizer": ["planted.Tokenizer", "planted.Tokenizer"]}),
        ("config.json", "auto_map", {"AutoConfig": "planted.ModelArgs"}),
    ):
        document = json.loads((folder / name).read_text())
        (folder / name).write_text(json.dumps(document | {key: value}))
    with scheduling(folder) as scheduler:
        assert answer(scheduler, PROMPT, 2).finish == "length"
    document = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(document | {"model_file": "planted.py"}))
    for fields in ({"folder": folder}, {"folder": folders["llama"], "draft_model": str(folder)}):
        with pytest.raises(ValueError, match="custom module"), scheduling(**fields):
            pass
    assert not ran.exists()
