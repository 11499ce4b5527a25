"""Decoding one request at a time, for what cannot be batched: a draft model, a quantized KV cache, unusual caches."""

from __future__ import annotations

from typing import Any

import mlx.core as mx
from mlx_lm.generate import generate_step, speculative_generate_step
from mlx_lm.models.cache import trim_prompt_cache

from .batch import ids_of, logprob_of
from .constraint import Constraint
from .job import Job

__all__ = ["QUANTIZED_FROM", "Solo"]

QUANTIZED_FROM = 0
"""Position from which a quantized KV cache is quantized."""


class Solo:
    """Like `Batch`, for one stream. Makes a draft's guesses obey the grammar too, so that they are not made in vain."""

    capacity = 1

    def __init__(self, loaded: Any):
        self._loaded = loaded
        self.jobs: list[Job] = []
        self._cache: list[Any] = []
        self._tokens: Any = None

    def join(self, job: Job, cache: list[Any]) -> None:
        """Take in the stream whose prompt, but for the last token, is in `cache`."""
        loaded = self._loaded
        processors = [_behind(job.prompt.ids[:-1], processor) for processor in job.processors]
        if job.constraint is not None:
            processors.append(_Follower(job.constraint))
        self.jobs, self._cache = [job], cache
        common: dict[str, Any] = {
            "max_tokens": job.max_tokens,
            "sampler": job.sampler,
            "logits_processors": processors,
            "prompt_cache": cache,
            "kv_bits": loaded.config.kv_bits,
            "kv_group_size": loaded.kv_group,
            "quantized_kv_start": QUANTIZED_FROM,
        }
        prompt, stream = mx.array(job.prompt.ids[-1:]), mx.default_stream(mx.default_device())
        if loaded.draft is None:
            self._tokens = generate_step(prompt, loaded.model, stream, **common)
        else:
            self._tokens = speculative_generate_step(
                prompt, loaded.model, loaded.draft, stream, num_draft_tokens=loaded.draft_tokens, **common
            )

    def step(self) -> list[tuple[Job, int]]:
        """The stream's next token."""
        job = self.jobs[0]
        token, logprobs, *_ = next(self._tokens)
        if job.top_logprobs is not None:
            job.logprobs.append(logprob_of(logprobs, int(token), job.top_logprobs))
        return [(job, int(token))]

    def leave(self, jobs: list[Job]) -> list[tuple[list[int], list[Any]]]:
        """Let the stream go. Returns the tokens that its cache holds, and the cache."""
        if not jobs or self._tokens is None:
            return []
        self._tokens.close()  # takes back what a draft put into the caches in vain
        job, cache = self.jobs[0], self._cache
        held = [*job.prompt.ids, *job.ids] if job.ids else job.prompt.ids[:-1]  # without a step nothing went in
        held = held[: _level(cache, len(held))]
        self.jobs, self._cache, self._tokens = [], [], None
        return [(held, cache)]

    @property
    def nbytes(self) -> int:
        """Bytes of the keys and values."""
        return sum(layer.nbytes for layer in self._cache)


def _level(cache: list[Any], most: int) -> int:
    """Cut every layer down to what all of them hold, `most` tokens or fewer: a draft and its target may differ.

    Returns that number. Layers that do not tell hold `most`.
    """
    telling = [layer for layer in cache if isinstance(getattr(layer, "offset", None), int)]
    held = min([most, *(layer.offset for layer in telling)])
    for layer in telling:
        if layer.offset > held:
            trim_prompt_cache([layer], layer.offset - held)
    return held


def _behind(ids: list[int], processor: Any) -> Any:
    """A logits processor that also sees the part of the prompt, `ids`, which mlx-lm is not given here."""
    head = mx.array(ids, dtype=mx.uint32)
    return lambda tokens, logits: processor(mx.concatenate([head, tokens]), logits)


class _Follower:
    """A constraint as mlx-lm's logits processor. Draft and target ask in turn about the same positions."""

    def __init__(self, constraint: Constraint):
        self._constraint = constraint
        self._base: int | None = None  # tokens that were there before the constraint

    def __call__(self, tokens: mx.array, logits: mx.array) -> mx.array:
        mx.async_eval(logits)
        if self._base is None:
            self._base = tokens.size
        wanted, had = ids_of(tokens[self._base :]), self._constraint.consumed
        same = next(
            (i for i, (a, b) in enumerate(zip(wanted, had, strict=False)) if a != b), min(len(wanted), len(had))
        )
        self._constraint.rollback(len(had) - same)
        for token in wanted[same:]:
            self._constraint.consume(token)
        row = self._constraint.row()
        return logits if row is None else logits + mx.array(row)
