"""A grammar's follower when a draft proposes in vain: after any rollback it allows what a fresh one would."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

pytestmark = pytest.mark.mlx
pytest.importorskip("mlx_lm")

from slm_ext.serving.engine.constraint import Constraint, Grammars
from slm_ext.toolcalls.grammar import json_grammar

from .conftest import TINY

EOS, SIZE = 1522, 1600
SCHEMA = {"type": "object", "properties": {"a": {"enum": ["red", "green"]}, "b": {"type": "integer"}},
          "required": ["a"], "additionalProperties": False}  # fmt: skip
GRAMMARS = Grammars((TINY / "tokenizer.json").read_text(), SIZE, [EOS])
GRAMMAR = json_grammar(SCHEMA)


def allowed(constraint: Constraint) -> list[int]:
    row = constraint.row()
    return list(range(SIZE)) if row is None else np.flatnonzero(row == 0).tolist()


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 6), st.integers(0, 6), st.integers(0, 10**6)), min_size=1, max_size=12))
def test_rollback(rounds):
    """Each round goes on by some allowed tokens, also past the end, and takes some back."""
    constraint = GRAMMARS.constraint(GRAMMAR)
    for forward, back, choice in rounds:
        for step in range(forward):
            may = allowed(constraint)
            assert may and (len(may) == SIZE or max(may) < 1536)  # nothing past the tokenizer's end
            constraint.consume(may[(choice + step) % len(may)])
        constraint.rollback(min(back, len(constraint.consumed)))
        fresh = GRAMMARS.constraint(GRAMMAR)
        for token in constraint.consumed:
            fresh.consume(token)
        assert allowed(constraint) == allowed(fresh)
        assert constraint.error == fresh.error == ""


def test_what_does_not_fit_ends_the_answer():
    constraint = GRAMMARS.constraint(GRAMMAR)
    constraint.consume(EOS - 1)
    assert constraint.error and allowed(constraint) == [EOS]
    constraint.consume(EOS)
    assert allowed(constraint) == [EOS]


def test_the_end_comes_when_nothing_else_may():
    constraint = GRAMMARS.constraint(json_grammar({"enum": [1]}))
    seen = []
    while (may := allowed(constraint)) != [EOS]:
        assert len(seen) < 5
        seen.append(may[0])
        constraint.consume(may[0])
    constraint.consume(EOS)
    constraint.consume(7)  # the step past the end
    assert constraint.row() is None and not constraint.error


def test_compiled_grammars_are_kept_by_their_size():
    grammars = Grammars((TINY / "tokenizer.json").read_text(), SIZE, [EOS])
    for n in range(40):
        grammars.constraint(f'start: "{n}" "{"x" * (10 if n < 20 else 30_000)}"')
    kept = list(grammars._compiled)
    assert 1 <= len(kept) <= 16 and sum(map(len, kept)) <= 200_000 and f'"{39}"' in kept[-1]
