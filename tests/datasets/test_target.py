"""The model to be trained, as its folder tells: counts, the border of prompt and answer, ends, the form of a call."""

from __future__ import annotations

import json
import shutil

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import AddedToken, Tokenizer, models, normalizers, pre_tokenizers

from slm_ext.datasets.rendering.target import Target
from slm_ext.errors import UsageError
from slm_ext.paths import tiny_model_dir
from slm_ext.serving.identity import template_sha
from tests.datasets.models import HERMES, model_folder, with_tokens
from tests.datasets.test_words import KNOWN, PIECES, trained

TINY = "package:flywheel-tiny"
ADDED = [
    "<|im_start|>",
    "<|im_end|>",
    "<tool_call>",
    "</tool_call>",
    "<function=",
    "<func",
    "submit",
    "submit_all",
    "=x",
]
TEXTS = st.lists(st.one_of(PIECES, st.sampled_from(ADDED)), max_size=10).map("".join)

_TARGETS: dict[str, Target] = {}


def folder_of(path, tokenizer: Tokenizer, **config):
    folder = model_folder(path, HERMES, **config)
    tokenizer.save(str(folder / "tokenizer.json"))
    return folder


def added(tokenizer: Tokenizer, **how) -> Tokenizer:
    tokenizer.add_tokens([AddedToken(text, **how) for text in ADDED])
    return tokenizer


