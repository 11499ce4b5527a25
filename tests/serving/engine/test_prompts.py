"""Tokens of a conversation that returns: what was generated keeps its tokens, and the rest is as if it were new."""

from __future__ import annotations

import json
import shutil

import pytest

pytestmark = pytest.mark.mlx
pytest.importorskip("mlx_lm")

from mlx_lm.utils import load_tokenizer

from slm_ext.serving.engine.prompts import Prompts

from .conftest import TINY

EOS = 1522
TURNS = [{"role": "user", "content": "hi"}]
MORE = [*TURNS, {"role": "assistant", "content": "yes"}, {"role": "user", "content": "go on"}]


def prompts(folder, swallows: bool):
    """Those of flywheel-tiny's tokenizer, whose end token may swallow the blanks behind it."""
    shutil.copytree(TINY, folder)
    data = json.loads((folder / "tokenizer.json").read_text())
    next(token for token in data["added_tokens"] if token["id"] == EOS)["rstrip"] = swallows
    (folder / "tokenizer.json").write_text(json.dumps(data))
    return Prompts(load_tokenizer(folder))


@pytest.mark.parametrize("swallows", [False, True])
def test_a_conversation_that_returns_has_the_tokens_of_a_new_one(tmp_path, swallows):
    known = prompts(tmp_path / "model", swallows)
    fresh = known.chat(MORE, None, None).ids
    first = known.chat(TURNS, None, None)
    answer = known._tokenizer.encode("yes", add_special_tokens=False)
    known.learn(first, "yes", [*answer, EOS], EOS)
    assert known.chat(MORE, None, None).ids == fresh


def test_an_answer_that_was_cut_is_known_where_a_tag_follows(tmp_path):
    known = prompts(tmp_path / "model", False)
    first = known.chat(TURNS, None, None)
    letters = [known._tokenizer.encode(letter, add_special_tokens=False)[0] for letter in "yes"]
    known.learn(first, "yes", letters, None)
    assert known.chat(MORE, None, None).ids[: len(first.ids) + 4] == [*first.ids, *letters, EOS]
    longer = [*TURNS, {"role": "assistant", "content": "yesterday"}]
    assert known.chat(longer, None, None).ids == prompts(tmp_path / "new", False).chat(longer, None, None).ids


def test_unusual_spelling_is_kept(tmp_path):
    known = prompts(tmp_path / "model", False)
    first = known.chat(TURNS, None, None)
    letters = [known._tokenizer.encode(letter, add_special_tokens=False)[0] for letter in "yes"]
    assert letters != known._tokenizer.encode("yes", add_special_tokens=False)
    known.learn(first, "yes", [*letters, EOS], EOS)
    again = known.chat(MORE, None, None)
    assert again.ids[: len(first.ids) + 4] == [*first.ids, *letters, EOS]
