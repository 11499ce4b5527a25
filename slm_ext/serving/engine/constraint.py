"""The grammar of a request as a mask over the next token (llguidance).

`Grammars` compiles, once per grammar and in whatever thread asks; `Constraint` follows one stream. Masks are applied by
a table of bytes, which needs no Metal kernel and costs well under a millisecond for 150,000 entries.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, cast

import numpy as np
from llguidance import LLMatcher, LLParserLimits, LLTokenizer, TokenizerWrapper

from slm_ext.toolcalls import Vocabulary

from .errors import ApiError

__all__ = ["Constraint", "Grammars"]

KEPT = 16
_KEPT_CHARACTERS = 200_000
"""Of grammar text: compiled and used, a grammar takes some hundred times as many bytes."""
_LIMITS = LLParserLimits(initial_lexer_fuel=10_000_000, step_lexer_fuel=10_000_000)
"""Many times the defaults: hundreds of lines to take a piece of, or a long thought before a call, need them."""
_FORBIDDEN = np.float32(-np.inf)

_BYTES = np.where((np.arange(256)[:, None] >> np.arange(8)) & 1, np.float32(0), _FORBIDDEN).astype(np.float32)
"""Eight additive logits for every value of a mask's byte."""


class Grammars:
    """Compiled grammars of one model.

    Args:
        tokenizer_json: text of `tokenizer.json`.
        vocabulary: size of a row of logits; entries past the tokenizer's are never allowed.
        eos_ids: every token that ends an answer.
    """

    def __init__(self, tokenizer_json: str, vocabulary: int, eos_ids: list[int]):
        known = Vocabulary.of(tokenizer_json, list(eos_ids), vocabulary)
        wrapper = cast(TokenizerWrapper, known)  # llguidance asks for its attributes, not for its class
        self._tokenizer = LLTokenizer(wrapper, eos_token=list(eos_ids))
        self.vocabulary, self.eos_ids = vocabulary, eos_ids
        self._compiled: OrderedDict[str, LLMatcher] = OrderedDict()
        self._lock = threading.Lock()

    def constraint(self, grammar: str) -> Constraint:
        """A stream's own follower of `grammar`. Raises ApiError (400) with llguidance's words where it is invalid."""
        with self._lock:
            matcher = self._compiled.get(grammar)
            if matcher is not None:
                self._compiled.move_to_end(grammar)
        if matcher is None:
            matcher = LLMatcher(self._tokenizer, grammar, log_level=0, limits=_LIMITS)
            trial = Constraint(matcher.deep_copy(), self)
            trial.row()  # some grammars compile and then fail at once
            if matcher.is_error() or trial.error:
                words = " ".join(matcher.get_error().split())[:500] or trial.error
                raise ApiError(400, f"the grammar of this request cannot be enforced: {words}", code="invalid_grammar")
            with self._lock:
                self._compiled[grammar] = matcher
                while len(self._compiled) > KEPT or (
                    len(self._compiled) > 1 and sum(map(len, self._compiled)) > _KEPT_CHARACTERS
                ):
                    self._compiled.popitem(last=False)
        return Constraint(matcher.deep_copy(), self)


class Constraint:
    """Follows one stream. Never raises: a stream whose grammar fails is made to end, and `error` says why."""

    def __init__(self, matcher: LLMatcher, grammars: Grammars):
        self._matcher, self._eos = matcher, grammars.eos_ids
        words = (grammars.vocabulary + 31) // 32
        self._bits = np.zeros(words, dtype=np.int32)
        self._vocabulary = grammars.vocabulary
        self._end: int | None = None  # position of the end token; what follows it is nobody's business
        self._fed: list[bool] = []  # for each token, whether the matcher took it
        self.error = ""
        self.consumed: list[int] = []

    def consume(self, token: int) -> None:
        """The stream went on by `token`."""
        fed = False
        if self._end is None and not self.error:
            if token in self._eos:
                self._end = len(self.consumed)
            elif self._ask(self._matcher.consume_token, token):
                fed = True
            else:
                self.error = self.error or self._words() or f"token {token} does not fit the grammar"
        self.consumed.append(token)
        self._fed.append(fed)

    def rollback(self, count: int) -> None:
        """Take back the last `count` tokens, which a draft proposed in vain."""
        for _ in range(count):
            self.consumed.pop()
            if self._fed.pop() and not self.error:
                self._ask(self._matcher.rollback, 1)
            if self._end == len(self.consumed):
                self._end = None

    def row(self) -> np.ndarray | None:
        """What to add to the next logits, float32 of the vocabulary's size; None where everything is allowed."""
        if self._end is not None:
            return None
        if not self.error:
            self._ask(self._matcher.unsafe_compute_mask_ptr, self._bits.ctypes.data, self._bits.nbytes)
            self.error = self.error or self._words()
        if not self.error:
            if self._bits.any():
                if (self._bits == -1).all():
                    return None
                return _BYTES.take(self._bits.view(np.uint8), axis=0).reshape(-1)[: self._vocabulary]
            else:
                self.error = "the grammar allows no further token"
        row = np.full(self._vocabulary, _FORBIDDEN)
        row[self._eos] = 0
        return row

    def _ask(self, method: Callable[..., Any], *arguments: int) -> Any:
        """What the matcher answers; None, with `error` set, where it raises."""
        try:
            return method(*arguments)
        except Exception as error:
            self.error = f"the grammar cannot be followed: {error}"[:300]
            return None

    def _words(self) -> str:
        """What the matcher says is wrong; empty where nothing is."""
        return " ".join(self._matcher.get_error().split())[:300]
