"""Grammars of tool calls: whatever they admit is read and held to be right."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from slm_ext.testing.schemas import SCHEMAS, UNBOUNDED, schema_tools
from slm_ext.toolcalls import (
    FORMATS,
    GrammarError,
    Thinking,
    ToolCall,
    call_grammar,
    json_grammar,
    validate,
    wire_format,
)

from .grammars import admits, begins, walk
from .test_qwen3_coder import TOOLS

EACH = pytest.mark.parametrize("wire", FORMATS.values(), ids=FORMATS)
SUBMIT = ToolCall(id="call_1", name="submit", arguments={})
EDIT = ToolCall(id="call_1", name="edit_line", arguments={"path": "a.py", "line": 3, "old": "    x", "new": ""})


OPENED, OWN = Thinking(opened=True), Thinking(own=True)


def held(wire, text, tools, *, thinking=None):
    """The calls of a text, all of them right."""
    parsed = wire.parse(text, tools, thinking=thinking)
    assert parsed.rejection is None, (text, parsed.rejection.text())
    for call in parsed.calls:
        rejection = validate(call, tools)
        assert rejection is None, (text, call, rejection.text())
    return parsed.calls


@EACH
@pytest.mark.parametrize("name", SCHEMAS)
def test_random_text_of_a_required_call_is_a_right_call(wire, name):
    tools = schema_tools(name)
    grammar = call_grammar(tools, wire, choice="required", parallel=False)
    ended = 0
    for seed in range(6):
        text, over = walk(grammar, seed, limit=300)
        ended += over
        if over:
            [call] = held(wire, text, tools)
            assert call.name == name
    assert ended >= 6 or name in UNBOUNDED


@EACH
def test_random_calls_among_all_tools_end_and_are_right(wire):
    tools = schema_tools(*(name for name in SCHEMAS if name not in UNBOUNDED))
    grammar = call_grammar(tools, wire, choice="required")
    walks = [walk(grammar, seed) for seed in range(60)]
    texts = [text for text, over in walks if over]
    assert len(texts) >= 54
    counts = [len(held(wire, text, tools)) for text in texts]
    assert min(counts) == 1 < max(counts)


@EACH
def test_random_replies_with_text_before_the_call_are_right(wire):
    tools = schema_tools("goto", "set_mode", "all_optional", "submit")
    for seed in range(6):
        for begin, settings_ in (
            ("I go </think> on.\n" + wire.opener, {}),
            ("<think>perhaps " + wire.opener + "\n</think>\n" + wire.opener, {}),
            ("", {"choice": "required", "thought_chars": 12}),
            ("Now.\n" + wire.opener, {"choice": "set_mode", "thought_chars": 12}),
            ("hm " + wire.opener + "\n</think>", {"choice": "required", "thinking": OPENED}),
            ("hm </think>\nSo:\n" + wire.opener, {"thinking": OPENED}),
            ("<think>so " + wire.opener + "\n</think>\n", {"choice": "required", "thinking": OWN}),
        ):
            text, over = walk(call_grammar(tools, wire, **settings_), seed, begin=begin, limit=250)
            assert over
            assert held(wire, text, tools, thinking=settings_.get("thinking") is OPENED or None)


PLAIN = st.text(alphabet="abc _.:=é'\"\\\n#", max_size=20)


@EACH
@given(path=PLAIN, line=st.integers(-(10**14), 10**14), old=PLAIN, targets=st.lists(PLAIN, max_size=3))
@settings(max_examples=40, deadline=None)
def test_what_is_rendered_of_a_right_call_is_admitted(wire, path, line, old, targets):
    grammar = call_grammar(TOOLS, wire)
    edit = ToolCall(id="1", name="edit_line", arguments={"path": path, "line": line, "old": old, "new": ""})
    run = ToolCall(id="2", name="pytest_run", arguments={"targets": targets, "maxfail": line})
    assert admits(grammar, wire.render(edit))
    assert admits(grammar, "I run.\n" + wire.render(run) + "\n" + wire.render(edit) + "\n" + wire.render(SUBMIT))


@EACH
def test_choices(wire):
    submit, edit, other = wire.render(SUBMIT), wire.render(EDIT), "Nothing to do."
    grammars = {choice: call_grammar(TOOLS, wire, choice=choice) for choice in ("auto", "required", "none", "submit")}
    admitted = {choice: [admits(g, text) for text in (submit, edit, other)] for choice, g in grammars.items()}
    assert admitted == {
        "auto": [True, True, True],
        "required": [True, True, False],
        "none": [False, False, True],
        "submit": [True, False, False],
    }
    assert not begins(grammars["none"], other + "\n" + wire.opener)
    assert not begins(grammars["required"], "S")
    assert wire.name != "qwen3_coder" or not begins(grammars["auto"], "a <function=")
    assert admits(grammars["required"], f"{submit}\n{edit}")
    assert not begins(grammars["auto"], f"{submit}\nDone")
    assert not begins(grammars["auto"], f"{submit}\n\n")


@EACH
def test_without_parallel_calls_a_reply_ends_behind_the_first(wire):
    grammar = call_grammar(TOOLS, wire, parallel=False)
    assert admits(grammar, wire.render(SUBMIT))
    assert not begins(grammar, wire.render(SUBMIT) + "\n")


@EACH
def test_thoughts_before_a_required_call_are_no_longer_than_allowed(wire):
    grammar = call_grammar(TOOLS, wire, choice="required", thought_chars=10)
    call = wire.render(SUBMIT)
    assert admits(grammar, call) and admits(grammar, "é" * 9 + "\n" + call)
    assert not begins(grammar, "é" * 11)
    assert not admits(grammar, "so\n")


@EACH
def test_thinking_that_the_prompt_opened_comes_first(wire):
    call = wire.render(SUBMIT)
    required = call_grammar(TOOLS, wire, choice="required", thinking=OPENED)
    for thought in ("", f"perhaps {call}, no", "\n"):
        for gap in ("", "\n", "\n\n"):
            assert admits(required, f"{thought}</think>{gap}{call}")
    assert not admits(required, call)
    assert not begins(required, "</think>\n\n\n\n" + call)
    assert admits(call_grammar(TOOLS, wire, choice="none", thinking=OPENED), f"{call}</think>done")
    assert admits(call_grammar(TOOLS, wire), f"<think>{call}</think>done")


@EACH
def test_a_model_that_thinks_of_its_own_accord_may_before_a_required_call(wire):
    call, edit = wire.render(SUBMIT), wire.render(EDIT)
    for choice in ("required", "submit"):
        own = call_grammar(TOOLS, wire, choice=choice, thinking=OWN)
        for thought in ("", "<think></think>", f"<think>\nperhaps {edit}, no\n</think>\n\n"):
            assert admits(own, thought + call)
        assert not begins(own, "So")
        assert not begins(own, "<think></think>\n\n\n" + call)
        assert not begins(call_grammar(TOOLS, wire, choice=choice), "<think>")
    said = call_grammar(TOOLS, wire, choice="required", thought_chars=12, thinking=OWN)
    assert admits(said, f"<think>{'long ' * 9}</think>\nso\n{call}") and admits(said, f"so\n{call}")


@EACH
def test_other_tags_of_thinking(wire):
    tags = {"start": "<|channel>thought", "end": "<channel|>"}
    call = wire.render(SUBMIT)
    opened = call_grammar(TOOLS, wire, choice="required", thinking=Thinking(opened=True, **tags))
    assert admits(opened, f"hm</think><channel|>{call}") and not begins(opened, f"hm</think>\n{call}<channel|>\n\n\n")
    assert not admits(opened, f"hm</think>{call}")
    own = call_grammar(TOOLS, wire, choice="required", thinking=Thinking(own=True, **tags))
    assert admits(own, f"<|channel>thought hm<channel|>\n{call}") and not begins(own, "<think>")


@EACH
def test_what_breaks_the_schema_is_not_admitted(wire):
    tools = schema_tools("goto", "edit_line", "rename", "pick", "create_user", "limit", "fixed")
    grammar = call_grammar(tools, wire)

    def admitted(name, **arguments):
        return admits(grammar, wire.render(ToolCall(id="", name=name, arguments=arguments)))

    edit = {"path": "a", "line": 1, "old": "x", "new": "y"}
    assert admitted("goto", line=5000) and admitted("goto", line=1, column=-3)
    assert not admitted("goto", line=5001) and not admitted("goto", line=0) and not admitted("goto")
    assert not admitted("goto", line=1, row=2) and not admitted("gone", line=1)
    assert admitted("edit_line", **edit) and not admitted("edit_line", **{**edit, "old": ""})
    assert not admitted("edit_line", **{**edit, "new": "é" * 31}) and admitted("edit_line", **{**edit, "new": "é" * 30})
    assert admitted("rename", old="_a1", new="x/y") and not admitted("rename", old="1a", new="x/y")
    assert not admitted("rename", old="a", new="x/yz") and admitted("rename", old="a", new="ab_c_")
    assert admitted("pick", items=["d\ne", 4]) and not admitted("pick", items=[]) and not admitted("pick", items=["z"])
    home = {"name": "n", "address": {"city": "c", "zip": "01234"}}
    assert admitted("create_user", user=home) and not admitted("create_user", user={**home, "x": 1})
    assert admitted("limit", count=12, after=None) and admitted("limit", count="all", label="x")
    assert not admitted("limit", count=0) and not admitted("limit", count="some")
    assert admitted("fixed", version=2, kind="plain text") and not admitted("fixed", version=2, kind="plain")


@EACH
def test_a_text_may_hold_what_only_looks_like_the_end(wire):
    grammar = call_grammar(TOOLS, wire)
    for value in ("print('</parameter>')", "</tool_call>", "</think>", "a ``` b", "x\n---\ny", "</function>", "a\n\n"):
        call = ToolCall(id="call_1", name="edit_line", arguments={**EDIT.arguments, "new": value, "old": value})
        assert admits(grammar, wire.render(call)), value


def test_a_fenced_text_with_fences_and_markers_takes_longer_ones():
    wire = wire_format("fenced")
    value = "```python\nx\n```\n--- a/x.py\n"
    call = ToolCall(id="call_1", name="edit_line", arguments={**EDIT.arguments, "new": value})
    assert admits(call_grammar(TOOLS, wire, choice="required"), wire.render(call))


def test_a_qwen3_coder_value_ends_where_the_parser_ends_it():
    head = "<tool_call>\n<function=edit_line>\n<parameter=path>\na"
    grammar = call_grammar(TOOLS, "qwen3_coder")
    assert begins(grammar, head + "</parameter> \n\n")
    for more in ("</function>", "<parameter=", "</tool_call>"):
        assert not begins(grammar, head + "</parameter> \n\n" + more)


@EACH
@pytest.mark.parametrize(
    ("schema", "word"),
    [
        ({"type": "integer", "not": {"const": 3}}, "'not'"),
        ({"type": "array", "items": {"type": "integer"}, "uniqueItems": True}, "uniqueItems"),
        ({"type": "object", "dependentRequired": {"a": ["b"]}}, "dependentRequired"),
        ({"type": "string", "pattern": "(?<!a)b"}, "assert_not"),
        ({"type": "string", "pattern": "a^b"}, "pattern"),
        ({"type": "string", "pattern": "("}, "regular expression"),
        ({"type": "string", "pattern": "(a{200}|b{9}){100}"}, "20,900 characters"),
        ({"type": "number", "multipleOf": 0.1}, "multipleOf"),
        ({"type": "array", "items": {"$ref": "http://example.org/x"}}, "http://example.org/x"),
        ({"type": "integer", "enum": ["a"]}, "value"),
        (False, "admits no value"),
    ],
)
def test_what_cannot_be_enforced_is_named(wire, schema, word):
    tools = [
        {"type": "function", "function": {"name": "f", "parameters": {"properties": {"a": schema}, "required": ["a"]}}}
    ]
    with pytest.raises(GrammarError, match=word):
        call_grammar(tools, wire)


def test_impossible_choices_are_named():
    with pytest.raises(GrammarError, match="pytest_run"):
        call_grammar(TOOLS, "hermes", choice="bash")
    with pytest.raises(GrammarError, match="no tools"):
        call_grammar([], "hermes", choice="required")
    with pytest.raises(GrammarError, match="same name"):
        call_grammar(TOOLS + TOOLS, "hermes")
    assert admits(call_grammar([], "hermes"), "text")


JSON_SCHEMAS = [
    *(SCHEMAS[name] for name in ("create_user", "draw", "filter", "weights", "limit", "matrix", "scale", "set_level")),
    {"type": "array", "items": {"type": "integer"}, "minItems": 1},
    {"allOf": [{"type": "integer"}, {"minimum": 3, "maximum": 40}]},
    {"$defs": {"tree": {"type": "object", "properties": {"left": {"$ref": "#/$defs/tree"}}}}, "$ref": "#/$defs/tree"},
    {"oneOf": [{"type": "integer"}, {"type": "boolean"}]},
    {"oneOf": [{**SCHEMAS["draw"]["properties"]["shape"]["anyOf"][i]} for i in (0, 1)]},
    {"type": "number", "exclusiveMinimum": 0, "maximum": 0.001},
    {"type": "number", "exclusiveMinimum": -1, "exclusiveMaximum": 0},
    {"minimum": 2},
    {"type": "array", "uniqueItems": False, "items": {"enum": [1, 2]}, "title": "t", "default": [], "x-order": 3},
]


@pytest.mark.parametrize("schema", JSON_SCHEMAS, ids=range(len(JSON_SCHEMAS)))
def test_random_json_is_valid(schema):
    grammar = json_grammar(schema)
    texts = [text for text, over in (walk(grammar, seed) for seed in range(8)) if over]
    assert len(texts) >= 7
    for text in texts:
        assert json.dumps(json.loads(text), ensure_ascii=False).count(" ") == text.count(" ")
        Draft202012Validator(schema).validate(json.loads(text))


def test_json_behind_thinking_of_its_own():
    grammar = json_grammar({"type": "object", "properties": {"a": {"type": "boolean"}}}, thinking=OWN)
    assert admits(grammar, '{"a": true}') and admits(grammar, '<think>{"a": 1}</think>\n{"a": true}')
    assert not begins(grammar, "so")


def test_json_behind_thinking():
    grammar = json_grammar({"type": "object", "properties": {"a": {"type": "boolean"}}}, thinking=OPENED)
    assert admits(grammar, 'so {</think>\n\n{"a": true}') and not begins(grammar, '{"a": true} ok</think> x')
