"""The vocabulary llguidance works with: call tags are text, ends of turns are not."""

import json
from pathlib import Path

import pytest

import slm_ext.tiny
from slm_ext.toolcalls import Vocabulary

from .grammars import END, admits, tokenizer

TEXT = (Path(slm_ext.tiny.__file__).parent / "model" / "tokenizer.json").read_text(encoding="utf-8")
TAG = 1523
"""`<tool_call>`"""


def test_tags_of_calls_are_text_and_ends_of_turns_are_special():
    vocabulary = Vocabulary.of(TEXT, [END])
    assert vocabulary.tokens[TAG] == b"<tool_call>"
    assert not tokenizer().is_special_token(TAG) and tokenizer().is_special_token(END)
    assert vocabulary.special_token_ids == [1521, 1522]
    special = json.loads(TEXT)
    next(t for t in special["added_tokens"] if t["id"] == TAG)["special"] = True
    assert TAG not in Vocabulary.of(json.dumps(special), [END]).special_token_ids


def test_a_forced_tag_is_its_one_token():
    assert Vocabulary.of(TEXT, [END])("<tool_call>")[:1] == [TAG]
    assert admits('start: "<tool_call>\\n" /[a-z]+/\n', "<tool_call>\nab")


@pytest.mark.parametrize(
    "text", ["", "def f(x):\n    return 'é😀'", "<tool_call>\n<function=", " 12  ab", "<|im_end|>"]
)
def test_forced_text_is_spelt_by_tokens_of_text(text):
    vocabulary = Vocabulary.of(TEXT, [END])
    for given in (text, text.encode(), text.encode()[:-1]):
        ids = vocabulary(given)
        data = given.encode() if isinstance(given, str) else given
        assert b"".join(vocabulary.tokens[i] for i in ids) == data
        assert not {1521, 1522} & set(ids)


def test_ids_past_the_tokenizer_stand_for_nothing_and_are_never_admitted():
    from llguidance import LLMatcher, LLTokenizer

    vocabulary = Vocabulary.of(TEXT, [END], size=1600)
    assert len(vocabulary.tokens) == 1600 and set(vocabulary.tokens[1536:]) == {b""}
    found = LLMatcher(LLTokenizer(vocabulary, eos_token=[END]), "start: /(?s:.*)/\n")
    mask = int.from_bytes(found.compute_bitmask(), "little")
    assert mask >> END & 1 and mask >> 1536 == 0


def test_byte_fallback_and_what_is_neither():
    from tokenizers import Tokenizer, decoders, models

    model = models.BPE({"<0x0A>": 0, "▁a": 1, "▁": 2, "a": 3}, [("▁", "a")], byte_fallback=True)
    tokenizer = Tokenizer(model)
    tokenizer.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()])
    vocabulary = Vocabulary.of(tokenizer.to_str(), [3])
    assert vocabulary.tokens == [b"\n", b" a", b" ", b"a"]
    plain = Tokenizer(models.WordLevel({"a": 0}, "a"))
    with pytest.raises(ValueError, match="byte"):
        Vocabulary.of(plain.to_str(), [0])
