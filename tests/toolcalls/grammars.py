"""A matcher over flywheel-tiny's own tokenizer: which texts a grammar admits, and random texts it leads to."""

import functools
import random
from pathlib import Path

import slm_ext.tiny
from slm_ext.toolcalls import Vocabulary

END = 1522
"""`<|im_end|>`, the one end token."""


@functools.cache
def tokenizer():
    from llguidance import LLTokenizer

    path = Path(slm_ext.tiny.__file__).parent / "model" / "tokenizer.json"
    return LLTokenizer(Vocabulary.of(path.read_text(encoding="utf-8"), [END]), eos_token=[END])


def matcher(grammar):
    """A follower of the grammar, at its beginning."""
    return _compiled(grammar).deep_copy()


@functools.lru_cache(64)
def _compiled(grammar):
    from llguidance import LLMatcher

    found = LLMatcher(tokenizer(), grammar, log_level=0)
    assert not found.is_error(), found.get_error()
    return found


def admits(grammar, text):
    """Whether the grammar admits exactly this text."""
    found, tokens = matcher(grammar), tokenizer().tokenize_str(text)
    return found.try_consume_tokens(tokens) == len(tokens) and found.is_accepting()


def begins(grammar, text):
    """Whether some text of the grammar begins like this."""
    found, tokens = matcher(grammar), tokenizer().tokenize_str(text)
    return found.try_consume_tokens(tokens) == len(tokens)


def walk(grammar, seed, *, begin="", limit=400):
    """(text, whether it ended by itself): every next token is drawn evenly from those admitted."""
    found, chance = matcher(grammar), random.Random(seed)
    tokens = tokenizer().tokenize_str(begin)
    assert found.consume_tokens(tokens), found.get_error()
    while len(tokens) < limit:
        mask = int.from_bytes(found.compute_bitmask(), "little")
        admitted = [i for i in range(tokenizer().vocab_size) if mask >> i & 1]
        assert admitted, (tokenizer().decode_bytes(tokens), found.get_error())
        token = chance.choice(admitted)
        if token == END:
            return tokenizer().decode_bytes(tokens).decode(), True
        assert found.consume_token(token), (tokenizer().decode_bytes([*tokens, token]), found.get_error())
        tokens.append(token)
    return tokenizer().decode_bytes(tokens).decode(errors="ignore"), False
