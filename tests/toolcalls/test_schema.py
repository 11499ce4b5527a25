"""Coercion and validation against the tools' schemas; reading of `tool_calls`."""

import pytest

from slm_ext.toolcalls import Rejection, ToolCall, coerce, parse_native, parse_qwen3_coder, validate

from .test_qwen3_coder import TOOLS

GOOD = {"path": "a.py", "line": 3, "old": "x", "new": "y"}


def call(name, arguments):
    return ToolCall(id="1", name=name, arguments=coerce(name, arguments, TOOLS))


@pytest.mark.parametrize(
    ("name", "arguments", "typed"),
    [
        ("edit_line", {"line": "14"}, {"line": 14}),
        ("edit_line", {"line": " 14 "}, {"line": 14}),
        ("edit_line", {"line": 14.0}, {"line": 14}),
        ("edit_line", {"line": "14.5"}, {"line": "14.5"}),
        ("edit_line", {"new": 14}, {"new": "14"}),
        ("edit_line", {"new": "null"}, {"new": "null"}),
        ("edit_line", {"new": "14"}, {"new": "14"}),
        ("pytest_run", {"targets": '["a", "b"]'}, {"targets": ["a", "b"]}),
        ("pytest_run", {"targets": "a"}, {"targets": "a"}),
        ("pytest_run", {"targets": None, "keyword": None, "maxfail": "null"}, {}),
        ("nobody", {"line": "14"}, {"line": "14"}),
    ],
)
def test_values_are_typed_where_there_is_one_reading(name, arguments, typed):
    assert coerce(name, arguments, TOOLS) == typed


UNION = {
    "$defs": {"level": {"enum": ["low", 3, None]}},
    "type": "object",
    "properties": {
        "limit": {"anyOf": [{"type": "integer"}, {"enum": ["all"]}]},
        "level": {"$ref": "#/$defs/level"},
        "free": {"type": ["string", "integer"]},
        "count": {"enum": [1, 2]},
        "size": {"type": "number"},
        "anything": True,
    },
}
UNION_TOOLS = [{"type": "function", "function": {"name": "f", "parameters": UNION}}]


@pytest.mark.parametrize(
    ("key", "text", "value"),
    [
        ("limit", "all", "all"),
        ("limit", "12", 12),
        ("limit", "some", "some"),
        ("level", "low", "low"),
        ("level", "3", 3),
        ("level", "null", None),
        ("free", "3", "3"),
        ("free", "null", "null"),
        ("count", "2", 2),
        ("size", "1e999", "1e999"),
        ("size", "1e3", 1000.0),
        ("anything", "12", "12"),
    ],
)
def test_a_text_for_a_union_is_a_string_only_where_the_schema_allows_that_string(key, text, value):
    assert coerce("f", {key: text}, UNION_TOOLS) == {key: value}
    rejected = validate(ToolCall(id="1", name="f", arguments={key: value}), UNION_TOOLS)
    assert (rejected is None) == (text not in ("some", "1e999"))


def test_a_right_call_passes():
    assert validate(call("edit_line", GOOD), TOOLS) is None
    assert validate(call("submit", {}), TOOLS) is None


@pytest.mark.parametrize(
    ("name", "arguments", "rule", "named"),
    [
        ("edit_lines", GOOD, "unknown_tool", "did you mean edit_line"),
        ("bash", {"command": "ls"}, "unknown_tool", "bash"),
        ("edit_line", {"path": "a.py"}, "missing_argument", "'line'"),
        ("edit_line", {**GOOD, "when": "now"}, "unknown_argument", "'when'"),
        ("edit_line", {**GOOD, "line": "three"}, "wrong_type", "type integer"),
        ("edit_line", {**GOOD, "line": True}, "wrong_type", "type integer"),
        ("edit_line", {**GOOD, "new": None}, "wrong_type", "type string"),
        ("pytest_run", {"targets": "tests"}, "wrong_type", "type array"),
        ("pytest_run", {"targets": [1]}, "wrong_type", "[0] must be of type string"),
    ],
)
def test_the_first_broken_rule_is_named_with_a_call_that_would_pass(name, arguments, rule, named):
    rejection = validate(call(name, arguments), TOOLS)
    assert rejection.rule == rule
    assert named in rejection.text()
    [shown] = parse_qwen3_coder(rejection.example, TOOLS).calls
    assert validate(shown, TOOLS) is None


def test_the_example_keeps_what_was_right():
    rejection = validate(call("edit_line", {**GOOD, "line": "three"}), TOOLS)
    [shown] = parse_qwen3_coder(rejection.example, TOOLS).calls
    assert shown.arguments == {**GOOD, "line": 1}


def test_without_tools_no_call_is_known():
    assert validate(ToolCall(id="1", name="x", arguments={}), []).rule == "unknown_tool"


def test_the_last_attempt_is_not_retryable():
    rejection = Rejection(rule="no_call", message="m")
    assert [rejection.at(n).retryable for n in (1, 2, 3)] == [True, True, False]


def native(arguments, name="edit_line", **more):
    return parse_native(
        {"content": "t", "tool_calls": [{"function": {"name": name, "arguments": arguments}, **more}]}, TOOLS
    )


@pytest.mark.parametrize("arguments", ['{"line": 3}', '{"line": "3"}', {"line": 3}, '"{\\"line\\": 3}"'])
def test_native_arguments_come_in_several_shapes(arguments):
    parsed = native(arguments, id="abc")
    assert parsed.calls == [ToolCall(id="abc", name="edit_line", arguments={"line": 3})]
    assert parsed.text == "t"


@pytest.mark.parametrize("arguments", ["", None, "null", "{}"])
def test_no_arguments_is_an_empty_object(arguments):
    assert native(arguments, name="submit").calls == [ToolCall(id="call_1", name="submit", arguments={})]


@pytest.mark.parametrize(
    ("arguments", "rule"), [("{", "bad_json"), ("[1]", "bad_json"), ('"x"', "bad_json"), (3, "bad_json")]
)
def test_native_arguments_that_are_no_object(arguments, rule):
    parsed = native(arguments)
    assert parsed.calls == []
    assert parsed.rejection.rule == rule


@pytest.mark.parametrize("item", [{}, {"function": None}, {"function": {"arguments": "{}"}}, "x"])
def test_a_nameless_native_call(item):
    assert parse_native({"tool_calls": [item]}, TOOLS).rejection.rule == "malformed"


def test_no_native_calls():
    parsed = parse_native({"content": None, "tool_calls": None}, TOOLS)
    assert (parsed.calls, parsed.text, parsed.rejection) == ([], "", None)
