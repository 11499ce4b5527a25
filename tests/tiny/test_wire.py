"""The chat format in Python against the chat template the exported tokenizer carries."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slm_ext.tiny.wire import END, START, TEMPLATE, render, segments
from slm_ext.toolcalls import parse_qwen3_coder


def from_template(messages, generation=False):
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    env = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True)  # as transformers renders
    env.filters["tojson"] = lambda x: json.dumps(x, ensure_ascii=False)
    shaped = [
        {**m, "tool_calls": [{"type": "function", "id": "x", "function": c} for c in m.get("calls", ())]}
        for m in messages
    ]
    return env.from_string(TEMPLATE).render(messages=shaped, add_generation_prompt=generation)


CONVERSATION = [
    {"role": "system", "content": "Fix the bug."},
    {"role": "user", "content": "`f` is wrong.\nSecond line"},
    {"role": "assistant", "content": "", "calls": [{"name": "pytest_run", "arguments": {}}]},
    {"role": "tool", "content": 'fail: 1 failed\n{"a": "<b>"}'},
    {
        "role": "assistant",
        "content": "I see.",
        "calls": [{"name": "edit_line", "arguments": {"path": "a.py", "line": 3, "old": "x < 1", "new": "x <= 1"}}],
    },
]


def test_template_renders_the_same_text():
    assert from_template(CONVERSATION) == render(CONVERSATION)
    assert from_template(CONVERSATION, generation=True) == render(CONVERSATION) + f"{START}assistant\n"


def test_segments_join_to_the_text_and_mark_the_assistant():
    pieces = list(segments(CONVERSATION))
    assert "".join(t for _, t in pieces) == render(CONVERSATION)
    own = [t for kind, t in pieces if kind == "assistant"]
    assert len(own) == 2 and all(t.endswith(END) for t in own) and own[0].startswith("<tool_call>")


@given(st.text(st.characters(codec="utf-8", exclude_categories=("Cs",)), max_size=60), st.integers(1, 9999))
def test_a_rendered_edit_parses_back(old, line):
    if (
        "</parameter>" in old
        or "<parameter=" in old
        or "</function>" in old
        or "tool_call>" in old
        or "</think>" in old
    ):
        return
    arguments = {"path": "a.py", "line": line, "old": old, "new": "y"}
    text = render([{"role": "assistant", "content": "", "calls": [{"name": "edit_line", "arguments": arguments}]}])
    schema = {
        "type": "function",
        "function": {
            "name": "edit_line",
            "parameters": {
                "type": "object",
                "properties": {"path": {"type": "string"}, "line": {"type": "integer"}, "old": {"type": "string"},
                               "new": {"type": "string"}},
            },
        },
    }  # fmt: skip
    parsed = parse_qwen3_coder(text.partition("\n")[2].removesuffix(f"{END}\n"), [schema])
    assert parsed.rejection is None and dict(parsed.calls[0].arguments) == arguments


def test_mlx_lm_finds_the_parser_in_the_template():
    utils = pytest.importorskip("mlx_lm.tokenizer_utils", reason="mlx-lm is not installed")

    class Tokenizer:
        chat_template = TEMPLATE

        def get_vocab(self):
            return {}

    assert utils._infer_tool_parser(Tokenizer()) == "qwen3_coder"
