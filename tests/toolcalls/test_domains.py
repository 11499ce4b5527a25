"""Domains: where an argument's values may come from, one request at a time."""

import copy

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slm_ext.toolcalls import FORMATS, GrammarError, ToolCall, call_grammar, validate

from .grammars import admits, matcher, walk
from .test_qwen3_coder import TOOLS

EACH = pytest.mark.parametrize("wire", FORMATS.values(), ids=FORMATS)
LINES = [
    "def f(a, b):",
    "    if a > b:",
    '        return "a\\n"',
    "    return b  # </parameter>",
    "--- b",
    "``` x",
    "\ta & b",
]
EDITS = [{"path": {"enum": ["src/a.py"]}, "line": {"enum": [i]}, "old": {"substring": t}} for i, t in enumerate(LINES)]


def fits(arguments, case):
    """Whether a call's arguments fit a case."""
    for key, domain in case.items():
        value = arguments.get(key)
        if key not in arguments:
            continue
        if "enum" in domain and value not in domain["enum"]:
            return False
        if "substring" in domain and not (value and value in domain["substring"]):
            return False
        if "items" in domain and not set(value) <= set(domain["items"]["enum"]):
            return False
    return True


def admitted(wire, domains, name, arguments, tools=TOOLS):
    grammar = call_grammar(tools, wire, choice="required", parallel=False, domains=domains)
    return admits(grammar, wire.render(ToolCall(id="", name=name, arguments=arguments)))


@EACH
def test_a_call_fits_one_case_not_parts_of_several(wire):
    def edit(line, old, path="src/a.py"):
        return admitted(
            wire, {"edit_line": EDITS}, "edit_line", {"path": path, "line": line, "old": old, "new": "anything"}
        )

    assert edit(1, "    if a > b:") and edit(1, "a > b") and edit(1, " ")
    assert edit(2, 'return "a\\n"') and edit(3, "</parameter>") and edit(6, "\ta &")
    assert not edit(1, "return b") and not edit(1, "a  > b") and not edit(1, "")
    assert not edit(9, "a") and not edit(1, "a", path="src/b.py")
    assert admitted(wire, {"edit_line": EDITS}, "submit", {})


@EACH
def test_random_calls_fit_a_case(wire):
    cases = [*EDITS, {"path": {"enum": ["b.py", "a b.py"]}, "new": {"enum": ["", "x\ny"]}}]
    tools = copy.deepcopy(TOOLS[:1])
    tools[0]["function"]["parameters"]["properties"]["new"]["maxLength"] = 9
    grammar = call_grammar(tools, wire, choice="required", parallel=False, domains={"edit_line": cases})
    for seed in range(25):
        text, over = walk(grammar, seed)
        if over:
            [call] = wire.parse(text, tools).calls
            assert validate(call, tools) is None
            assert any(fits(call.arguments, case) for case in cases), call
        else:
            assert "b.py" in text  # its old text is free


DOMAINS = st.one_of(
    st.builds(
        lambda v: {"enum": v}, st.lists(st.sampled_from(["a", "b", "ab", "", "\n", "</parameter>", "```"]), max_size=3)
    ),
    st.builds(lambda t: {"substring": t}, st.text(alphabet="ab\n`-<", max_size=5)),
)
CASES = st.lists(st.dictionaries(st.sampled_from(["x", "y", "z"]), DOMAINS), min_size=1, max_size=4)
XYZ = [
    {
        "type": "function",
        "function": {
            "name": "f",
            "parameters": {
                "type": "object",
                "properties": {key: {"type": "string", "maxLength": 12} for key in "xyz"},
                "required": ["x", "z"],
            },
        },
    }
]


