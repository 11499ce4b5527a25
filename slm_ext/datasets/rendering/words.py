"""Counts tokens by words: a byte-level BPE tokenizer splits a text into words first, and each word has its tokens for
itself. Code says the same words again and again, so most of them are known.

What splits is read from `tokenizer.json`: the pre-tokenizers of GPT-2, Qwen, Llama 3 and their like. For another kind
of tokenizer there is no counter, and texts are tokenized whole. So are texts with characters outside of the large, old
scripts: what counts as a letter there depends on whose Unicode tables are newer.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable
from itertools import chain
from typing import Any, Literal

__all__ = ["WordCounter", "word_counter"]

_GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
"""What `ByteLevel` splits by (Radford et al. 2019)."""
_MOST = 500_000
"""Words that are remembered."""
_SETTLED = re.compile(
    "[\x00-\u0294\u0296-\u0556\u1e00-\u208e\u20a0-\u20bf\u20d0-\u2b73\u3000-\u32fe\u3300-\ua48c\uac00-\ud7a3"
    "\uf900-\ufaff\ufe00-\ufe0f\ufe30-\ufe4f\uff00-\uffef\U0001f300-\U0001f6d2\U0001f900-\U0001f9ff]*"
)
"""Characters on which Python, `regex` and the tables in `tokenizers` agree; tests/datasets/test_words.py compares."""

_ENDS = ("a\nb", "a\n\nb", "a\n  b", "1\n2", "1\n\n  )", "x a\r\nb", "a\n", "a\n:", "'s\n", "_a\n\t", "A1\n'll\n")
"""Texts that show where a tokenizer's words end."""
_WITHIN = re.compile(r"[A-Za-z0-9]\n")

Split = Callable[[str], list[str]]
"""A text → its pieces, which together are the text."""
Form = Literal["NFC", "NFD", "NFKC", "NFKD"]


class WordCounter:
    """Tokens of texts that hold no added token.

    Args:
        splits: each takes the pieces of the one before apart: as it is for any text, and for one of ASCII alone.
        normalize: of the whole text, or None.
        tokens: of one word, in the alphabet of byte-level tokenizers.
        whole: tokens of a text, for those that cannot be split here.
    """

    def __init__(
        self,
        splits: list[tuple[Split, Split]],
        normalize: Form | None,
        tokens: Callable[[str], int],
        whole: Callable[[str], int],
    ):
        self._splits, self._ascii = [split for split, _ in splits], [split for _, split in splits]
        self._normalize, self._tokens, self._whole = normalize, tokens, whole
        self._known: dict[str, int] = {}
        self._by_line: bool | None = None

    @property
    def by_line(self) -> bool:
        """Whether a word always ends between a letter or a digit of ASCII and a line feed that follows."""
        if self._by_line is None:
            pieces = [piece for text in _ENDS for piece in self._pieces(text)]
            self._by_line = not any(_WITHIN.search(piece) for piece in pieces)
        return self._by_line

    def parts(self, one: str, other: str) -> bool:
        """Whether the words of two texts together are those of each; False also where that is not known."""
        if not (one + other).isascii() or other.isspace():
            return False
        words = self._pieces(one)
        return self._pieces(one + other)[: len(words)] == words

    def _pieces(self, text: str) -> list[str]:
        first, *others = self._ascii if text.isascii() else self._splits
        if not others:
            return first(text)
        pieces: Iterable[str] = first(text)
        for split in others:
            pieces = chain.from_iterable(map(split, pieces))
        return list(pieces)

    def __call__(self, text: str) -> int:
        """How many tokens a text has."""
        if not text.isascii():
            if not _SETTLED.fullmatch(text):
                return self._whole(text)
            if self._normalize:
                text = unicodedata.normalize(self._normalize, text)
        words, known = self._pieces(text), self._known
        try:
            return sum(map(known.__getitem__, words))
        except KeyError:
            if len(known) > _MOST:
                known.clear()
            for word in words:
                if word not in known:
                    known[word] = self._tokens(_byte_level(word))
            return sum(map(known.__getitem__, words))


