"""Every family gives correct, short, distinct and repeatable sketches."""

from __future__ import annotations

import ast
import random
import time

import pytest

from slm_ext.tiny.families import FAMILIES, Sketch, held_out, trained

SEEDS = range(20)


def outcomes(sketch: Sketch) -> list[object]:
    """The values of the checks, each evaluated in the sketch's own namespace."""
    space: dict[str, object] = {}
    exec(compile(sketch.source, sketch.name, "exec"), space)
    return [eval(check, space) for check in sketch.checks]


@pytest.mark.parametrize("name", sorted(FAMILIES))
def test_family_gives_sound_sketches(name: str) -> None:
    build = FAMILIES[name].build
    sources = set()
    for seed in SEEDS:
        sketch = build(random.Random(seed))
        assert build(random.Random(seed)) == sketch
        sources.add(sketch.source)
        assert sketch.source.startswith((f"def {sketch.name}(", f"class {sketch.name}:", f"class {sketch.name}("))
        assert sketch.source.endswith("\n") and "\n\n" not in sketch.source
        assert not [line for line in sketch.source.splitlines() if len(line) > 88 or line != line.rstrip()]
        node = ast.parse(sketch.source).body[0]
        assert isinstance(node, (ast.FunctionDef, ast.ClassDef)) and ast.get_docstring(node)
        assert not [n for n in ast.walk(node) if isinstance(n, (ast.Import, ast.ImportFrom))]
        assert sketch.what and not sketch.what.endswith(".") and sketch.noun.isidentifier()
        assert 6 <= len(sketch.checks) <= 10 and len(set(sketch.checks)) == len(sketch.checks)
        assert all(sketch.name in check for check in sketch.checks)
        started = time.monotonic()
        values = outcomes(sketch)
        assert time.monotonic() - started < 1.0
        for check, value in zip(sketch.checks, values, strict=True):
            assert ast.literal_eval(repr(value)) == value, check
        assert len({repr(value) for value in values}) > 1, "checks that all agree cannot tell a bug"
    assert len(sources) >= 3


def test_held_out_families_are_apart_from_the_trained() -> None:
    kept, drawn = {f.name for f in held_out()}, {f.name for f in trained()}
    assert kept and drawn and not kept & drawn
    assert kept | drawn == set(FAMILIES)
    built = {f.name: {f.build(random.Random(seed)).name for seed in SEEDS} for f in FAMILIES.values()}
    seen = {function for name in drawn for function in built[name]}
    assert not {function for name in kept for function in built[name]} & seen
