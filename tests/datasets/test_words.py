"""Tokens that are counted by words are as many as the tokenizer itself makes."""

from __future__ import annotations

import json
import re
import unicodedata
from importlib.util import find_spec
from pathlib import Path

import pytest
import regex
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, trainers

from slm_ext.datasets.rendering.words import _GPT2, _SETTLED, in_ascii, word_counter
from slm_ext.paths import tiny_model_dir
from tests.datasets.models import CORPUS

QWEN = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
LLAMA = QWEN.replace(r"\p{N}|", r"\p{N}{1,3}|")


def trained(normalizer=None, parts=None, **model) -> Tokenizer:
    """A tokenizer with a few hundred merges."""
    tokenizer = Tokenizer(models.BPE(**model))
    if normalizer:
        tokenizer.normalizer = normalizer
    if parts:
        tokenizer.pre_tokenizer = parts[0] if len(parts) == 1 else pre_tokenizers.Sequence(parts)
    trainer = trainers.BpeTrainer(
        vocab_size=500, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False
    )
    tokenizer.train_from_iterator(CORPUS, trainer)
    return tokenizer


def split(pattern: str) -> pre_tokenizers.PreTokenizer:
    return pre_tokenizers.Split(Regex(pattern), "isolated")


BYTES = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)


def ignoring_merges() -> Tokenizer:
    """As Llama 3: a word that is a token is one, whatever its merges would give."""
    document = json.loads(trained(None, [split(LLAMA), BYTES]).to_str())
    document["model"]["ignore_merges"] = True
    document["model"]["vocab"]["Ġseconds_left"] = len(document["model"]["vocab"])
    document["model"]["vocab"]["qqqq"] = len(document["model"]["vocab"])
    return Tokenizer.from_str(json.dumps(document))


def anthropic() -> Tokenizer:
    spec = find_spec("litellm")
    assert spec is not None and spec.origin is not None
    folder = Path(spec.origin).parent / "litellm_core_utils" / "tokenizers"
    return Tokenizer.from_file(str(folder / "anthropic_tokenizer.json"))


KNOWN = {
    "flywheel-tiny": lambda: Tokenizer.from_file(str(tiny_model_dir() / "tokenizer.json")),
    "anthropic": anthropic,
    "gpt2": lambda: trained(None, [pre_tokenizers.ByteLevel(add_prefix_space=False)]),
    "qwen2": lambda: trained(normalizers.NFC(), [split(QWEN), BYTES]),
    "llama3": ignoring_merges,
    "nfd": lambda: trained(normalizers.NFD(), [split(QWEN), BYTES]),
    "empty normalizer": lambda: trained(normalizers.Sequence([]), [pre_tokenizers.Digits(True), BYTES]),
}
_MADE: dict[str, tuple[Tokenizer, object]] = {}


def known(name: str):
    """A tokenizer and its counter, made once."""
    if name not in _MADE:
        tokenizer = KNOWN[name]()
        document = json.loads(tokenizer.to_str())
        plain = Tokenizer.from_str(json.dumps(document | {"added_tokens": []})) if name != "anthropic" else tokenizer
        counter = word_counter(
            document,
            lambda word: len(plain.model.tokenize(word)),
            lambda text: len(plain.encode(text, add_special_tokens=False).ids),
        )
        _MADE[name] = plain, counter
    return _MADE[name]


PIECES = st.one_of(
    st.text(max_size=12),
    st.text(alphabet=" \t\n\r\v\f\x1c\x1f\x85\xa0\u2003\u2028\u3000", max_size=8),
    st.text(alphabet="'’sStTrReEvVmMlLdDſK", max_size=8),
    st.text(alphabet="eéE\u0301\u0323\u0327ffi½Ⅷ²③Å각가\u11a8", max_size=8),
    st.sampled_from(
        [*CORPUS, "    ", "\n\n\n", "_", "__init__", " seconds_left", "qqqq", "x=1_000", "0x1F", "🎵🎶", "👩‍💻"]
    ),
    st.text(alphabet="\u0558\u088f\ua7ce\U00011de0\U000323b0\u07fd\u32ff", max_size=4),
)