@EACH
@given(cases=CASES, seed=st.integers(0, 1000))
@settings(max_examples=40, deadline=None)
def test_random_calls_of_random_cases_fit_one(wire, cases, seed):
    grammar = call_grammar(XYZ, wire, choice="required", parallel=False, domains={"f": cases})
    text, over = walk(grammar, seed)
    calls = wire.parse(text, XYZ).calls
    assert over and calls
    possible = [c for c in cases if all(d.get("substring") != "" and d.get("enum") != [] for d in c.values())]
    for call in calls:
        assert validate(call, XYZ) is None
        assert not possible or any(fits(call.arguments, case) for case in possible)


@EACH
@given(old=st.text(alphabet="ab</parmet>`- \n\\", max_size=6), line=st.integers(0, 2))
@settings(max_examples=40, deadline=None)
def test_just_the_pieces_of_the_named_line_are_admitted(wire, old, line):
    lines = ["a b\\a", "a</p>ba", "b"]
    cases = [{"line": {"enum": [i]}, "old": {"substring": text}} for i, text in enumerate(lines)]
    call = {"path": "p", "line": line, "old": old, "new": ""}
    assert admitted(wire, {"edit_line": cases}, "edit_line", call) == (old != "" and old in lines[line])


@EACH
def test_a_list_takes_its_items_from_a_domain(wire):
    domains = {"pytest_run": [{"targets": {"items": {"enum": ["tests/a.py", 'say "b"']}}}]}
    assert admitted(wire, domains, "pytest_run", {"targets": ["tests/a.py", 'say "b"']})
    assert admitted(wire, domains, "pytest_run", {"keyword": "x"}) and admitted(
        wire, domains, "pytest_run", {"targets": []}
    )
    assert not admitted(wire, domains, "pytest_run", {"targets": ["tests/b.py"]})


@EACH
def test_a_tool_without_cases_cannot_be_called_unless_none_can(wire):
    edit = {"path": "p", "line": 1, "old": "a", "new": "b"}
    assert not admitted(wire, {"submit": []}, "submit", {}) and admitted(wire, {"submit": []}, "edit_line", edit)
    nothing = {"edit_line": [{"line": {"enum": ["x"]}}, {"old": {"substring": ""}}]}
    assert not admitted(wire, nothing, "edit_line", edit)
    assert admitted(wire, nothing, "edit_line", edit, tools=TOOLS[:1])


@pytest.mark.parametrize(
    ("domains", "word"),
    [
        ({"edit": [{}]}, "edit"),
        ({"edit_line": [{"file": {"enum": ["a"]}}]}, "file"),
        ({"edit_line": [{"line": {"substring": "1"}}]}, "substring"),
        ({"edit_line": [{"path": {"items": {"enum": ["a"]}}}]}, "items"),
        ({"edit_line": [{"path": {"prefix": "a"}}]}, "domain"),
        ({"edit_line": [{"path": ["a"]}]}, "domain"),
        ({"edit_line": ["path"]}, "case"),
    ],
)
def test_a_domain_that_means_nothing_is_named(domains, word):
    with pytest.raises(GrammarError, match=word):
        call_grammar(TOOLS, "hermes", domains=domains)


@EACH
@pytest.mark.parametrize("size", ["40 lines", "3000 names", "3000 cases"])
def test_large_domains_are_small_grammars(wire, size):
    """Cases that differ in one argument are one rule: compiling takes time by the number of rules."""
    names = [f"src/package_{i % 37}/module_{i}.py" for i in range(3000)]
    lines = [f"    value_{i} = compute({i}, 'x') + other[{i}]" for i in range(40)]
    domains = {
        "40 lines": {
            "edit_line": [{"line": {"enum": [i]}, "old": {"substring": text}} for i, text in enumerate(lines)]
        },
        "3000 names": {"edit_line": [{"path": {"enum": names}}]},
        "3000 cases": {"edit_line": [{"path": {"enum": [name]}} for name in names]},
    }[size]
    grammar = call_grammar(TOOLS, wire, choice="required", domains=domains)
    assert len(grammar.splitlines()) < 1000
    found = matcher(grammar)
    found.compute_bitmask()
    assert not found.is_error()
