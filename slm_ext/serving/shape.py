"""What of a model decides how much memory it takes: read from `config.json` and safetensors headers, nothing loaded.

Rooms for keys and values are those mlx-lm makes: a sliding layer keeps its window, multi-head latent attention the
latent; a layer that is neither is counted as full attention, and said so where that is more than it takes.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .folders import tensors, weight_files
from .widening import pays

__all__ = ["ModelShape", "config_shape", "folder_shape"]

STEP = 256
"""mlx-lm makes room for keys and values in steps of so many tokens."""
QUANTIZED_FROM = 5000
"""Tokens before mlx-lm quantizes a KV cache (`--quantized-kv-start`)."""
GROUP = 64

_WIDTHS = {"F64": 8, "F32": 4, "F16": 2, "BF16": 2, "float64": 8, "float32": 4, "float16": 2, "bfloat16": 2}
_SLIDING = {
    "afmoe", "cohere2", "exaone_moe", "gear", "gemma3", "gemma3_text", "gemma3n", "gemma3n_text", "gemma4",
    "gemma4_text", "gpt_oss", "laguna", "llama", "mellum", "ministral3", "mistral", "olmo3",
}  # fmt: skip
"""Architectures whose sliding layers mlx-lm 0.32 gives a cache of the window's size."""
_EVERY_NTH_FULL = {"cohere2", "gemma3", "gemma3_text"}
_LATENT = {"deepseek_v3", "deepseek_v32", "kimi_k2"}
_OTHER_STATE = (
    "mamba", "linear", "recurrent", "conv", "ssm", "rwkv", "hybrid", "lfm2", "jamba", "nemotron_h", "falcon_h1",
    "qwen3_next", "qwen3_5", "plamo2",
)  # fmt: skip
"""Parts of names of architectures and layers that keep a fixed state in place of keys and values."""


@dataclass(frozen=True)
class ModelShape:
    """Numbers of one model. Key and value numbers are of one token, keys and values together."""

    weights: int
    """Bytes in memory."""
    width: int
    """Bytes of one number of its activations, and of its KV cache."""
    full: int
    """Numbers per token in layers that keep every token."""
    sliding: int = 0
    """Numbers per token in layers that keep a window."""
    window: int = 0
    """Tokens of that window."""
    heads: int = 0
    hidden: int = 0
    trained_context: int | None = None
    """Tokens the model was made for."""
    notes: tuple[str, ...] = ()

    def kv_per_token(self, kv_bits: int | None = None) -> int:
        """Bytes of one more token, past every sliding window."""
        return round(self.full * (_quantized(kv_bits, self.width) if kv_bits else self.width))

    def kv(self, tokens: int, kv_bits: int | None = None) -> int:
        """Bytes of the keys and values of one stream of so many tokens."""
        full = _rounded(tokens) * self.full * self.width
        if kv_bits:
            start = _rounded(min(tokens, QUANTIZED_FROM)) * self.full * self.width
            full = max(start, _rounded(tokens) * self.kv_per_token(kv_bits))
        return full + min(_rounded(tokens), _rounded(self.window)) * self.sliding * self.width


def folder_shape(folder: Path, adapter: Path | None = None) -> ModelShape:
    """The shape of a checked model folder. On Linux CPU small half-precision weights count as float32: so they run."""
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    entries = {name: entry for file in weight_files(folder) for name, entry in tensors(file).items()}
    wide = pays(folder)
    weights = sum(_bytes(entry, wide) for entry in entries.values())
    width = 4 if wide else _activations(entries)
    notes = ["small half-precision weights run as float32 on this CPU"] if wide else []
    if adapter:
        weights += (adapter / "adapters.safetensors").stat().st_size
    return config_shape(config, weights=weights, width=width, notes=tuple(notes))


