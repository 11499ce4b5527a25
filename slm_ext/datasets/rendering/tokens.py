"""How many tokens a text has, by the tokenizer of a model's folder, without making them all anew each time."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import msgspec

from slm_ext.datasets.rendering.words import word_counter

__all__ = ["Tokens"]

_KEPT_CHARS = 32_000_000
_NEAR = 64
"""Characters in which an answer's first word ends."""
_SHORT = 80
_LINES = re.compile(r"\n?[^\n]*+(?:(?<![A-Za-z0-9])\n[^\n]*+)*+")
"""Up to a line feed behind a letter or a digit, where a word ends in every tokenizer that words are counted for; code
says the same lines again and again."""
_PROOFS = 8
"""Texts that are counted both ways."""


class _Model(msgspec.Struct):
    type: str = "BPE"
    dropout: float | None = None


class _Outline(msgspec.Struct):
    """`tokenizer.json` without its vocabulary."""

    model: _Model
    normalizer: dict[str, Any] | None = None
    pre_tokenizer: dict[str, Any] | None = None


class Tokens:
    """The tokens of one model.

    Args:
        file: `tokenizer.json`.

    Raises:
        ValueError: it cannot be read.
    """

    def __init__(self, file: Path):
        from tokenizers import Tokenizer

        try:
            self.tokenizer = Tokenizer.from_file(str(file))
        except Exception as error:  # the package raises its own bare Exception
            raise ValueError(str(error)) from None
        self.tokenizer.no_truncation()
        self.tokenizer.no_padding()
        outline = msgspec.to_builtins(msgspec.json.decode(file.read_bytes(), type=_Outline))
        self._words = word_counter(
            outline, lambda word: len(self.tokenizer.model.tokenize(word)), lambda text: len(self.ids(text))
        )
        self._walls = _walls(self.tokenizer) if self._words else None
        self._unproven = _PROOFS
        self._counts: dict[str, int] = {}
        self._longest = max((len(t.content) for t in self.tokenizer.get_added_tokens_decoder().values()), default=0)
        self._before = "", 0, 0
        self._kept = 0

    def __contains__(self, token: str) -> bool:
        return self.tokenizer.token_to_id(token) is not None

    def count(self, text: str) -> int:
        """Number of tokens.

        A tokenizer splits at its added tokens first, so what stands between two of them is counted once and known then.
        The first texts are tokenized whole too; where the counts differ, all are.
        """
        if self._walls is None or self._words is None:
            return len(self.ids(text))
        found = self._going_on(text)
        if self._unproven:
            self._unproven -= 1
            if found != (whole := len(self.ids(text))):
                self._walls = None
            return whole
        return found

    def _going_on(self, text: str) -> int:
        """Counts; a text that goes on from the one before, as prompts do, from an added token of that one. Remembered
        are the characters behind it too that could make it part of a longer one."""
        assert self._walls is not None
        at, tokens = self._resumed(text)
        safe = len(text) - self._longest
        for index, part in enumerate(self._walls.split(text[at:])):
            tokens += 1 if index % 2 else self._count(part)
            at += len(part)
            if index % 2 and at <= safe:
                self._before = text[: at + self._longest], at, tokens
        return tokens

    def _resumed(self, text: str) -> tuple[int, int]:
        """Up to where the tokens of a text are known, and their number."""
        known, at, tokens = self._before
        return (at, tokens) if text.startswith(known) else (0, 0)

    def added(self, prompt: str, answer: str) -> int | None:
        """Number of tokens that an answer adds to its prompt; None where the tokens of both together do not begin with
        those of the prompt: a mask cannot end between them then."""
        if self._walls is None or self._words is None:
            return self._added_ids(prompt, answer)
        rest = prompt[self._resumed(prompt)[0] :]
        before, after = self._walls.split(rest), self._walls.split(rest + answer)
        tail = before.pop()
        first = after[len(before)] if len(before) < len(after) else ""
        if after[: len(before)] != before or not first.startswith(tail):
            return self._added_ids(rest, answer)
        head = first[len(tail) :]
        if tail and head and not self._words.parts(tail, head[:_NEAR]) and self._added_ids(tail, head) is None:
            return None
        more = after[len(before) + 1 :]
        return self._count(first) - self._count(tail) + sum(map(self._count, more[1::2])) + len(more[::2])

    def _added_ids(self, one: str, other: str) -> int | None:
        before, after = self.ids(one), self.ids(one + other)
        return len(after) - len(before) if after[: len(before)] == before else None

    def ids(self, text: str) -> list[int]:
        """The tokens."""
        return self.tokenizer.encode(text, add_special_tokens=False).ids

    def _count(self, part: str) -> int:
        assert self._words is not None
        if len(part) < _SHORT or not self._words.by_line:
            return self._known(part)
        return sum(map(self._known, _LINES.findall(part)))

    def _known(self, part: str) -> int:
        found = self._counts.get(part)
        if found is None:
            assert self._words is not None
            if self._kept > _KEPT_CHARS:
                self._counts.clear()
                self._kept = 0
            found = self._counts[part] = self._words(part)
            self._kept += len(part)
        return found


def _walls(tokenizer: Any) -> re.Pattern[str] | None:
    """Splits at added tokens, which it keeps: every second part is one. The longest is tried first, as tokenizers do.
    None where some are matched in another way: with the space around them, as words, or in the normalized text."""
    added = tokenizer.get_added_tokens_decoder().values()
    if any(token.lstrip or token.rstrip or token.single_word for token in added):
        return None
    late = {token.content for token in added if token.normalized}
    if late and (tokenizer.normalizer is not None or len(late) < len(added)):
        return None
    if not added:
        return re.compile("((?!))")
    names = sorted({token.content for token in added}, key=lambda name: (-len(name), name))
    return re.compile("(" + "|".join(map(re.escape, names)) + ")")