@pytest.mark.parametrize("name", KNOWN)
@settings(max_examples=300, deadline=None)
@given(pieces=st.lists(PIECES, max_size=8))
def test_words_have_the_tokens_of_the_text(name, pieces):
    tokenizer, counter = known(name)
    text = "".join(pieces)
    assert counter is not None
    assert counter(text) == len(tokenizer.encode(text, add_special_tokens=False).ids)


def test_settled_characters_are_the_same_everywhere():
    """Every character for itself: what `regex` and Python say of it is what the tables in `tokenizers` say."""
    import regex

    characters = [c for c in map(chr, range(0x20000)) if _SETTLED.fullmatch(c)]
    assert len(characters) > 40_000
    line = " ".join(c for c in characters if not c.isspace())
    for pattern in (r"\p{L}", r"\p{N}", r"\p{M}", r"\p{Lu}", r"\p{Ll}", r"\p{Lm}", r"\p{P}", r"\p{S}"):
        theirs = pre_tokenizers.Split(Regex(rf"[^{pattern}]+"), "removed").pre_tokenize_str(line)
        ours = regex.findall(rf"{pattern}+", line)
        assert [word for word, _ in theirs] == ours, pattern
    spaces = "".join(characters)
    assert [w for w, _ in pre_tokenizers.Split(Regex(r"\S+"), "removed").pre_tokenize_str(spaces)] == regex.findall(
        r"\s+", spaces
    )
    for form in ("NFC", "NFD", "NFKC", "NFKD"):
        normalizer = getattr(normalizers, form)()
        for text in (line, "\u0301\u0323".join(characters)):
            assert normalizer.normalize_str(text) == unicodedata.normalize(form, text)


@pytest.mark.parametrize(
    "tokenizer",
    [
        pytest.param(lambda: trained(None, [pre_tokenizers.Metaspace()]), id="metaspace"),
        pytest.param(lambda: trained(None, [pre_tokenizers.ByteLevel(add_prefix_space=True)]), id="prefix space"),
        pytest.param(lambda: trained(None, [pre_tokenizers.Whitespace(), BYTES]), id="whitespace"),
        pytest.param(lambda: trained(normalizers.Lowercase(), [BYTES]), id="lowercase"),
        pytest.param(lambda: trained(None, [pre_tokenizers.Split("a", "merged_with_previous"), BYTES]), id="merged"),
        pytest.param(lambda: trained(None, [BYTES], dropout=0.5), id="dropout"),
        pytest.param(lambda: trained(None, None), id="no pre-tokenizer"),
        pytest.param(lambda: Tokenizer(models.WordPiece({"[UNK]": 0}, unk_token="[UNK]")), id="wordpiece"),
    ],
)
def test_others_have_no_counter(tokenizer):
    assert word_counter(json.loads(tokenizer().to_str()), len, len) is None


O200K = (
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t)?|\p{N}{1,3}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)


@pytest.mark.parametrize("pattern", [_GPT2, QWEN, LLAMA, O200K], ids=["gpt2", "qwen", "llama", "o200k"])
@settings(max_examples=300, deadline=None)
@given(text=st.text(st.characters(max_codepoint=127), max_size=30))
def test_patterns_match_the_same_in_ascii(pattern, text):
    translated = in_ascii(pattern)
    assert translated is not None
    pieces = [match.group() for match in re.compile(translated, re.ASCII).finditer(text)]
    assert pieces == [match.group() for match in regex.compile(pattern).finditer(text)]


@pytest.mark.parametrize("pattern", [r"\p{Han}", r"\p{Lo}+", r"[a-z&&[^b]]", r"\b", r"\P{L}", r"\x20"])
def test_other_patterns_are_not_translated(pattern):
    assert in_ascii(pattern) is None
