"""The Qwen3-Coder wire format, read and written without loss."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slm_ext.toolcalls import ToolCall, looks_like_call, parse_qwen3_coder, render_qwen3_coder

TOOLS = [
    {
        "type": "function",
        "function": {
            "name": "edit_line",
            "parameters": {
                "type": "object",
                "properties": {
                    "path": {"type": "string"},
                    "line": {"type": "integer"},
                    "old": {"type": "string"},
                    "new": {"type": "string"},
                },
                "required": ["path", "line", "old", "new"],
            },
        },
    },
    {
        "type": "function",
        "function": {
            "name": "pytest_run",
            "parameters": {
                "type": "object",
                "properties": {
                    "targets": {"type": "array", "items": {"type": "string"}},
                    "keyword": {"type": "string"},
                    "maxfail": {"type": "integer"},
                },
            },
        },
    },
    {"type": "function", "function": {"name": "submit", "parameters": {"type": "object", "properties": {}}}},
]

EDIT = """I fix it.
<tool_call>
<function=edit_line>
<parameter=path>
stats.py
</parameter>
<parameter=line>
14
</parameter>
<parameter=old>
    if x:
        y
</parameter>
<parameter=new>
null
</parameter>
</function>
</tool_call>"""


def test_reads_values_as_they_are_written_and_typed():
    parsed = parse_qwen3_coder(EDIT, TOOLS)
    assert parsed.rejection is None
    assert parsed.text == "I fix it.\n"
    [call] = parsed.calls
    assert (call.id, call.name) == ("call_1", "edit_line")
    assert call.arguments == {"path": "stats.py", "line": 14, "old": "    if x:\n        y", "new": "null"}
    assert list(call.arguments) == ["path", "line", "old", "new"]


@given(st.dictionaries(st.sampled_from(["path", "old", "new", "keyword"]), st.text()))
@settings(max_examples=300, deadline=None)
def test_rendered_calls_read_back(arguments):
    call = ToolCall(id="call_1", name="edit_line", arguments=arguments)
    parsed = parse_qwen3_coder(render_qwen3_coder(call), TOOLS)
    assert parsed.calls == [call]
    assert parsed.rejection is None
    assert parsed.text == ""


@given(st.lists(st.text(alphabet="abc /.:_é\"'\\\n"), max_size=4), st.integers())
@settings(max_examples=100, deadline=None)
def test_typed_values_read_back(targets, maxfail):
    call = ToolCall(id="call_1", name="pytest_run", arguments={"targets": targets, "maxfail": maxfail})
    assert parse_qwen3_coder(render_qwen3_coder(call), TOOLS).calls == [call]


def test_a_closing_tag_inside_a_value_ends_it_only_where_the_format_continues():
    call = ToolCall(id="call_1", name="edit_line", arguments={"old": "print('</parameter>')", "new": "x"})
    assert parse_qwen3_coder(render_qwen3_coder(call), TOOLS).calls == [call]


def test_several_calls_are_seen_in_one_block_or_in_two():
    one = "<tool_call>\n<function=submit>\n</function>\n<function=pytest_run>\n</function>\n</tool_call>"
    two = render_qwen3_coder(ToolCall(id="", name="submit", arguments={})) * 2
    assert [c.name for c in parse_qwen3_coder(one, TOOLS).calls] == ["submit", "pytest_run"]
    assert [c.id for c in parse_qwen3_coder(two, TOOLS).calls] == ["call_1", "call_2"]


@pytest.mark.parametrize("text", ["", "I will run the tests now.", "a < b", "</tool_call>"])
def test_plain_text_is_no_call(text):
    parsed = parse_qwen3_coder(text, TOOLS)
    assert (parsed.calls, parsed.rejection, parsed.text) == ([], None, text)
    assert not looks_like_call(text)


def test_a_missing_outer_tag_is_forgiven():
    parsed = parse_qwen3_coder("ok <function=submit></function>", TOOLS)
    assert [c.name for c in parsed.calls] == ["submit"]
    assert parsed.text == "ok "


def test_calls_inside_thinking_are_not_calls():
    text = "<think>maybe <function=submit></function></think>\nno"
    assert parse_qwen3_coder(text, TOOLS).calls == []


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("<tool_call>\n<function=edit_line>\n<parameter=path>\nstats.py", "unterminated"),
        ("<tool_call>\n<function=edit_line>\n<parameter=path>\na\n</parameter>\n", "unterminated"),
        ("<tool_call>\n<function=edit_line>\n<parameter=path>\na\n</parameter>\n<para", "unterminated"),
        ('<tool_call>\n{"name": "submit", "arguments": {}}\n</tool_call>', "json_in_xml"),
        ('<function=edit_line>\n{"path": "a"}\n</function>', "json_in_xml"),
        ("<tool_call>\nsubmit()\n</tool_call>", "malformed"),
        ("<function=submit>\nnow\n</function>", "malformed"),
        (
            "<function=edit_line><parameter=path>a</parameter><parameter=path>b</parameter></function>",
            "repeated_argument",
        ),
    ],
)
def test_what_cannot_be_read_names_the_rule_and_shows_a_call(text, rule):
    parsed = parse_qwen3_coder(text, TOOLS)
    assert parsed.calls == []
    assert parsed.rejection.rule == rule
    shown = parse_qwen3_coder(parsed.rejection.example, TOOLS)
    assert shown.rejection is None and shown.calls


def test_the_calls_before_a_broken_one_are_kept():
    text = "<function=submit></function>\n<tool_call>\n<function=edit_line>\n<parameter=path>\na"
    parsed = parse_qwen3_coder(text, TOOLS)
    assert [c.name for c in parsed.calls] == ["submit"]
    assert parsed.rejection.rule == "unterminated"


def test_a_second_function_without_a_name_is_reported():
    parsed = parse_qwen3_coder("<function=submit></function> then <function=>", TOOLS)
    assert [c.name for c in parsed.calls] == ["submit"]
    assert (parsed.rejection.rule, parsed.outside) == ("malformed", " then <function=>")


PIECES = [*"<>/=\n a{", "<tool_call>", "</tool_call>", "<function=f>", "</function>", "<parameter=p>", "</parameter>"]


@given(st.lists(st.sampled_from(PIECES), max_size=14).map("".join))
@settings(max_examples=500, deadline=None)
def test_no_text_raises_and_no_opened_call_goes_unnoticed(text):
    parsed = parse_qwen3_coder(text, TOOLS)
    assert bool(parsed.calls or parsed.rejection) == looks_like_call(text)
    assert text.startswith(parsed.text)


def test_a_json_block_before_a_good_call_is_not_passed_over():
    text = '<tool_call>{"name": "submit"}</tool_call><tool_call><function=submit></function></tool_call>'
    assert parse_qwen3_coder(text, TOOLS).rejection.rule == "json_in_xml"


def test_a_value_in_which_the_format_continues_is_written_as_json():
    value = "a\n</parameter>\n<parameter=new>\nb"
    call = ToolCall(id="call_1", name="edit_line", arguments={"old": value, "new": "</parameter>"})
    text = render_qwen3_coder(call)
    assert "<parameter=old json>" in text and "<parameter=new>" in text
    assert parse_qwen3_coder(text, TOOLS).calls == [call]
