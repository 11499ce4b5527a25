"""A file's documents: whole, in a list, line by line; held or streamed."""

import importlib
import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from slm_ext.traces.readers.decoding import decode
from slm_ext.traces.readers.documents import Broken, Fields, Streamed, documents

module = importlib.import_module(Fields.__module__)  # the package has a function of the same name
SMALL = 1
"""In place of `LARGE`: nothing is held."""


def read(data, tmp_path, large=None):
    """(offset, values) of each document; the mistakes as they are."""
    path = tmp_path / "file"
    path.write_bytes(data if isinstance(data, bytes) else data.encode("utf-8", "surrogatepass"))
    with pytest.MonkeyPatch.context() as patch:
        if large is not None:
            patch.setattr(module, "LARGE", large)
        return [
            one if isinstance(one, Broken) else (one.offset, {key: one.get(key) for key in one.names()})
            for one in documents(path)
        ]


A, B, C = {"a": [1, {"b": "}{"}]}, {"c": None, "d": "é\n"}, {"e": {}}


@pytest.mark.parametrize("large", [None, SMALL])
@pytest.mark.parametrize("indent", [None, 2])
def test_a_whole_file(tmp_path, indent, large):
    assert read("\n " * 2 + json.dumps(A | B, indent=indent) + "\n", tmp_path, large)[0][1] == A | B


@pytest.mark.parametrize("large", [None, SMALL])
@pytest.mark.parametrize("indent", [None, 2])
def test_a_list(tmp_path, indent, large):
    text = json.dumps([A, B, C], indent=indent)
    found = read(text, tmp_path, large)
    assert [values for _, values in found] == [A, B, C]
    raw = text.encode()
    assert all(json.JSONDecoder().raw_decode(raw[at:].decode())[0] == values for at, values in found)


@pytest.mark.parametrize("end", ["", "\n", "\n\n \n"])
def test_lines(tmp_path, end):
    lines = [json.dumps(one) for one in (A, B, C)]
    assert read("\n".join(lines) + end, tmp_path) == [
        (0, A), (len(lines[0]) + 1, B), (len(lines[0]) + len(lines[1]) + 2, C),
    ]  # fmt: skip


def test_one_line_is_a_whole_file(tmp_path):
    assert read(json.dumps(A) + "\n", tmp_path) == [(0, A)]


def test_a_line_too_large_to_hold_is_streamed(tmp_path):
    big = {"a": ["x" * 90, {}], "b": "y"}
    text = "\n".join(json.dumps(one) for one in (C, big, C))
    assert read(text, tmp_path, large=64) == [(0, C), (10, big), (11 + len(json.dumps(big)), C)]
    (tmp_path / "file").write_text(text)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "LARGE", 64)
        assert [type(one) for one in documents(tmp_path / "file")] == [Fields, Streamed, Fields]


def test_large_documents_one_behind_another(tmp_path):
    text = json.dumps(A, indent=1) + "\n" + json.dumps(B, indent=1)
    assert [values for _, values in read(text, tmp_path, SMALL)] == [A, B]


@pytest.mark.parametrize(
    ("first", "expected"),
    [
        ("{", [(1, "Expecting property name"), A, B]),
        ('{"a": tru', [(6, "Expecting value"), A, B]),
        ('{"ü": tru', [(7, "Expecting value"), A, B]),
        ("what?", [(0, "Expecting value"), A, B]),
        ("7", [(0, "no object"), A, B]),
    ],
)
def test_a_broken_first_line_does_not_hide_the_others(tmp_path, first, expected):
    found = read("\n".join([first, json.dumps(A), json.dumps(B)]), tmp_path)
    assert [one[1] for one in found[1:]] == expected[1:]
    assert found[0].offset == expected[0][0] and expected[0][1] in found[0].cause


def test_broken_lines_are_told_by_their_place_in_the_file(tmp_path):
    lines = [json.dumps(A), '{"torn": "é', json.dumps(B), "[1]", json.dumps(C), '{"x":']
    found = read("\n".join(lines), tmp_path)
    assert [one[1] for one in found if isinstance(one, tuple)] == [A, B, C]
    begins = [sum(len(line.encode()) + 1 for line in lines[:number]) for number in range(6)]
    broken = [one for one in found if isinstance(one, Broken)]
    assert [one.offset for one in broken] == [begins[1] + 9, begins[3], begins[5] + 5]
    assert "Unterminated string" in broken[0].cause and "no object" in broken[1].cause
    assert [one[0] for one in found if isinstance(one, tuple)] == [begins[0], begins[2], begins[4]]


@pytest.mark.parametrize("large", [None, SMALL])
def test_a_list_is_read_up_to_the_place_where_it_is_cut(tmp_path, large):
    text = json.dumps([A, B, C])
    cut = text.index('"e"')
    found = read(text[:cut], tmp_path, large)
    assert [one[1] for one in found[:2]] == [A, B]
    assert (found[2].offset, len(found)) == (cut, 3) and "ends within" in found[2].cause


