"""Prompts on their way into caches, chunk by chunk. Several short ones go through the model together.

The size of a chunk adapts to the machine: none takes much longer than half a second.
"""

from __future__ import annotations

import time
from collections import deque
from typing import Any

import mlx.core as mx
from mlx_lm.generate import maybe_quantize_kv_cache
from mlx_lm.models.cache import KVCache

from .batch import merged
from .job import Job
from .loading import LoadedModel
from .solo import QUANTIZED_FROM

__all__ = ["Prefill", "Prefiller"]

_SMALLEST_CHUNK, _LARGEST_CHUNK = 32, 2048
_FAST_S, _SLOW_S = 0.2, 0.5
_PADDING = 1.5
"""Prompts go together as long as padding them to one length costs no more than this factor."""


class Prefill:
    """A prompt on its way into a cache: `done` of its tokens are in."""

    def __init__(self, job: Job, cache: list[Any], done: int):
        self.job, self.cache, self.done = job, cache, done

    @property
    def left(self) -> int:
        """Tokens still to go, but for the last, with which decoding begins."""
        return len(self.job.prompt.ids) - 1 - self.done

    def tokens(self, count: int) -> list[int]:
        """The next `count` of them."""
        return self.job.prompt.ids[self.done : self.done + count]


class Prefiller:
    """Takes prompts through one model. Used by the generation thread only."""

    def __init__(self, loaded: LoadedModel, kv_bits: int | None):
        self._loaded, self._kv_bits = loaded, kv_bits
        self._chunk = 512

    def next(self, waiting: deque[Prefill]) -> list[Prefill]:
        """Who goes through the model now: the first, and with it short ones behind it that fit into the same chunk."""
        first, group = waiting[0], [waiting[0]]
        if not self._loaded.batching or not 0 < first.left <= self._chunk:
            return group
        for other in list(waiting)[1:]:
            longest = max(p.left for p in [*group, other])
            padded, plain = longest * (len(group) + 1), sum(p.left for p in [*group, other])
            if other.left and padded <= min(self._chunk, _PADDING * plain) and _plain(other) and _plain(first):
                group.append(other)
        return group

    def advance(self, group: list[Prefill]) -> list[Any] | None:
        """One chunk of a prompt, or all that is left of several. Returns the merged cache of several."""
        began = time.perf_counter()
        size = min(self._chunk, group[0].left) if len(group) == 1 else sum(p.left for p in group)
        cache = self._one(group[0], size) if len(group) == 1 else self._together(group)
        took = time.perf_counter() - began
        if took > _SLOW_S and self._chunk > _SMALLEST_CHUNK:
            self._chunk //= 2
        elif took < _FAST_S and size >= self._chunk // 2 and self._chunk < _LARGEST_CHUNK:
            self._chunk *= 2
        return cache

    def _one(self, prefill: Prefill, size: int) -> None:
        tokens = mx.array(prefill.tokens(size))[None]
        layers = len(self._loaded.model.layers)
        self._loaded.model(tokens, cache=prefill.cache[:layers])
        if self._loaded.draft is not None:
            self._loaded.draft(tokens, cache=prefill.cache[layers:])
        if self._kv_bits:
            maybe_quantize_kv_cache(prefill.cache, QUANTIZED_FROM, self._loaded.kv_group, self._kv_bits)
        mx.eval([layer.state for layer in prefill.cache])
        mx.clear_cache()
        prefill.done += size

    def _together(self, group: list[Prefill]) -> list[Any]:
        lengths = [p.left for p in group]
        padding = [max(lengths) - length for length in lengths]
        tokens = mx.array(
            [p.tokens(length) + [0] * pad for p, length, pad in zip(group, lengths, padding, strict=True)]
        )
        cache = merged([p.cache for p in group])
        if any(padding):
            for layer in cache:
                layer.prepare(lengths=lengths, right_padding=padding)
        self._loaded.model(tokens, cache=cache)
        if any(padding):
            for layer in cache:
                layer.finalize()
        mx.eval([layer.state for layer in cache])
        mx.clear_cache()
        for prefill, length in zip(group, lengths, strict=True):
            prefill.done += length
        return cache


def _plain(prefill: Prefill) -> bool:
    """Whether its cache may be padded and cut without loss."""
    return all(type(layer) is KVCache for layer in prefill.cache)
