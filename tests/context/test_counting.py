"""E01: prompt tokens, against transformers' own rendering of the same folders."""

from __future__ import annotations

import functools
import json
from pathlib import Path

import pytest

from slm_ext.context import TokenCounter, counter_for
from slm_ext.paths import tiny_model_dir
from slm_ext.testing.models import make_random_model
from slm_ext.testing.random_model import write_random_model

from .conversations import TOOLS, call, exchange, lines, long_run, start

GROUPED = """{%- if messages[0].role != 'system' %}{{- '<|im_start|>system\nYou are a helpful assistant.<|im_end|>\n' }}
{%- endif %}
{%- if tools %}{{- '# Tools\n' }}{% for tool in tools %}{{- tool | tojson(indent=2) + '\n' }}{% endfor %}{% endif %}
{%- for m in messages %}
{%- if m.role == 'tool' %}
{%- if loop.first or messages[loop.index0 - 1].role != 'tool' %}{{- '<|im_start|>user' }}{%- endif %}
{{- '\n<tool_response>\n' + m.content + '\n</tool_response>' }}
{%- if loop.last or messages[loop.index0 + 1].role != 'tool' %}{{- '<|im_end|>\n' }}{%- endif %}
{%- else %}
{%- if m.role not in ('system', 'user', 'assistant') %}{{ raise_exception('what is ' + m.role) }}{% endif %}
{{- '<|im_start|>' + m.role + '\n' }}{% generation %}{{- m.content }}{% endgeneration %}
{%- for t in m.tool_calls or [] %}
{%- if loop.index > 9 %}{% break %}{% endif %}
{{- '\n<tool_call>\n' + {'name': t.function.name, 'arguments': t.function.arguments} | tojson + '\n</tool_call>' }}
{%- endfor %}
{{- '<|im_end|>\n' }}
{%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}{{- '<|im_start|>assistant\n' }}{%- endif %}"""
"""As Qwen's: results in one turn, a system text where none is given, tools as indented JSON."""

TWO_CALLS = [
    {"role": "assistant", "content": "Both.", "tool_calls": [call("a", "bash", command="ls -l"), call("b", "submit")]},
    {"role": "tool", "tool_call_id": "a", "content": "total 0\nä ≤ 漢字"},
    {"role": "tool", "tool_call_id": "b", "content": "error"},
    {"role": "assistant", "content": "In words."},
    {"role": "user", "content": "Make a call."},
]
CONVERSATIONS = {
    "task": start(),
    "no system": start()[1:],
    "all sorts": [*start(lines(900)), *TWO_CALLS, *exchange("c", "read_file", lines(50), path='a "b".py', start=3)],
    "long": [*long_run(20, 800), *TWO_CALLS, *exchange("d", "pytest_run", "pass: 1 passed", targets=["t.py"])],
}


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    pytest.importorskip("safetensors.numpy")
    made = tmp_path_factory.mktemp("models")
    return {
        "flywheel-tiny": tiny_model_dir(),
        "hermes": write_random_model(made / "hermes", wire="hermes"),
        "no tools": write_random_model(made / "none", wire=None),
        "characters": make_random_model(made / "characters"),
        "grouped": make_random_model(made / "grouped", chat_template=GROUPED),
    }


@functools.cache
def tokenizer_of(folder: Path):
    return pytest.importorskip("transformers").AutoTokenizer.from_pretrained(folder)


def prompt_tokens(folder: Path, messages: list[dict], tools: list[dict] | None) -> int:
    """What a server makes of them: arguments as objects, the template of the folder, its tokenizer."""
    tokenizer = tokenizer_of(folder)
    messages = json.loads(json.dumps(messages))
    for message in messages:
        for made in message.get("tool_calls") or []:
            made["function"]["arguments"] = json.loads(made["function"]["arguments"])
    text = tokenizer.apply_chat_template(messages, tools=tools, add_generation_prompt=True, tokenize=False)
    return len(tokenizer.encode(text, add_special_tokens=False))


@pytest.mark.parametrize("tools", [None, TOOLS], ids=["no tools", "tools"])
@pytest.mark.parametrize("messages", CONVERSATIONS.values(), ids=CONVERSATIONS)
@pytest.mark.parametrize("name", ["flywheel-tiny", "hermes", "no tools", "characters", "grouped"])
def test_within_five_percent_before_any_correction(folders, name, messages, tools):
    expected = prompt_tokens(folders[name], messages, tools)
    assert counter_for(folders[name]).count(messages, tools) == pytest.approx(expected, rel=0.01, abs=1)


def test_tools_cost_what_the_template_makes_of_them(folders):
    counter = counter_for(folders["hermes"])
    assert counter.count(start(), TOOLS) > counter.count(start(), TOOLS[:1]) > counter.count(start()) + 50
    changed = [TOOLS[0] | {"function": TOOLS[0]["function"] | {"description": "long " * 50}}]
    assert counter.count(start(), changed) > counter.count(start(), TOOLS[:1]) + 20
    silent = counter_for(folders["flywheel-tiny"])  # this model's template shows no tools
    assert silent.count(start(), TOOLS) == silent.count(start())


def test_only_new_messages_are_tokenized():
    texts = []
    counter = TokenCounter(encode=lambda text: texts.append(text) or len(text))
    messages = long_run(10)
    first = counter.count(messages, TOOLS)
    texts.clear()
    assert counter.count(json.loads(json.dumps(messages)), json.loads(json.dumps(TOOLS))) == first
    assert texts == []
    counter.count([*messages, *exchange("new", "bash", "fresh output")], TOOLS)
    assert "fresh output" in texts and len(texts) <= 4