@pytest.mark.parametrize("large", [None, SMALL])
def test_items_that_are_no_documents_are_told(tmp_path, large):
    found = read('[{"a": 1}, 7, {"b": 2}, "x"] ...', tmp_path, large)
    assert [one[1] for one in found if isinstance(one, tuple)] == [{"a": 1}, {"b": 2}]
    assert [(one.offset, one.cause) for one in found if isinstance(one, Broken)] == [
        (9, "no object (7)"), (22, 'no object ("x")'), (28, "no object (...)"),
    ]  # fmt: skip


@pytest.mark.parametrize("large", [None, SMALL])
@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("", "an empty file"),
        (" \n", "an empty file"),
        ("[]", "an empty list"),
        (" [ ] ", "an empty list"),
        ("{", "no JSON"),
        ('{"a": [}', "no JSON"),
        ('{"a" 1}', "no JSON"),
        ('{"a": 1} {', "no JSON"),
        ("plain words", "no"),
        ("7", "no object"),
        ("null", "no object"),
        (b"\xff\xfe{}", "no"),
        (b'{"\xff": 1}', "no JSON"),
        ("{" * 9, "no JSON"),
        ("[" * 30_000, "levels"),
    ],
)
def test_what_is_no_json_is_told(tmp_path, text, cause, large):
    found = read(text, tmp_path, large)
    broken = [one for one in found if isinstance(one, Broken)]
    assert broken and cause in broken[0].cause
    assert 0 <= broken[0].offset <= len(text)


@pytest.mark.parametrize("large", [None, SMALL])
def test_deep_nesting_is_told_where_it_is_decoded(tmp_path, large, monkeypatch):
    if large:
        monkeypatch.setattr(module, "LARGE", large)
    (tmp_path / "file").write_text('{"a": ' + "[" * 5000 + "]" * 5000 + "}")
    with pytest.raises(ValueError, match="nested too deeply"):
        for document in documents(tmp_path / "file"):
            raise ValueError(document.cause) if isinstance(document, Broken) else AssertionError(document.get("a"))


@pytest.mark.parametrize("large", [None, SMALL])
def test_what_python_writes_beyond_the_standard_is_read(tmp_path, large):
    text = '{"a": [NaN, {"x": -Infinity}], "b": "\\ud83d", "c": 1e999, "d": %s}' % ("9" * 40)
    [(_, values)] = read(text, tmp_path, large)
    assert str(values["a"][0]) == "nan" and values["a"][1] == {"x": float("-inf")}
    assert (values["b"], values["c"], values["d"]) == ("\ud83d", float("inf"), int("9" * 40))


def test_a_list_where_one_document_is_beyond_the_standard(tmp_path):
    found = read('[{"a": 1}, {"b": NaN}, {"c": "\\udc00"}]', tmp_path)
    assert [offset for offset, _ in found] == [1, 11, 23]


def test_a_field_that_comes_twice_counts_the_last_time(tmp_path):
    for large in (None, SMALL):
        assert read('{"a": [1], "a": [2]}', tmp_path, large) == [(0, {"a": [2]})]


VALUES = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text() | st.just("\ud800"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=12,
)


@given(
    value=st.dictionaries(st.text(), VALUES, max_size=4),
    indent=st.sampled_from([None, 2]),
    large=st.sampled_from([None, 1, 16]),
)
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_held_or_streamed_a_document_says_the_same(tmp_path, value, indent, large):
    text = json.dumps(value, indent=indent)
    assert repr(read(text, tmp_path, large)) == repr([(0, json.loads(text))])


@given(value=st.lists(st.dictionaries(st.text(), VALUES, max_size=2), max_size=4), large=st.sampled_from([None, 1]))
@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_items_are_read_one_by_one(tmp_path, value, large):
    path = tmp_path / "file"
    path.write_text(json.dumps({"first": 1, "items": value, "none": None}))
    with pytest.MonkeyPatch.context() as patch:
        if large:
            patch.setattr(module, "LARGE", large)
        [document] = documents(path)
        assert isinstance(document, Streamed if large else Fields)
        assert repr(list(document.items("items"))) == repr(value)
        assert repr([decode(raw) for raw in document.raw_items("items")]) == repr(value)
        assert repr([{key: part.get(key) for key in part.names()} for part in document.parts("items")]) == repr(value)
        assert list(document.items("none")) == list(document.items("missing")) == []
        with pytest.raises(ValueError, match="list"):
            list(document.items("first"))


@pytest.mark.parametrize("large", [None, SMALL])
def test_items_that_are_no_list(tmp_path, large):
    path = tmp_path / "file"
    path.write_text('{"a": {"b": {}}, "c": [{}, 7], "d": "x"}')
    with pytest.MonkeyPatch.context() as patch:
        if large:
            patch.setattr(module, "LARGE", large)
        [document] = documents(path)
        for key in "ad":
            with pytest.raises(ValueError, match=rf"{key}.* no list"):
                list(document.items(key))


def test_a_streamed_list_has_objects_and_lists_alone(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "LARGE", SMALL)
    for text in ('{"a": [{}, 7]}', '{"a": [7]}', '{"a": [7, {}]}'):
        (tmp_path / "file").write_text(text)
        [document] = documents(tmp_path / "file")
        with pytest.raises(ValueError, match="neither object nor list"):
            list(document.items("a"))


def test_a_folder_cannot_be_read(tmp_path):
    with pytest.raises(OSError):
        list(documents(tmp_path))
