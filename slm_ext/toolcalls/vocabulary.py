"""A tokenizer's vocabulary as llguidance takes it: the bytes of every token, made from `tokenizer.json`.

llguidance's own reading of that file (1.9.1) holds every added token of the form `<…>` for a special one that no
grammar text matches, while it still proposes it where that text is forced; a `<tool_call>` that is one token then
ends in a parser error. Here an added token is plain text unless the file calls it special, and tags of calls and
of thinking are plain text in any case. Nothing here imports llguidance: `LLTokenizer(Vocabulary.of(…))` does the rest.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Vocabulary"]

_ALWAYS_TEXT = re.compile(r"</?(tool_call|think|function|parameter)>|<(function|parameter)=")
_BYTE = re.compile(r"<0x([0-9A-Fa-f]{2})>")


@dataclass
class Vocabulary:
    """The protocol of `llguidance.TokenizerWrapper`."""

    tokens: list[bytes]
    """One per id; empty for ids that stand for nothing, which no grammar then admits."""
    special_token_ids: list[int]
    eos_token_id: int
    bos_token_id: int | None = None
    is_tokenizer_wrapper: bool = True
    _tokenizer: Any = None
    _ids: dict[bytes, int] = field(default_factory=dict)

    @classmethod
    def of(cls, tokenizer_json: str, eos_token_ids: list[int], size: int | None = None) -> Vocabulary:
        """The vocabulary of a tokenizer.

        Args:
            tokenizer_json: the text of `tokenizer.json`.
            eos_token_ids: every token that ends a turn. Give them to `LLTokenizer(…, eos_token=…)` too.
            size: how many logits the model has, where that is more than the tokenizer has tokens.

        Raises:
            ValueError: the tokenizer is neither byte-level nor with byte fallback.
        """
        from tokenizers import Tokenizer

        tokenizer = Tokenizer.from_str(tokenizer_json)
        tokenizer.no_padding()
        tokenizer.no_truncation()
        data = json.loads(tokenizer_json)
        as_bytes = _reader(data)
        tokens = [b""] * max(tokenizer.get_vocab_size(with_added_tokens=True), size or 0)
        for text, at in tokenizer.get_vocab(with_added_tokens=False).items():
            tokens[at] = as_bytes(text)
        special = set(eos_token_ids)
        for added in data.get("added_tokens") or []:
            tokens[added["id"]] = added["content"].encode()
            if added.get("special") and not _ALWAYS_TEXT.fullmatch(added["content"]):
                special.add(added["id"])
        ids = {token: at for at, token in enumerate(tokens) if token and at not in special}
        return cls(tokens, sorted(special), eos_token_ids[0], _tokenizer=tokenizer, _ids=ids)

    def __call__(self, text: str | bytes) -> list[int]:
        """The tokens of a text the grammar forces: the tokenizer's own where they spell it, else the longest first."""
        data = text.encode() if isinstance(text, str) else bytes(text)
        ids = self._tokenizer.encode(data.decode(errors="replace"), add_special_tokens=False).ids
        if b"".join(self.tokens[i] for i in ids) == data and not set(ids) & set(self.special_token_ids):
            return ids
        result, at, longest = [], 0, max(map(len, self._ids))
        while at < len(data):
            for length in range(min(longest, len(data) - at), 0, -1):
                if (found := self._ids.get(data[at : at + length])) is not None:
                    result.append(found)
                    at += length
                    break
            else:
                raise ValueError(f"no token begins {data[at : at + 8]!r}")
        return result


def _reader(data: dict):
    """How a vocabulary entry is read as bytes."""
    decoder = data.get("decoder") or {}
    kinds = {part.get("type") for part in [decoder, *(decoder.get("decoders") or [])]}
    if "ByteLevel" in kinds:
        table = _byte_level()
        return lambda text: bytes(table[c] for c in text) if all(c in table for c in text) else text.encode()
    if "ByteFallback" in kinds or data.get("model", {}).get("byte_fallback"):
        return lambda text: (
            bytes([int(m.group(1), 16)]) if (m := _BYTE.fullmatch(text)) else text.replace("▁", " ").encode()
        )
    raise ValueError(f"the tokenizer's decoder is {decoder.get('type')!r}; a byte-level one or byte fallback is needed")


def _byte_level() -> dict[str, int]:
    """GPT-2's map of printable characters to bytes."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    table = {chr(byte): byte for byte in printable}
    table.update({chr(0x100 + i): byte for i, byte in enumerate(b for b in range(256) if b not in set(printable))})
    return table
