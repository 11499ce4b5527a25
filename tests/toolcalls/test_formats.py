"""Every wire format, written and read without loss."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slm_ext.toolcalls import FORMATS, ToolCall, detect, validate, wire_format

from .test_qwen3_coder import TOOLS

EACH = pytest.mark.parametrize("wire", FORMATS.values(), ids=FORMATS)

PIECES = [
    *"<>/=\n\r\t a{}[]\"'\\`-~é\u2028😀", "    ", "```", "````", "\n```\n", "```tool edit_line\n", "---", "\n--- old\n",
    "\n---- old", "</parameter>", "\n</parameter>\n", "<parameter=old>", "<parameter=old json>", "</function>",
    "<function=submit>", "</tool_call>", "<tool_call>", "</think>", "<think>", "null", "true", "12",
    '{"name": "submit", "arguments": {}}', "\\u0041", "\x85", "\x1c", "\0",
]  # fmt: skip
HARD = st.lists(st.sampled_from(PIECES), max_size=8).map("".join)
TEXT = st.one_of(HARD, st.text())
ARGUMENTS = st.fixed_dictionaries(
    {}, optional={"path": TEXT, "line": st.integers(), "old": TEXT, "new": TEXT}
)  # read by type, not yet held against `required`
TARGETS = st.fixed_dictionaries({}, optional={"targets": st.lists(TEXT, max_size=3), "keyword": TEXT})
CALLS = st.one_of(
    st.builds(lambda a: ("edit_line", a), ARGUMENTS),
    st.builds(lambda a: ("pytest_run", a), TARGETS),
    st.just(("submit", {})),
)


def calls_of(drawn):
    return [ToolCall(id=f"call_{i}", name=name, arguments=a) for i, (name, a) in enumerate(drawn, start=1)]


@EACH
@given(drawn=st.lists(CALLS, min_size=1, max_size=3), thinking=st.sampled_from([None, False]))
@settings(max_examples=300, deadline=None)
def test_rendered_calls_read_back(wire, drawn, thinking):
    calls = calls_of(drawn)
    text = "\n".join(wire.render(call) for call in calls)
    parsed = wire.parse(text, TOOLS, thinking=thinking)
    assert parsed.rejection is None
    assert parsed.calls == calls
    assert [list(call.arguments) for call in parsed.calls] == [list(call.arguments) for call in calls]
    assert parsed.text == ""
    assert wire.looks_like_call(text)


@EACH
@given(drawn=CALLS)
@settings(max_examples=100, deadline=None)
def test_text_and_thinking_around_a_call_stay_text(wire, drawn):
    [call] = calls_of([drawn])
    example = wire.render(ToolCall(id="", name="submit", arguments={}))
    for before, thinking in (
        ("I edit.\n", None),
        ("I edit.\n", False),
        (f"<think>perhaps\n{example}\n</think>\n", None),
        (f"<think>perhaps {wire.opener}</think>\n", None),
        (f"perhaps\n{example}\n</think>\n", None),
        (f"perhaps\n{example}\n</think>\n", True),
    ):
        parsed = wire.parse(before + wire.render(call), TOOLS, thinking=thinking)
        assert (parsed.calls, parsed.text, parsed.rejection) == ([call], before, None)


@EACH
def test_calls_inside_thinking_are_not_calls(wire):
    example = wire.render(ToolCall(id="", name="submit", arguments={}))
    for text, thinking in ((f"<think>\n{example}\n</think>\nno", None), (f"\n{example}\n</think>no", True)):
        parsed = wire.parse(text, TOOLS, thinking=thinking)
        assert (parsed.calls, parsed.rejection, parsed.text) == ([], None, text)


@EACH
@given(drawn=st.lists(CALLS, min_size=1, max_size=3), thinking=st.sampled_from([None, False]))
@settings(max_examples=100, deadline=None)
def test_what_is_outside_of_the_readable_calls_is_kept(wire, drawn, thinking):
    text, outside = "", ""
    for number, call in enumerate(calls_of(drawn)):
        text += f"say {number}\n{wire.render(call)}\n \n{wire.render(call)}\n"
        outside += f"say {number}\n" if not number else f"\nsay {number}\n"
    assert wire.parse(text, TOOLS, thinking=thinking).outside == outside
    broken = wire.opener + "[]{"
    parsed = wire.parse(text + broken, TOOLS, thinking=thinking)
    assert (parsed.outside, len(parsed.calls)) == (f"{outside}\n{broken}", 2 * len(drawn))
    assert parsed.rejection is not None


@EACH
@given(drawn=CALLS, cut=st.integers(0, 12))
@settings(max_examples=50, deadline=None)
def test_half_a_closing_tag_is_no_text(wire, drawn, cut):
    [call] = calls_of([drawn])
    text = wire.render(call)
    parsed = wire.parse("a" + "\n" + text[: len(text) - cut], TOOLS, thinking=False)
    assert not parsed.calls or parsed.outside == "a\n"


@EACH
def test_names_that_would_break_the_format_read_back(wire):
    names = ["a b", 'say "x"', '"', "<x>", "a\nb", "--- x", "```", "é", "a>b", "x json"]
    call = ToolCall(id="call_1", name="odd name>", arguments={name: name for name in names})
    assert wire.parse(wire.render(call), None).calls == [call]


@EACH
@given(
    text=st.lists(st.sampled_from([*PIECES, "--- path\n", "```tool submit\n```", '{"name": "f"']), max_size=12).map(
        "".join
    )
)
@settings(max_examples=400, deadline=None)
def test_no_text_raises_and_no_opened_call_goes_unnoticed(wire, text):
    for thinking in (False, None, True):
        parsed = wire.parse(text, TOOLS, thinking=thinking)
        assert text.startswith(parsed.text)
    parsed = wire.parse(text, TOOLS, thinking=False)
    assert bool(parsed.calls or parsed.rejection) == wire.looks_like_call(text)


@EACH
@given(drawn=CALLS, cut=st.floats(0, 1))
@settings(max_examples=150, deadline=None)
def test_a_call_that_was_cut_off_is_never_another_call(wire, drawn, cut):
    [call] = calls_of([drawn])
    text = wire.render(call)
    parsed = wire.parse(text[: int(cut * len(text))], TOOLS, thinking=False)
    assert parsed.calls in ([], [call])


@pytest.mark.parametrize(
    ("name", "text", "rule"),
    [
        ("hermes", "<tool_call>", "unterminated"),
        ("hermes", '<tool_call>\n{"name": "edit_line", "arguments": {"path": "a', "unterminated"),
        ("hermes", '<tool_call>\n{"name": "edit_line", "arguments": {"path": a}}\n</tool_call>', "bad_json"),
        ("hermes", '<tool_call>\n{"name": "edit_line", "arguments": [1]}\n</tool_call>', "bad_json"),
        ("hermes", '<tool_call>\n{"name": "edit_line", "arguments": "{"}\n</tool_call>', "bad_json"),
        ("hermes", '<tool_call>\n{"name": "edit_line", "arguments": {"line": 1e999}}\n</tool_call>', "bad_json"),
        ("hermes", '<tool_call>\n{"name": "edit_line", "arguments": {"path": "\\ud800"}}\n</tool_call>', "bad_json"),
        ("hermes", '<tool_call>\n{"name": "submit", "arguments": {"a": 1, "a": 2}}\n</tool_call>', "repeated_argument"),
        ("hermes", '<tool_call>\n{"name": "submit"} now\n</tool_call>', "malformed"),
        ("hermes", '<tool_call>\n{"arguments": {}}\n</tool_call>', "malformed"),
        ("hermes", "<tool_call>\n<function=submit>\n</function>\n</tool_call>", "malformed"),
        ("hermes", "<tool_call>\n" + '{"a":' * 100_000, "bad_json"),
        ("fenced", "```tool submit", "unterminated"),
        ("fenced", "```tool edit_line\n--- path\na.py\n--- old\nx\n``", "unterminated"),
        ("fenced", "```tool edit_line\n--- path\na.py\n````", "unterminated"),
        ("fenced", "```tool\nsubmit\n```", "malformed"),
        ("fenced", '```tool edit_line\n{"path": "a"}\n```', "malformed"),
        ("fenced", "```tool edit_line\n--- path\na\n--- path\nb\n```", "repeated_argument"),
        ("qwen3_coder", "<function=f>\n<parameter=a json>\n{\n</parameter>\n</function>", "bad_json"),
    ],
)
def test_what_cannot_be_read_names_the_rule_and_shows_a_call(name, text, rule):
    wire = wire_format(name)
    parsed = wire.parse("ok\n" + text, TOOLS)
    assert parsed.calls == []
    assert parsed.text == "ok\n"
    assert parsed.rejection.rule == rule
    [shown] = wire.parse(parsed.rejection.example, TOOLS).calls
    assert validate(shown, TOOLS) is None


def test_hermes_forgives_what_has_one_reading():
    parse = wire_format("hermes").parse
    assert parse('<tool_call>{"name": "submit"}', TOOLS).calls[0].arguments == {}
    assert parse('<tool_call>{"name": "submit", "arguments": "{}"}</tool_call>', TOOLS).calls[0].arguments == {}
    two = '<tool_call>\n{"name": "submit"}\n{"name": "pytest_run", "arguments": {"maxfail": "2"}}\n</tool_call>'
    assert [(c.name, c.arguments) for c in parse(two, TOOLS).calls] == [("submit", {}), ("pytest_run", {"maxfail": 2})]


def test_fences_and_markers_are_no_longer_than_they_must_be():
    wire = wire_format("fenced")
    plain = wire.render(ToolCall(id="", name="edit_line", arguments={"old": "x ``` y\n``` z\n---\n--", "line": 3}))
    assert plain == "```tool edit_line\n--- old\nx ``` y\n``` z\n---\n--\n--- line\n3\n```"
    hard = wire.render(ToolCall(id="", name="edit_line", arguments={"old": "```\n--- a/x.py"}))
    assert hard == "````tool edit_line\n---- old\n```\n--- a/x.py\n````"


def test_a_validation_error_shows_its_example_in_the_format_asked_for():
    for wire in FORMATS.values():
        rejection = validate(ToolCall(id="1", name="edit_line", arguments={"path": "a"}), TOOLS, wire.render)
        [shown] = wire.parse(rejection.example, TOOLS).calls
        assert shown.arguments["path"] == "a" and validate(shown, TOOLS) is None


@EACH
def test_instructions_list_every_tool_and_show_the_form(wire):
    text = wire.instructions(TOOLS)
    for tool in TOOLS:
        assert json.dumps(tool["function"], ensure_ascii=False) in text
    [form] = wire.parse(text, None).calls
    assert (form.name, form.arguments) == ("NAME", {"ARGUMENT": "value"})


def test_the_instructions_of_qwen3_coder_stay_as_flywheel_tiny_knows_them():
    tools = [{"type": "function", "function": {"name": "submit", "parameters": {"description": "é"}}}]
    assert wire_format("qwen3_coder").instructions(tools) == (
        "# Tools\n\nOne JSON object per tool:\n<tools>\n"
        '{"name": "submit", "parameters": {"description": "é"}}\n</tools>\n\n'
        "Every answer holds exactly one tool call, in this form, with one parameter block per argument:\n"
        "<tool_call>\n<function=NAME>\n<parameter=ARGUMENT>\nvalue\n</parameter>\n</function>\n</tool_call>"
    )


QWEN3 = (
    "return a json object within <tool_call></tool_call> XML tags:\\n<tool_call>\\n"
    '{\\"name\\": <function-name>, \\"arguments\\": <args-json-object>}\\n</tool_call>'
)


@pytest.mark.parametrize(
    ("template", "parser", "name"),
    [
        (None, None, None),
        ("{{ messages }}", None, None),
        (None, "qwen3_coder", "qwen3_coder"),
        ("", "json_tools", "hermes"),
        (QWEN3, None, "hermes"),
        (QWEN3, "glm47", None),
        ("'<tool_call>\\n<function=' + tool_call.name + '>\\n'", None, "qwen3_coder"),
        ("<tool_call>{name}\\n<arg_key>{arg-key-1}</arg_key> arguments 'name'", None, None),
        ("<|python_tag|>", None, None),
    ],
)
def test_the_format_of_a_model_is_seen_in_its_template(template, parser, name):
    assert detect(template, parser) == name


def test_flywheel_tiny_speaks_qwen3_coder():
    from slm_ext.tiny.wire import TEMPLATE

    assert detect(TEMPLATE, None) == "qwen3_coder"


def test_an_unknown_format_names_those_there_are():
    with pytest.raises(KeyError, match="hermes"):
        wire_format("xml")