def config_shape(
    config: dict[str, Any], *, weights: int, width: int | None = None, notes: tuple[str, ...] = ()
) -> ModelShape:
    """The shape of a model of which `config.json` and the size of the weights in bytes are known."""
    kind = str(config.get("model_type", ""))
    for key in ("text_config", "llm_config", "language_config"):
        if isinstance(config.get(key), dict):
            config = {**config, **config[key]}
    said = list(notes)
    layers = _number(config, "num_hidden_layers", "n_layer", "num_layers", "n_layers")
    heads = _number(config, "num_attention_heads", "n_head", "n_heads", "num_heads")
    hidden = _number(config, "hidden_size", "n_embd", "d_model", "dim")
    if not (layers and heads and hidden):
        said.append("config.json does not say layers, heads and hidden size: the window is not counted")
        return ModelShape(weights, width or 2, full=0, hidden=hidden, heads=heads, notes=tuple(said))
    per_layer = _per_layer(config, kind, heads, hidden)
    sliding = _sliding_layers(config, kind, layers)
    if any(word in text for word in _OTHER_STATE for text in (kind, *_layer_types(config))):
        said.append("hybrid architecture, estimated as dense: it takes less")
    return ModelShape(
        weights=weights,
        width=width or _WIDTHS.get(str(config.get("torch_dtype") or config.get("dtype")), 2),
        full=(layers - sliding) * per_layer,
        sliding=sliding * per_layer,
        window=_number(config, "sliding_window") if sliding else 0,
        heads=heads,
        hidden=hidden,
        trained_context=_number(config, "max_position_embeddings", "n_positions", "max_seq_len") or None,
        notes=tuple(said),
    )


def _per_layer(config: dict[str, Any], kind: str, heads: int, hidden: int) -> int:
    """Numbers of keys and values that one layer keeps of one token."""
    rank, rope = _number(config, "kv_lora_rank"), _number(config, "qk_rope_head_dim")
    if rank and kind in _LATENT:
        return rank + rope
    if rank:
        return heads * (_number(config, "qk_nope_head_dim") + rope + _number(config, "v_head_dim"))
    groups = _number(config, "num_key_value_heads", "num_kv_heads", "n_kv_heads", "multi_query_group_num") or heads
    head = _number(config, "head_dim", "kv_channels", "attention_head_dim") or hidden // heads
    return groups * (head + (_number(config, "v_head_dim") or head))


def _sliding_layers(config: dict[str, Any], kind: str, layers: int) -> int:
    """How many layers keep only the sliding window."""
    if kind not in _SLIDING or not _number(config, "sliding_window"):
        return 0
    if types := _layer_types(config):
        return sum("sliding" in word for word in types[:layers])
    every = _number(config, "sliding_window_pattern") or 6
    return sum(i % every != every - 1 for i in range(layers)) if kind in _EVERY_NTH_FULL else 0


def _layer_types(config: dict[str, Any]) -> list[str]:
    types = config.get("layer_types")
    return [str(word) for word in types] if isinstance(types, list) else []


def _number(config: dict[str, Any], *names: str) -> int:
    """The first of these keys that is a positive whole number; 0 where none is."""
    for name in names:
        value = config.get(name)
        if isinstance(value, int) and not isinstance(value, bool) and value > 0:
            return value
    return 0


def _bytes(entry: dict[str, Any], wide: bool) -> int:
    length = entry["data_offsets"][1] - entry["data_offsets"][0]
    return length * 2 if wide and entry["dtype"] in ("F16", "BF16") else length


def _activations(entries: dict[str, dict[str, Any]]) -> int:
    """Bytes of an activation: as wide as what embeds the tokens, which for quantized weights are their scales."""
    floats = {name: entry for name, entry in entries.items() if entry["dtype"] in _WIDTHS}
    embedding = [entry for name, entry in floats.items() if "embed" in name or "wte" in name]
    chosen = max(embedding or floats.values(), key=lambda entry: entry["data_offsets"][1] - entry["data_offsets"][0])
    return _WIDTHS[chosen["dtype"]]


def _quantized(bits: int, width: int) -> float:
    """Bytes of one number in a quantized cache: its bits, and a scale and a bias per group."""
    return bits / 8 + 2 * width / GROUP


def _rounded(tokens: int) -> int:
    return -(-tokens // STEP) * STEP
