"""The model in memory: weights, tokenizer, draft, what they can and cannot do together."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import mlx.core as mx
from mlx_lm.generate import maybe_quantize_kv_cache
from mlx_lm.models.cache import KVCache, make_prompt_cache
from mlx_lm.utils import load, load_config

from slm_ext.serving.identity import Identity, folder_identity
from slm_ext.toolcalls.formats import detect

from .config import EngineConfig

__all__ = ["LoadedModel", "load_model"]

UNKNOWN_WINDOW = 4096


class LoadedModel:
    """A model that can answer. Made by `load_model`, in the thread that will run it.

    Attributes:
        identity: what was loaded, hashed here.
        window: tokens of prompt and answer together.
        vocabulary: size of a row of logits.
        trimmable: whether its KV cache, however full, can be cut back to a beginning of what it holds.
        kv_group: numbers that share a scale in a quantized KV cache.
        batching: whether several requests are decoded at the same time.
        notes: what the settings switch off, in words.
        wire_format: how the model writes tool calls; None where its format is none of ours.
    """

    def __init__(self, config: EngineConfig):
        weights = config.weights_path or config.model_path
        self.config = config
        self.model, self.tokenizer, *_ = load(weights, adapter_path=config.adapter_path)
        self.draft, self.draft_tokens = None, config.num_draft_tokens or 3
        if config.draft_model:
            self.draft, draft_tokenizer, *_ = load(config.draft_model)
            if draft_tokenizer.get_vocab() != self.tokenizer.get_vocab():
                raise ValueError(f"the draft model {config.draft_model} has another vocabulary than {config.model_id}")
        self.settings = load_config(Path(weights))
        adapter = Path(config.adapter_path) if config.adapter_path else None
        self.identity: Identity = folder_identity(Path(config.model_path), config.model_id, adapter=adapter)
        self.identity.kind = "echoed"
        self.window = config.context_tokens or _window(self.settings)
        self.eos_ids = sorted(self.tokenizer.eos_token_ids)
        cache = self.new_cache()
        first = mx.array([[self.eos_ids[0] if self.eos_ids else 0]])
        unusual = sorted({type(layer).__name__ for layer in cache if type(layer) is not KVCache})
        self.trimmable = not unusual  # others forget what they held: a sliding window as soon as it is full
        if self.draft is not None and unusual:
            raise ValueError(
                f"a draft model needs models whose KV cache can be trimmed; one of these has {', '.join(unusual)}"
            )
        if config.kv_bits and unusual:
            raise ValueError(
                f"kv_bits needs a model that keeps plain keys and values in every layer; this one has "
                f"{', '.join(unusual)}, which mlx-lm cannot quantize"
            )
        self.vocabulary = self._prove(first, cache)
        self.kv_group = _kv_group(cache) if config.kv_bits else 0
        if config.kv_bits:
            maybe_quantize_kv_cache(cache, 0, self.kv_group, config.kv_bits)
            try:
                self._prove(first, cache)
            except Exception as error:
                raise ValueError(f"kv_bits: this architecture cannot read a quantized KV cache ({error})") from error
        self.wire_format = detect(
            self.template_text, getattr(self.tokenizer, "init_kwargs", {}).get("tool_parser_type")
        )
        self.notes = self._notes(cache)
        self.batching = not self.notes

    @property
    def template_text(self) -> str | None:
        """The chat template; with several, the one for tools."""
        template = getattr(self.tokenizer, "chat_template", None)
        if isinstance(template, dict):
            template = template.get("tool_use") or template.get("default")
        return template if isinstance(template, str) else None

    def new_cache(self) -> list[Any]:
        """An empty KV cache; with a draft model, its cache follows."""
        cache = make_prompt_cache(self.model)
        return cache + make_prompt_cache(self.draft) if self.draft is not None else cache

    def tokenizer_json(self) -> str:
        """The tokenizer as `tokenizer.json` text; raises ValueError for one that is not a fast tokenizer."""
        backend = getattr(self.tokenizer, "backend_tokenizer", None)
        if backend is None:
            raise ValueError(f"{self.config.model_id} has no fast tokenizer, so no grammar can be enforced")
        return backend.to_str()

    def _prove(self, tokens: mx.array, cache: list[Any]) -> int:
        """Take `tokens` through the model, and the draft. Returns the size of a row of logits."""
        layers = len(self.model.layers)
        logits = self.model(tokens, cache=cache[:layers])
        mx.eval(logits, self.draft(tokens, cache=cache[layers:]) if self.draft is not None else [])
        return int(logits.shape[-1])

    def _notes(self, cache: list[Any]) -> list[str]:
        notes = []
        if self.draft is not None:
            notes.append("a draft model: requests are answered one at a time (no batching)")
        if self.config.kv_bits:
            notes.append(f"a KV cache of {self.config.kv_bits} bits: requests are answered one at a time (no batching)")
        if not notes and not all(hasattr(layer, "merge") for layer in cache):
            notes.append(
                "this architecture's cache cannot be merged: requests are answered one at a time (no batching)"
            )
        return notes


def load_model(config: EngineConfig) -> LoadedModel:
    """Load, and prove the weights by one forward pass. Raises what mlx-lm raises, and ValueError."""
    return LoadedModel(config)


def _kv_group(cache: list[Any]) -> int:
    """The largest group that divides every head; raises ValueError where none does."""
    sizes = {array.shape[-1] for layer in cache for array in (layer.keys, layer.values) if array is not None}
    for group in (64, 32):
        if all(size % group == 0 for size in sizes):
            return group
    raise ValueError(f"kv_bits needs attention heads of a multiple of 32; this model's have {sorted(sizes)}")


def _window(settings: dict[str, Any]) -> int:
    text = settings.get("text_config") or {}
    for place in (settings, text):
        for key in ("max_position_embeddings", "n_positions", "max_seq_len", "model_max_length"):
            if isinstance(place.get(key), int):
                return place[key]
    return UNKNOWN_WINDOW
