"""The memory a model takes: exact where it can be counted, refused with what would fit."""

from __future__ import annotations

import json
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slm_ext.errors import ServingError
from slm_ext.serving import memory, widening
from slm_ext.serving.memory import estimate, estimate_shape, largest_context, readable, require_memory
from slm_ext.serving.shape import config_shape, folder_shape
from slm_ext.testing.models import make_random_model

GB = 10**9
QWEN = {
    "model_type": "qwen3_moe", "num_hidden_layers": 48, "num_attention_heads": 32, "num_key_value_heads": 4,
    "head_dim": 128, "hidden_size": 2048, "torch_dtype": "bfloat16", "max_position_embeddings": 262144,
}  # fmt: skip
GEMMA = {
    "model_type": "gemma3", "text_config": {
        "model_type": "gemma3_text", "num_hidden_layers": 12, "num_attention_heads": 8, "num_key_value_heads": 4,
        "head_dim": 256, "hidden_size": 2560, "sliding_window": 1024, "sliding_window_pattern": 6,
    },
}  # fmt: skip


def write(folder, config: dict, tensors: dict[str, tuple[str, int]]):
    """A model folder with headers of that many bytes; the data is a hole in the file."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(config))
    header, at = {}, 0
    for name, (dtype, length) in tensors.items():
        header[name] = {"dtype": dtype, "shape": [length], "data_offsets": [at, at + length]}
        at += length
    raw = json.dumps(header).encode()
    with open(folder / "model.safetensors", "wb") as stream:
        stream.write(struct.pack("<Q", len(raw)) + raw)
        stream.truncate(8 + len(raw) + at)
    return folder


def test_weights_are_those_of_the_headers(tmp_path):
    big = write(tmp_path, QWEN, {"model.embed_tokens.scales": ("BF16", GB), "w": ("U32", 16 * GB)})
    shape = folder_shape(big)
    assert (shape.weights, shape.width) == (17 * GB, 2)


def test_small_half_precision_counts_as_it_runs(tmp_path):
    model = make_random_model(tmp_path)
    shape = folder_shape(model)
    data = sum(file.stat().st_size for file in model.glob("*.safetensors"))
    if widening.pays(model):
        assert shape.width == 4 and data < shape.weights < 2 * data
        assert "float32" in shape.notes[0]
    else:
        assert shape.width == 2 and data * 0.8 < shape.weights < data


def test_kv_of_grouped_heads():
    shape = config_shape(QWEN, weights=17 * GB)
    assert shape.kv_per_token() == 48 * 4 * 128 * 2 * 2 == 98304
    assert shape.kv(32768) == 32768 * 98304
    assert shape.kv_per_token(8) == 48 * 4 * 128 * 2 * (1 + 2 * 2 / 64)
    assert shape.kv(32768, 8) == pytest.approx(shape.kv(32768) * 17 / 32)
    assert shape.kv(100, 4) == shape.kv(256), "quantized from 5000 tokens on; room in steps of 256"


def test_without_head_dim_and_groups():
    shape = config_shape({"model_type": "gpt2", "n_layer": 12, "n_head": 12, "n_embd": 768}, weights=1, width=4)
    assert shape.kv_per_token() == 12 * 768 * 2 * 4


def test_sliding_layers_keep_a_window():
    shape = config_shape(GEMMA, weights=1, width=2)
    layer = 4 * 256 * 2 * 2
    assert shape.kv_per_token() == 2 * layer, "two of twelve layers keep everything"
    assert shape.kv(512) == 12 * layer * 512
    assert shape.kv(8192) == 2 * layer * 8192 + 10 * layer * 1024
    named = {**QWEN, "model_type": "gpt_oss", "sliding_window": 128, "num_hidden_layers": 4,
             "layer_types": ["sliding_attention", "full_attention"] * 2}  # fmt: skip
    assert config_shape(named, weights=1).kv_per_token() == 2 * 4 * 128 * 2 * 2
    unused = {**QWEN, "model_type": "qwen2", "sliding_window": 128, "layer_types": ["sliding_attention"] * 48}
    assert config_shape(unused, weights=1).kv_per_token() == 98304, "mlx-lm keeps all of it there"


def test_latent_attention():
    config = {"model_type": "deepseek_v3", "num_hidden_layers": 61, "num_attention_heads": 128, "hidden_size": 7168,
              "num_key_value_heads": 128, "kv_lora_rank": 512, "qk_rope_head_dim": 64, "qk_nope_head_dim": 128,
              "v_head_dim": 128}  # fmt: skip
    assert config_shape(config, weights=1, width=2).kv_per_token() == 61 * 576 * 2
    other = {**config, "model_type": "deepseek_v2"}
    assert config_shape(other, weights=1, width=2).kv_per_token() == 61 * 128 * (192 + 128) * 2


def test_what_is_not_known_is_said():
    hybrid = config_shape({**QWEN, "model_type": "qwen3_next"}, weights=1)
    assert any("estimated as dense" in note for note in hybrid.notes)
    assert hybrid.kv_per_token() == 98304
    unknown = config_shape({"model_type": "new"}, weights=1)
    assert unknown.kv_per_token() == 0 and "not counted" in unknown.notes[0]


def test_parts_add_up(tmp_path):
    main = write(tmp_path / "main", QWEN, {"embed_tokens.scales": ("BF16", GB), "w": ("U32", 16 * GB)})
    small = write(tmp_path / "draft", {**QWEN, "num_hidden_layers": 4}, {"embed_tokens.weight": ("BF16", 2 * GB)})
    (tmp_path / "adapters.safetensors").write_bytes(bytes(1000))
    found = estimate(main, context_tokens=4096, streams=3, adapter=tmp_path, draft=small, cache_bytes=5)
    assert found.weights == 19 * GB + 1000
    assert found.kv == 3 * 4096 * (98304 + 98304 // 12)
    assert found.total == found.weights + found.kv + 5 + found.working
    assert found.document()["kv_bits"] is None and "3 × 4096 tokens" in str(found)


@given(
    context=st.integers(1, 300_000), streams=st.integers(1, 64), bits=st.sampled_from([None, 8, 4]),
    available=st.integers(0, 400 * GB),
)  # fmt: skip
def test_the_largest_context_fits_and_one_step_more_does_not(context, streams, bits, available):
    shape = config_shape(QWEN, weights=17 * GB)

    def size(context_tokens=context):
        return estimate_shape(shape, context_tokens=context_tokens, streams=streams, kv_bits=bits)

    n = largest_context(available, size)
    assert n == 0 or size(context_tokens=n).total <= available
    assert n == memory.SEARCHED_TOKENS or size(context_tokens=n + 256).total > available
    assert size().total >= estimate_shape(shape, context_tokens=context, streams=1, kv_bits=bits).total


def test_refused_with_what_would_fit(tmp_path, monkeypatch):
    monkeypatch.setenv("SLM_HOME", str(tmp_path / "home"))
    folder = write(tmp_path / "m", QWEN, {"embed_tokens.scales": ("BF16", GB), "w": ("U32", 16 * GB)})
    asked = {"context_tokens": 32768, "streams": 4}
    needed = estimate(folder, **asked)
    assert require_memory(folder, **asked, available=needed.total) == needed
    with pytest.raises(ServingError) as caught:
        require_memory(folder, **asked, available=needed.total - 1)
    text = str(caught.value)
    assert "weights 17.0 GB" in text and "4 × 32768 tokens" in text
    assert "3 streams of 32768 tokens; 4 streams of 32512 tokens; kv_bits 8 as it is" in text
    assert caught.value.exit_code == 2


def test_refused_where_the_weights_alone_are_too_much(tmp_path, monkeypatch):
    monkeypatch.setenv("SLM_HOME", str(tmp_path / "home"))
    folder = write(tmp_path / "m", QWEN, {"embed_tokens.scales": ("BF16", GB), "w": ("U32", 16 * GB)})
    with pytest.raises(ServingError) as caught:
        require_memory(folder, context_tokens=1024, streams=1, available=16 * GB)
    assert caught.value.allowed == "a model that fits, such as flywheel-tiny"
    assert "choose another model" in caught.value.next_step


def test_available():
    import psutil

    assert 0 < memory.available_bytes() <= psutil.virtual_memory().total


def test_readable():
    assert [readable(n) for n in (17_200_000_000, 999, 123 * 10**6, 999_999)] == [
        "17.2 GB", "999 bytes", "123 MB", "1.0 MB",
    ]  # fmt: skip
