"""A job's text while it grows: what is shown never has to be taken back, stop texts never show."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytestmark = pytest.mark.mlx
pytest.importorskip("mlx_lm")

import itertools

from mlx_lm.utils import load_tokenizer

from slm_ext.serving.engine.job import Job
from slm_ext.serving.engine.prompts import Prompt
from slm_ext.serving.engine.sampling import Sampling

from .conftest import TINY

TOKENIZER = load_tokenizer(TINY)
EOS = next(iter(TOKENIZER.eos_token_ids))
TEXTS = st.text(alphabet="ab \n\u00e9\u20ac\U0001f600<>", max_size=30)
STOPS = st.lists(st.text(alphabet="ab \n\u00e9\u20ac\U0001f600<>", min_size=1, max_size=6), max_size=3)


def run(ids: list[int], stops: list[str], *, stream: bool, max_tokens: int = 10**6) -> tuple[Job, list[str]]:
    """Feed a job until it ends; also what a stream's reader could see after every token."""
    job = Job(Prompt("", [0]), max_tokens, Sampling(), stops=stops, stream=stream)
    shown = []
    for token in ids:
        done = job.accept(token, TOKENIZER)
        shown.append(job.text[: job.settled])
        if done:
            break
    return job, shown


def cut(text: str, stops: list[str]) -> str:
    return text[: min([text.index(stop) for stop in stops if stop in text], default=len(text))]


def cuts(text: str, stops: list[str]) -> set[str]:
    """What may be left: the token that completes a stop may complete a longer one, which began earlier, too."""
    first = min([text.index(stop) + len(stop) for stop in stops if stop in text], default=len(text))
    return {cut(text[:end], stops) for end in range(first, len(text) + 1)}


@settings(max_examples=150, deadline=None)
@given(TEXTS, STOPS)
def test_text_up_to_the_first_stop(text, stops):
    ids = [*TOKENIZER.encode(text), EOS]
    for stream in (False, True):
        job, shown = run(ids, stops, stream=stream)
        assert job.text in cuts(text, stops)
        assert (job.finish, job.settled) == ("stop", len(job.text))
        assert all(later.startswith(sooner) for sooner, later in itertools.pairwise(shown))
        assert not any(stop in seen for seen in shown for stop in stops)
        assert (job.stopped_by == EOS) == (job.text == text and job.ids == ids)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(0, 1600), max_size=25), STOPS)
def test_any_tokens_at_all(ids, stops):
    """Halves of characters, special tokens, ids past the tokenizer's end."""
    ids = [token for token in ids if token != EOS]
    whole, _ = run([*ids, EOS], [], stream=False)
    for stream in (False, True):
        job, shown = run([*ids, EOS], stops, stream=stream)
        assert job.text in cuts(whole.text, stops)
        assert all(job.text.startswith(seen) for seen in shown)


@settings(max_examples=50, deadline=None)
@given(TEXTS.filter(bool), st.integers(1, 10))
def test_an_answer_at_its_limit(text, limit):
    ids = TOKENIZER.encode(text)
    job, _ = run([*ids, EOS], [], stream=True, max_tokens=limit)
    assert len(job.ids) == min(limit, len(ids) + 1)
    assert job.finish == ("length" if limit <= len(ids) else "stop")
    assert "".join(text.split("\ufffd")).startswith(job.text.rstrip("\ufffd"))


def test_a_stop_that_only_the_end_completes():
    blank = TOKENIZER.encode(" ")
    assert len(blank) == 1  # held back by the detokenizer until more comes
    job, _ = run([*TOKENIZER.encode("a"), *blank, EOS], [" "], stream=True)
    assert (job.text, job.finish, job.stopped_by) == ("a", "stop", None)