def test_each_call_is_counted_by_its_arguments():
    counter = TokenCounter()
    short, long = (exchange("1", "execute_bash", "", "Same.", command=command) for command in ("ls", "x" * 1000))
    assert counter.count(start() + long) > counter.count(start() + short) + 150
    assert counter.count(start() + exchange("1", "sh", "", "Same.", command="ls")) < counter.count(start() + short)


def test_a_changed_tool_list_is_noticed():
    counter, tools = TokenCounter(), json.loads(json.dumps(TOOLS))
    before = counter.count(start(), tools)
    tools[0]["function"]["description"] += "x" * 1000
    assert counter.count(start(), tools) == pytest.approx(before + 200, abs=1)


@pytest.mark.parametrize("off", [0.7, 1.0, 1.31])
@pytest.mark.parametrize("name", ["flywheel-tiny", None])
def test_the_servers_count_corrects(folders, name, off):
    """Exact for the same prompt; within 5 % for one that has grown by a few exchanges."""
    true = counter_for(folders["characters"])
    counter = counter_for(folders.get(name))
    messages = long_run(40, 700)
    for end in range(4, len(messages), 6):
        prompt = messages[:end]
        expected = round(true.count(prompt, TOOLS) * off)
        counter.learn(prompt, TOOLS, expected)
        assert counter.count(prompt, TOOLS) == expected
        grown = messages[: end + 2]
        if end >= 40:
            assert counter.count(grown, TOOLS) == pytest.approx(true.count(grown, TOOLS) * off, rel=0.05)
    shorter = messages[:30]
    assert counter.count(shorter, TOOLS) == pytest.approx(true.count(shorter, TOOLS) * off, rel=0.15)


def test_with_the_right_tokenizer_one_count_teaches_what_the_server_adds(folders):
    """A text that a server puts before everything is a constant, not a factor."""
    counter = counter_for(folders["flywheel-tiny"])
    messages = long_run(30, 700)
    added = 150
    before = counter.count(messages)
    counter.learn(messages[:10], None, counter.count(messages[:10]) + added)
    assert counter.count(messages) == before + added


def test_what_cannot_be_a_count_teaches_nothing():
    counter, messages = TokenCounter(), long_run(3)
    before = counter.count(messages)
    for tokens in (None, 0, 7, 10**7):
        counter.learn(messages, None, tokens)
        assert counter.count(messages) == before


def test_counts_grow_with_the_prompt():
    counter, messages = TokenCounter(), long_run(30)
    counter.learn(messages[:20], TOOLS, counter.count(messages[:20], TOOLS) * 2)
    counter.learn(messages[:40], TOOLS, counter.count(messages[:40], TOOLS) // 2)
    counts = [counter.count(messages[:end], TOOLS) for end in range(2, len(messages), 2)]
    assert counts == sorted(counts) and counts[0] > 0


def test_without_a_tokenizer_the_first_guess_is_low(tmp_path):
    assert counter_for(None).count([{"role": "user", "content": "x" * 1000}]) == pytest.approx(200, abs=5)
    assert counter_for(tmp_path).count(start()) == TokenCounter().count(start())
    (tmp_path / "tokenizer.json").write_text("{torn")
    assert counter_for(tmp_path).count(start()) == TokenCounter().count(start())
    assert TokenCounter().count([{"role": "user", "content": "漢字" * 100}]) > 100, "bytes, not characters"


@pytest.mark.parametrize("template", [None, "{{ torn", "{{ raise_exception('never') }}", "{{ 1 + messages }}"])
def test_a_template_that_cannot_be_used_is_done_without(tmp_path, template):
    pytest.importorskip("safetensors.numpy")
    folder = make_random_model(tmp_path / "model", chat_template=template or "")
    if template is None:
        (folder / "chat_template.jinja").unlink()
    count = counter_for(folder).count(CONVERSATIONS["all sorts"], TOOLS)
    text = "".join(json.dumps(message) for message in (*CONVERSATIONS["all sorts"], *TOOLS))
    assert 0.6 * len(text.encode()) < count < len(text.encode())


def test_a_template_that_refuses_one_message_counts_the_others(folders, tmp_path):
    refuses = "{%- if m.content == 'In words.' %}{{ raise_exception('no') }}{% endif %}"
    picky = GROUPED.replace("{%- if m.role == 'tool' %}", refuses + "{%- if m.role == 'tool' %}")
    folder = make_random_model(tmp_path / "picky", chat_template=picky)
    expected = prompt_tokens(folders["grouped"], CONVERSATIONS["all sorts"], TOOLS)
    assert counter_for(folder).count(CONVERSATIONS["all sorts"], TOOLS) == pytest.approx(expected, rel=0.02)


def test_a_small_growth_is_guessed_and_near_the_limit_it_is_weighed():
    """Tokenizing what came since the server's last count is left out where it cannot matter, and made good where it
    can."""
    from slm_ext.context import fit
    from slm_ext.registry.policies import ContextPolicy

    asked = []

    def encode(text):
        asked.append(text)
        return len(text) // 3

    counter = TokenCounter(encode)
    task = [{"role": "user", "content": "task " * 2000}]
    counter.learn(task, None, counter.count(task))
    asked.clear()
    grown = [*task, {"role": "assistant", "content": "aa bb " * 20}, {"role": "user", "content": "cc dd " * 20}]
    assert abs(counter.count(grown) - (counter.count(task) + 80)) <= 20 and asked == []
    assert fit(grown, limit=10_000, policy=ContextPolicy(), counter=counter).tokens and asked == []
    tight = counter.count(grown) + 10
    fit(grown, limit=tight, policy=ContextPolicy(), counter=counter)
    assert len(asked) >= 2
    large = [*grown, {"role": "assistant", "content": ""}, {"role": "user", "content": "zz " * 2000}]
    asked.clear()
    counter.count(large)
    assert any("zz" in text for text in asked)
