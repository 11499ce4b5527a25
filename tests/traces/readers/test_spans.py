"""Objects and lists are found by their brackets, wherever the file is cut into chunks."""

import io
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slm_ext.traces.readers import spans as module
from slm_ext.traces.readers.spans import Span, Unbalanced, between, spans

TEXTS = st.text(alphabet='"\\[]{},: aé\n', max_size=8)
VALUES = st.recursive(
    st.none() | st.integers() | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=20,
)


def found(data, begin=0, end=None):
    return list(spans(io.BytesIO(data), begin, len(data) if end is None else end))


def expected(value, depth=0):
    """The containers of a value down to the third level, each behind what it holds."""
    if isinstance(value, (dict, list)):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from expected(inner, depth + 1)
        if depth < 3:
            yield depth, value


@given(value=VALUES, indent=st.sampled_from([None, 1]), ascii=st.booleans(), chunk=st.integers(1, 9))
@settings(deadline=None)
def test_every_container_is_found_however_the_file_is_cut(value, indent, ascii, chunk):
    data = json.dumps(value, indent=indent, ensure_ascii=ascii).encode()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "CHUNK", chunk)
        got = [(depth, json.loads(data[begin:end])) for depth, begin, end in found(data)]
    assert got == list(expected(value))


def test_a_stretch_of_a_file():
    data = b'[{"a": 1}, {"b": [2]}]'
    assert found(data, 11, 21) == [Span(1, 17, 20), Span(0, 11, 21)]


def test_several_values_one_behind_another():
    assert [span for span in found(b'{"a": 1} []\n{}') if span.depth == 0] == [(0, 0, 8), (0, 9, 11), (0, 12, 14)]


@pytest.mark.parametrize(
    ("data", "given", "at"),
    [
        (b'[{"a": 1}, {"b": ', [(1, 1, 9)], 17),
        (b'[{"a": 1}, {"b": "]', [(1, 1, 9)], 19),
        (b'{"a": 1}}', [(0, 0, 8)], 8),
        (b'{"a": "\\', [], 8),
        (b"[" * 20_000, [], 10_000),
    ],
)
def test_what_ended_before_a_mistake_is_given(data, given, at):
    got = []
    with pytest.raises(Unbalanced) as caught:
        for span in spans(io.BytesIO(data), 0, len(data)):
            got.append(span)
    assert (got, caught.value.start) == (given, at)


def test_what_stands_between_two_items():
    assert between(io.BytesIO(b"[{} ,\n 7, {}]"), 3, 10) == b"7"
    assert between(io.BytesIO(b"[{} ,\n\t\r{}]"), 3, 8) == b""
