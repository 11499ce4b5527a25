"""Choosing the next token: one sampler for all requests with the same settings, one of its own for a seed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache

import mlx.core as mx
from mlx_lm.sample_utils import (
    apply_min_p,
    apply_top_k,
    apply_top_p,
    make_logits_processors,
)

__all__ = ["Sampler", "Sampling", "greedy", "sampler_for"]

COLDEST = 1e-4
"""Below this temperature the likeliest token is taken: logits divided by less leave the range of float32."""

Sampler = Callable[[mx.array], mx.array]
"""(rows of logits) → one token id each."""


@dataclass(frozen=True)
class Sampling:
    """How tokens are drawn. Zero, one or None switches a setting off, as in the OpenAI API."""

    temperature: float = 0.0
    top_p: float = 1.0
    top_k: int = 0
    min_p: float = 0.0
    seed: int | None = None
    repetition_penalty: float | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    logit_bias: dict[int, float] = field(default_factory=dict, hash=False)

    def processors(self) -> list[Callable[[mx.array, mx.array], mx.array]]:
        """Functions of (token ids so far, row of logits), in mlx-lm's order."""
        return make_logits_processors(
            self.logit_bias or None,
            repetition_penalty=self.repetition_penalty if self.repetition_penalty != 1 else None,
            presence_penalty=self.presence_penalty,
            frequency_penalty=self.frequency_penalty,
        )


def greedy(logits: mx.array) -> mx.array:
    """The likeliest token of each row."""
    return mx.argmax(logits, axis=-1)


def sampler_for(sampling: Sampling) -> Sampler:
    """The sampler of one request. Equal settings without a seed share one, so that a batch is drawn at once."""
    if sampling.temperature < COLDEST:
        return greedy
    settings = (sampling.temperature, sampling.top_p, max(sampling.top_k, 0), sampling.min_p)
    if sampling.seed is None:
        return _shared(*settings)
    key = mx.random.key(sampling.seed % 2**64)

    def seeded(logits: mx.array) -> mx.array:
        nonlocal key
        key, use = mx.random.split(key)
        return _draw(logits, *settings, key=use)

    return seeded


@lru_cache(maxsize=256)
def _shared(temperature: float, top_p: float, top_k: int, min_p: float) -> Sampler:
    return lambda logits: _draw(logits, temperature, top_p, top_k, min_p)


def _draw(logits: mx.array, temperature: float, top_p: float, top_k: int, min_p: float, key=None) -> mx.array:
    if top_p < 1 or min_p or top_k:
        logits = logits - mx.logsumexp(logits, axis=-1, keepdims=True)
        if top_p < 1:
            logits = apply_top_p(logits, top_p)
        if min_p:
            logits = apply_min_p(logits, min_p)
        if 0 < top_k < logits.shape[-1]:
            logits = apply_top_k(logits, top_k)
    return mx.random.categorical(logits * (1 / temperature), key=key)
