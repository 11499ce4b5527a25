"""One-line bugs and the edit that takes them back."""

import random

import pytest

from slm_ext.tiny.families import FAMILIES
from slm_ext.tiny.mutations import KINDS, line_edit, mutations

SOURCE = '''def count_above(values, limit):
    """Return how many values are above limit."""
    count = 0
    for value in values:
        if value > limit and not value == 7:
            count += 1
    return count
'''


def apply(text, edit):
    lines = text.split("\n")
    assert lines[edit.line - 1].count(edit.old) == 1
    lines[edit.line - 1] = lines[edit.line - 1].replace(edit.old, edit.new)
    return "\n".join(lines)


def test_kinds_of_one_function():
    kinds = {m.kind for m in mutations(SOURCE)}
    assert kinds >= {
        "comparator",
        "boundary",
        "constant",
        "variable",
        "boolean",
        "operator",
        "return",
    } and kinds <= set(KINDS)


def test_signature_and_docstring_stay():
    assert all(m.source.splitlines()[:2] == SOURCE.splitlines()[:2] for m in mutations(SOURCE))


def test_the_edit_is_the_whole_line_without_its_indentation():
    boundary = next(m for m in mutations(SOURCE) if "value >= limit" in m.source)
    edit = line_edit(boundary.source, SOURCE)
    assert (edit.line, edit.old, edit.new) == (
        5,
        "if value >= limit and not value == 7:",
        "if value > limit and not value == 7:",
    )


def test_two_lines_and_a_change_of_depth_have_no_edit():
    assert line_edit("if a:\n    b\n", "if a:\nb\n") is None
    assert line_edit("a = 1\nb = 2\n", "a = 2\nb = 1\n") is None


@pytest.mark.parametrize("name", sorted(FAMILIES))
def test_every_mutation_is_undone_by_its_edit(name):
    source = FAMILIES[name].build(random.Random(3)).source
    found = mutations(source)
    assert len(found) >= 3
    for m in found:
        compile(m.source, "m", "exec")
        assert apply(m.source, line_edit(m.source, source)) == source