def wordpiece() -> Tokenizer:
    tokenizer = Tokenizer(
        models.WordPiece({c: i for i, c in enumerate(["[UNK]", *"abcdefgh", "##a"])}, unk_token="[UNK]")
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    return tokenizer


TOKENIZERS = {
    **{f"{name}, as they are": (lambda make=make: added(make(), normalized=False)) for name, make in KNOWN.items()},
    "normalized, no normalizer": lambda: added(trained(None, [pre_tokenizers.ByteLevel(False)]), normalized=True),
    "normalized, NFKC": lambda: added(trained(normalizers.NFKC(), [pre_tokenizers.ByteLevel(False)]), normalized=True),
    "with space": lambda: added(trained(None, [pre_tokenizers.ByteLevel(False)]), lstrip=True, rstrip=True),
    "as words": lambda: added(trained(None, [pre_tokenizers.ByteLevel(False)]), single_word=True),
    "metaspace": lambda: added(trained(None, [pre_tokenizers.Metaspace(prepend_scheme="first")])),
    "prefix space": lambda: added(trained(None, [pre_tokenizers.ByteLevel(True)])),
    "wordpiece": lambda: added(wordpiece()),
    "no added": lambda: trained(None, [pre_tokenizers.ByteLevel(False)]),
}


@pytest.fixture(scope="module")
def target_of(tmp_path_factory):
    def target(name: str) -> Target:
        if name not in _TARGETS:
            folder = folder_of(tmp_path_factory.mktemp("model"), TOKENIZERS[name]())
            _TARGETS[name] = Target(str(folder))
        return _TARGETS[name]

    return target


@pytest.mark.parametrize("name", TOKENIZERS)
@settings(max_examples=150, deadline=None)
@given(text=TEXTS)
def test_tokens_are_the_tokenizers_own(target_of, name, text):
    target = target_of(name)
    assert target.tokens(text) == len(target.ids(text))


@pytest.mark.parametrize("name", TOKENIZERS)
@settings(max_examples=150, deadline=None)
@given(prompt=TEXTS, answer=TEXTS, at=st.integers(0, 8))
def test_added_tokens_are_known_where_no_token_spans_the_border(target_of, name, prompt, answer, at):
    target = target_of(name)
    prompt, answer = prompt + answer[:at], answer[at:]
    target.tokens(prompt)
    before, after = target.ids(prompt), target.ids(prompt + answer)
    assert target.added(prompt, answer) == (len(after) - len(before) if after[: len(before)] == before else None)


def test_a_wrong_count_by_words_is_noticed_and_given_up(tmp_path):
    """A post-processor adds nothing here, but a pattern that `regex` reads in another way would count wrong."""
    target = Target(TINY)
    target.vocabulary._words = lambda text: 1
    text = "<|im_start|>user\nseveral words here<|im_end|>"
    assert [target.tokens(text), target.tokens(text + text)] == [len(target.ids(text)), len(target.ids(text + text))]


def test_what_the_folder_tells(tmp_path):
    target = Target(TINY)
    assert (target.window, target.ends) == (2048, {"<|im_end|>"})
    assert target.wire is not None and target.wire.name == "qwen3_coder"
    folder = model_folder(tmp_path / "other", HERMES, model_max_length=10**30, eos_token={"content": "<|im_start|>"})
    other = Target(str(folder))
    assert (other.window, other.ends) == (32_768, {"<|im_start|>"})
    assert other.wire is not None and other.wire.name == "hermes"
    (folder / "config.json").write_text(
        json.dumps({"text_config": {"max_position_embeddings": 512}, "eos_token_id": 1522})
    )
    (folder / "generation_config.json").write_text(json.dumps({"eos_token_id": [1523, 999_999]}))
    other = Target(str(folder))
    assert (other.window, other.ends) == (512, {"<|im_start|>", "<|im_end|>", "<tool_call>"})
    (folder / "chat_template.jinja").write_text("{{ messages[-1].content }}")
    assert Target(str(folder)).wire is None


def test_an_answer_ends_with_its_end_token():
    target = Target(TINY)
    assert target.answer("said<|im_end|>\n") == "said<|im_end|>"
    assert target.answer("said<|im_end|>\n<|im_end|>") == "said<|im_end|>"
    assert target.said("said<|im_end|>") == "said"
    assert target.answer("said") is None
    assert target.answer("said<|im_end|> and more<|im_end|>\n") is None


@pytest.mark.parametrize("where", ["own file", "own file, other line ends", "configuration", "named", "tiny"])
def test_the_templates_hash_is_the_one_that_identities_have(tmp_path, where):
    folder = model_folder(tmp_path / "model", None)
    if where == "tiny":
        folder = tiny_model_dir()
    elif where.startswith("own"):
        text = HERMES.replace("\n", "\r\n") if "line ends" in where else HERMES
        (folder / "chat_template.jinja").write_bytes(text.encode())
    else:
        given = HERMES if where == "configuration" else [{"name": "default", "template": HERMES}]
        folder = model_folder(tmp_path / "model", None, chat_template=given)
    assert Target(str(folder)).template_sha == template_sha(folder)


def test_the_template_is_told_of_thinking_as_mlx_lm_tells_it(tmp_path):
    template = "{{ enable_thinking }}"
    plain = model_folder(tmp_path / "plain", template)
    thinking = with_tokens(model_folder(tmp_path / "thinking", template), "<think>", "</think>")
    for folder, expected in ((plain, "False"), (thinking, "True")):
        assert Target(str(folder)).render([], None, answer=True) == expected
        assert Target(str(folder)).render([], None, answer=True, enable_thinking="given") == "given"


@pytest.mark.mlx
def test_mlx_lm_tells_it_so(tmp_path):
    load = pytest.importorskip("mlx_lm.tokenizer_utils", reason="mlx-lm is not installed").load
    template = "{% for m in messages %}{{ m.content }}{% endfor %} {{ enable_thinking }}"
    messages = [{"role": "user", "content": "x"}]
    for name, tokens in (("plain", ()), ("thinking", ("<think>", "</think>")), ("other", ("<|channel>", "<channel|>"))):
        folder = with_tokens(model_folder(tmp_path / name, template), *tokens)
        theirs = load(folder).apply_chat_template(messages, tokenize=False)
        assert Target(str(folder)).render(messages, None, answer=False) == theirs


def test_without_tokenizer_or_template_it_says_so(tmp_path):
    with pytest.raises(UsageError, match=r"no .*tokenizer\.json"):
        Target(str(tmp_path))
    shutil.copy(tiny_model_dir() / "tokenizer.json", tmp_path)
    with pytest.raises(UsageError, match="no chat template"):
        Target(str(tmp_path))
    (tmp_path / "chat_template.jinja").write_text("{% for %}")
    with pytest.raises(UsageError, match="no chat template"):
        Target(str(tmp_path))


def test_a_broken_tokenizer_says_so(tmp_path):
    folder = model_folder(tmp_path / "model", HERMES)
    (folder / "tokenizer.json").write_text("{}")
    with pytest.raises(UsageError, match="cannot be read"):
        Target(str(folder))
    (folder / "tokenizer.json").write_text('{"model": {"type": "none"}}')
    with pytest.raises(UsageError, match="cannot be read"):
        Target(str(folder)).tokens("text")
