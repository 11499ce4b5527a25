"""One request on its way through the engine. The scheduler's thread fills it, the server's thread reads it."""

from __future__ import annotations

import itertools
import time
from collections.abc import Sequence
from typing import Any, NamedTuple

from mlx_lm.tokenizer_utils import BPEStreamingDetokenizer

from .constraint import Constraint
from .errors import ApiError
from .prompts import Prompt
from .sampling import Sampler, Sampling, sampler_for

__all__ = ["Job", "TokenLogprob"]

_numbers = itertools.count(1)


class TokenLogprob(NamedTuple):
    """A chosen token's log probability, and the likeliest alternatives as (id, log probability)."""

    token: int
    logprob: float
    top: list[tuple[int, float]]


class Job:
    """What is to be generated, and what has been.

    Args:
        prompt: its tokens come first.
        max_tokens: most tokens to generate, at least 1.
        constraint: the grammar to follow, if any.
        stops: texts that end the answer and are not part of it.
        stream: whether somebody reads `text` while it grows.
        top_logprobs: how many alternatives to report for each token; None reports no probabilities.
    """

    def __init__(
        self,
        prompt: Prompt,
        max_tokens: int,
        sampling: Sampling,
        *,
        constraint: Constraint | None = None,
        stops: Sequence[str] = (),
        stream: bool = False,
        top_logprobs: int | None = None,
    ):
        self.number = next(_numbers)
        self.prompt, self.max_tokens, self.sampling = prompt, max_tokens, sampling
        self.constraint, self.stops, self.stream, self.top_logprobs = constraint, list(stops), stream, top_logprobs
        self.sampler: Sampler = sampler_for(sampling)
        self.processors = sampling.processors()
        self.ids: list[int] = []
        self.logprobs: list[TokenLogprob] = []
        self.text = ""
        self.settled = 0
        """Characters of `text` that no stop text can take back any more."""
        self.cached = 0
        """Prompt tokens that came from the prefix cache."""
        self.finish: str | None = None
        """`stop`, `length`, `cancelled` or `error`, once it has ended."""
        self.stopped_by: int | None = None
        """The end token at the end of `ids`, where that and no stop text ended it."""
        self.error: ApiError | None = None
        self.cancelled = False
        self.began = time.perf_counter()
        self.first_token_at: float | None = None
        self._detokenizer: Any = None

    def accept(self, token: int, tokenizer: Any) -> bool:
        """Take the next token. Returns whether the answer is complete."""
        if self.first_token_at is None:
            self.first_token_at = time.perf_counter()
        self.ids.append(token)
        if token in tokenizer.eos_token_ids:
            self.stopped_by = token
            return self.end("stop", tokenizer)
        if self.stream or self.stops:
            self._write([token], tokenizer)
            if self._cut_at_stop():
                return self.end("stop", tokenizer)
        if len(self.ids) >= self.max_tokens:
            return self.end("length", tokenizer)
        return False

    def end(self, finish: str, tokenizer: Any) -> bool:
        """Complete `text` and set `finish`, last of all: whoever sees it set sees the whole answer."""
        cut = finish == "stop" and self.stopped_by is None  # by a stop text: what follows it is not part of the answer
        if not cut and tokenizer is not None:
            if not (self.stream or self.stops):
                self._write([token for token in self.ids if token != self.stopped_by], tokenizer)
            if self._detokenizer is not None:
                self._detokenizer.finalize()
                self.text += self._detokenizer.last_segment
                if self.stops and self._cut_at_stop():
                    finish, self.stopped_by = "stop", None
        self.settled = len(self.text)
        self.finish = finish
        return True

    def fail(self, error: ApiError) -> None:
        """End without an answer."""
        self.error, self.finish = error, "error"

    def _write(self, tokens: list[int], tokenizer: Any) -> None:
        if self._detokenizer is None:
            self._detokenizer = _detokenizer(tokenizer)
        for token in tokens:
            self._detokenizer.add_token(token)
            self.text += self._detokenizer.last_segment

    def _cut_at_stop(self) -> bool:
        """Cut `text` at the first stop text in it; else move `settled` up to where one might begin."""
        found = [at for stop in self.stops if (at := self.text.find(stop, max(0, self.settled))) >= 0]
        if found:
            self.text = self.text[: min(found)]
            return True
        self.settled = len(self.text) - max((_overlap(self.text, stop) for stop in self.stops), default=0)
        return False


def _detokenizer(tokenizer: Any) -> Any:
    """A new one of mlx-lm's. That of byte-level BPE takes a blank off a text's beginning: ours has begun already."""
    fresh = tokenizer.detokenizer
    if isinstance(fresh, BPEStreamingDetokenizer):
        fresh.text, fresh.offset = "-", 1
    return fresh


def _overlap(text: str, stop: str) -> int:
    """Length of the longest end of `text` with which `stop` begins."""
    return next((n for n in range(min(len(text), len(stop) - 1), 0, -1) if text.endswith(stop[:n])), 0)
