"""Decoding several requests at once: each step is one forward pass and gives every stream its next token.

Two things differ from mlx-lm's own batch. Masks are made in a thread beside the forward pass, since only the drawing
has to wait for them. And nothing is normalized or copied for log probabilities that nobody asked for.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any, cast

import mlx.core as mx
import numpy as np

from .job import Job, TokenLogprob

__all__ = ["Batch", "ids_of", "logprob_of", "merged"]

_CLEAR_EVERY = 512
_LEAST = -9999.0
_ON_GPU = mx.default_device().type == mx.gpu


class Batch:
    """The streams that are being decoded.

    Args:
        model: mlx-lm's.
        capacity: most streams.
    """

    def __init__(self, model: Any, capacity: int):
        self._model, self.capacity = model, capacity
        self.jobs: list[Job] = []
        self._cache: list[Any] = []
        self._inputs: mx.array | None = None  # the token that each stream feeds next
        self._fresh: set[int] = set()  # jobs whose input is the end of their prompt, not a token of theirs
        self._rows: dict[int, mx.array] = {}  # log probabilities from which a job's input was drawn
        self._steps = 0
        self._beside = ThreadPoolExecutor(1, thread_name_prefix="masks")

    def join(self, jobs: list[Job], cache: list[Any]) -> None:
        """Take in streams whose prompts, but for the last tokens, are in `cache`, merged in the same order."""
        tokens = mx.array([job.prompt.ids[-1] for job in jobs], dtype=mx.uint32)
        if self._inputs is None or not self.jobs:
            self._cache, self._inputs = cache, tokens
        else:
            for mine, other in zip(self._cache, cache, strict=True):
                mine.extend(other)
            self._inputs = mx.concatenate([self._inputs, tokens])
        self.jobs += jobs
        self._fresh |= {job.number for job in jobs}

    def step(self) -> list[tuple[Job, int]]:
        """One forward pass. Returns the tokens that went in, with their streams: they are now part of the answers."""
        inputs, jobs, fresh, rows = self._inputs, self.jobs, self._fresh, self._rows
        assert inputs is not None  # there are streams
        logits = self._model(inputs[:, None], cache=self._cache)[:, -1, :]
        if any(job.constraint or job.processors for job in jobs):
            if _ON_GPU:
                mx.async_eval(logits)  # returns at once; on a CPU only when the pass is nearly over
            tokens = ids_of(inputs)
            mask = self._beside.submit(self._mask, tokens, logits.shape)
            mx.async_eval(logits)
            self._inputs, self._rows = self._draw(self._shaped(logits, tokens, mask.result()))
            mx.async_eval(self._inputs)
        else:
            self._inputs, self._rows = self._draw(logits)
            mx.async_eval(self._inputs)
            tokens = ids_of(inputs)
        self._fresh = set()
        self._steps += 1
        if self._steps % _CLEAR_EVERY == 0:
            mx.clear_cache()
        given = [(job, token) for job, token in zip(jobs, tokens, strict=True) if job.number not in fresh]
        for job, token in given:
            if job.number in rows:
                job.logprobs.append(logprob_of(rows[job.number], token, job.top_logprobs or 0))
        return given

    def leave(self, jobs: list[Job]) -> list[tuple[list[int], list[Any]]]:
        """Let streams go. Returns of each the tokens that its cache holds, and the cache, which may be empty."""
        gone = {job.number for job in jobs}
        filled = not any(layer.empty() for layer in self._cache)  # a prompt of one token begins with an empty cache
        leaving = [(i, job) for i, job in enumerate(self.jobs) if job.number in gone]
        left = [
            (_held(job, job.number in self._fresh), [layer.extract(i) for layer in self._cache] if filled else [])
            for i, job in leaving
        ]
        mx.eval(
            [layer.state for _, cache in left for layer in cache]
        )  # unevaluated, they hold the whole batch's memory
        keep = [i for i, job in enumerate(self.jobs) if job.number not in gone]
        if keep:
            assert self._inputs is not None  # there are streams
            for layer in self._cache:
                layer.filter(keep)
            self._inputs = self._inputs[mx.array(keep)]
        else:
            self._cache, self._inputs = [], None
        self.jobs = [self.jobs[i] for i in keep]  # last: while anything fails, they are all still here
        self._fresh -= gone
        self._rows = {number: row for number, row in self._rows.items() if number not in gone}
        return left

    @property
    def nbytes(self) -> int:
        """Bytes of the keys and values."""
        return sum(layer.nbytes for layer in self._cache)

    def _shaped(self, logits: mx.array, tokens: list[int], mask: np.ndarray | None) -> mx.array:
        """Penalties first, grammars last, so that nothing brings back what a grammar forbids."""
        if any(job.processors for job in self.jobs):
            rows = []
            for i, (job, token) in enumerate(zip(self.jobs, tokens, strict=True)):
                row = logits[i : i + 1]
                if job.processors:
                    seen = mx.array([*job.prompt.ids, *job.ids, *([] if job.number in self._fresh else [token])])
                    for processor in job.processors:
                        row = processor(seen, row)
                rows.append(row)
            logits = mx.concatenate(rows)
        return logits if mask is None else logits + mx.array(mask)

    def _mask(self, tokens: list[int], shape: tuple[int, ...]) -> np.ndarray | None:
        """What the grammars add to the logits after `tokens`, float32 of `shape`; None where they forbid nothing."""
        rows: dict[int, np.ndarray] = {}
        for i, (job, token) in enumerate(zip(self.jobs, tokens, strict=True)):
            if job.constraint is None:
                continue
            if job.number not in self._fresh:
                job.constraint.consume(token)
            row = job.constraint.row()
            if row is not None:
                rows[i] = row
        if not rows:
            return None
        if len(self.jobs) == 1:
            return rows[0][None]
        whole = np.zeros(shape, dtype=np.float32)
        for i, row in rows.items():
            whole[i] = row
        return whole

    def _draw(self, logits: mx.array) -> tuple[mx.array, dict[int, mx.array]]:
        wanted = [i for i, job in enumerate(self.jobs) if job.top_logprobs is not None]
        rows = {self.jobs[i].number: logits[i] - mx.logsumexp(logits[i]) for i in wanted}
        first = self.jobs[0].sampler
        if all(job.sampler is first for job in self.jobs):
            return first(logits), rows
        drawn = [job.sampler(logits[i : i + 1]) for i, job in enumerate(self.jobs)]
        return mx.concatenate(drawn), rows


def _held(job: Job, fresh: bool) -> list[int]:
    """Every token of `job`; the last one of the prompt of a fresh one has not gone in yet."""
    return job.prompt.ids[:-1] if fresh else [*job.prompt.ids, *job.ids]


def merged(caches: list[list[Any]]) -> list[Any]:
    """The caches of single streams as one of a batch, layer by layer."""
    return [layers[0].merge(list(layers)) for layers in zip(*caches, strict=True)]


def logprob_of(row: mx.array, token: int, top: int) -> TokenLogprob:
    """What `row`, log probabilities of the vocabulary, says of `token` and of the `top` likeliest.

    What a grammar forbids is left out: JSON has no word for its minus infinity.
    """
    order = mx.argsort(-row)[:top]
    likeliest = zip(ids_of(order), cast("list[float]", row[order].tolist()), strict=True) if top else []
    own = cast("float", row[token].item())
    return TokenLogprob(token, max(own, _LEAST), [(i, value) for i, value in likeliest if value > _LEAST])


def ids_of(tokens: mx.array) -> list[int]:
    """The numbers of a row of token ids."""
    return cast("list[int]", tokens.tolist())