def word_counter(
    config: dict[str, Any], tokens: Callable[[str], int], whole: Callable[[str], int]
) -> WordCounter | None:
    """The counter of a tokenizer; None where its words cannot be told.

    Args:
        config: `tokenizer.json`.
        tokens: of one word, as its model has it.
        whole: of a text that holds no added token, as the tokenizer has it.
    """
    model = config.get("model") or {}
    normalizer = config.get("normalizer") or {}
    form = normalizer.get("type")
    if form == "Sequence" and not normalizer.get("normalizers"):
        form = None
    if model.get("type", "BPE") != "BPE" or form not in (None, "NFC", "NFD", "NFKC", "NFKD") or model.get("dropout"):
        return None
    given = config.get("pre_tokenizer") or {}
    parts = given.get("pretokenizers") if given.get("type") == "Sequence" else [given]
    splits: list[tuple[Split, Split]] = []
    for part in parts or []:
        found = _splits(part)
        if found is None:
            return None
        splits += found
    if not parts or parts[-1].get("type") != "ByteLevel":
        return None
    return WordCounter(splits or [(_as_one, _as_one)], form, tokens, whole)


def _splits(part: dict[str, Any]) -> list[tuple[Split, Split]] | None:
    """How one pre-tokenizer splits; None for one that is not known here."""
    kind = part.get("type")
    if kind == "ByteLevel" and not part.get("add_prefix_space"):
        return [_both(_GPT2, _matches)] if part.get("use_regex", True) else []
    if kind == "Digits" and part.get("individual_digits"):
        return [_both(r"\p{N}", _between)]
    if kind == "Split" and part.get("behavior") == "Isolated" and not part.get("invert"):
        pattern = part.get("pattern") or {}
        if "Regex" in pattern:
            return [_both(pattern["Regex"], _between)]
        if "String" in pattern:
            return [_both(re.escape(pattern["String"]), _between)]
    return None


def _both(pattern: str, made: Callable[[Any], Split]) -> tuple[Split, Split]:
    """For any text, and for ASCII, where Python's own `re` takes half the time."""
    import regex

    every = made(regex.compile(pattern))
    translated = in_ascii(pattern)
    try:
        return every, made(re.compile(translated, re.ASCII)) if translated is not None else every
    except re.error:
        return every, every


def in_ascii(pattern: str) -> str | None:
    """A pattern for `re` that matches in texts of ASCII as the given one does; None where that is not known."""
    made, inside, at = [], False, 0
    while at < len(pattern):
        char, two = pattern[at], pattern[at : at + 2]
        if found := _PROPERTY.match(pattern, at):
            members = _MEMBERS.get(found[1])
            if members is None or not (inside or members):
                return None
            made.append(members if inside else f"[{members}]")
            at = found.end()
            continue
        if char == "\\":
            if two[1:] not in _ESCAPES:
                return None
            made.append(two)
            at += 2
            continue
        if inside and (char == "[" or two in ("&&", "--", "||", "~~")):
            return None
        inside = char == "[" or (inside and char != "]")
        made.append(char)
        at += 1
    return "".join(made)


_PROPERTY = re.compile(r"\\p\{(\w+)\}")
_MEMBERS = {"L": "A-Za-z", "N": "0-9", "Lu": "A-Z", "Ll": "a-z", "Lt": "", "Lm": "", "Lo": "", "M": ""}
"""Category of Unicode → its members in ASCII."""
_ESCAPES = frozenset("rntsSd\\.^$*+?{}[]()|/'-")
"""What stands for the same with `re.ASCII`, in texts of ASCII."""


def _as_one(text: str) -> list[str]:
    return [text]


def _matches(pattern: Any) -> Split:
    """Splits by a pattern that matches all of every text."""
    return pattern.findall


def _between(pattern: Any) -> Split:
    """Matches, and what stands between them."""
    find = pattern.finditer

    def split(text: str) -> list[str]:
        pieces, at = [], 0
        for match in find(text):
            begin, end = match.span()
            if begin == end:
                continue
            if begin > at:
                pieces.append(text[at:begin])
            pieces.append(text[begin:end])
            at = end
        if at < len(text):
            pieces.append(text[at:])
        return pieces

    return split


def _alphabet() -> list[str]:
    """A printable character for each byte: its own where it has one, else one from 256 on."""
    printable = {*range(33, 127), *range(161, 173), *range(174, 256)}
    others = (chr(256 + i) for i in range(256))
    return [chr(byte) if byte in printable else next(others) for byte in range(256)]


_BYTES = _alphabet()


def _byte_level(word: str) -> str:
    return "".join(_BYTES[byte] for byte in word.encode("utf-8", "surrogatepass"))
