"""All beginnings of a conversation from one rendering: they are what the template renders, or there are none."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slm_ext.context.template import read_template
from slm_ext.datasets.rendering.prefixes import Prefixes
from slm_ext.paths import tiny_model_dir

CHATML = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
FIRST = "{% if messages[0].role == 'system' %}S{{ messages[0].content }}{% endif %}" + CHATML
BACK = (
    "{% for m in messages %}{% if not loop.first and messages[loop.index0 - 1].role == m.role %}+{% endif %}"
    "[{{ loop.index }}{{ m.content }}]{% endfor %}{{ 'A' if add_generation_prompt }}"
)
CARRIED = (
    "{% set ns = namespace(r='') %}{% for m in messages %}{% set ns.r = m.role %}{{ m.content }}{% endfor %}{{ ns.r }}"
)
CLOSED = {"chatml": CHATML, "first": FIRST, "back": BACK}
OPEN = {
    "carried": CARRIED,
    "last": "{% for m in messages %}{{ m.content }}{% if loop.last %}!{% endif %}{% endfor %}",
    "next": "{% for m in messages %}{{ m.content }}{{ loop.nextitem.role if loop.nextitem }}{% endfor %}",
    "length": "{% for m in messages %}{{ m.content }}{{ messages|length }}{% endfor %}",
    "ahead": "{% for m in messages %}{{ m.content }}{{ messages[-1].role }}{% endfor %}",
    "twice": "{% for m in messages %}{{ m.role }}{% endfor %}{% for m in messages %}{{ m.content }}{% endfor %}",
    "behind": CHATML + "{{ messages[0].role }}",
    "sliced": "{% for m in messages[1:] %}{{ m.content }}{% endfor %}",
    "backwards": "{% for m in messages|reverse %}{{ m.content }}{% endfor %}",
    "filtered": "{% for m in messages|selectattr('role', 'equalto', 'user') %}{{ m.content }}{% endfor %}",
    "macro": "{% macro all() %}" + CHATML + "{% endmacro %}{{ all() }}",
    "block": "{% set all %}" + CHATML + "{% endset %}{{ all }}",
    "filter": "{% filter trim %}" + CHATML + "{% endfilter %}",
    "recursive": "{% for m in messages recursive %}{{ m.content }};{% endfor %}",
    "in pairs": "{% for two in messages|batch(2) %}{% for m in two %}{{ m.content }};{% endfor %}{% endfor %}",
    "asked": "{% for m in messages %}{{ m.content }}{% endfor %}{% if messages %}!{% endif %}",
    "loop itself": "{% for m in messages %}{{ m.content }}{% set l = loop %}{{ l.last }}{% endfor %}",
}
MESSAGES = st.lists(
    st.fixed_dictionaries({"role": st.sampled_from(["system", "user", "assistant"]), "content": st.text(max_size=9)}),
    min_size=1,
    max_size=7,
)


@pytest.fixture(scope="module")
def template_of(tmp_path_factory):
    def made(source):
        folder = tmp_path_factory.mktemp("model")
        (folder / "tokenizer_config.json").write_text(json.dumps({"chat_template": source}))
        return read_template(folder)

    return made


def prefixes_of(template, messages, answer):
    if template.peeks:
        return None
    return Prefixes.of(messages, lambda watched: template.pieces(watched, None, add_generation_prompt=answer))


@pytest.mark.parametrize("source", CLOSED.values(), ids=CLOSED)
def test_a_beginning_is_what_the_template_renders(template_of, source):
    template = template_of(source)

    @given(MESSAGES, st.booleans())
    @settings(max_examples=60, deadline=None)
    def holds(messages, answer):
        found = prefixes_of(template, messages, answer)
        assert found is not None
        for number in range(1, len(messages) + 1):
            beginning = messages[:number]
            assert found.begins(beginning)
            assert found.text(number) == template(beginning, None, add_generation_prompt=answer)
        assert not found.begins([*messages, messages[0]])
        assert not found.begins([{"role": "user", "content": "another conversation"}]) and not found.begins([])

    holds()


@pytest.mark.parametrize("source", OPEN.values(), ids=OPEN)
def test_a_template_that_looks_ahead_has_none(template_of, source):
    messages = [{"role": role, "content": str(i)} for i, role in enumerate(["system", "user", "assistant", "user"])]
    assert prefixes_of(template_of(source), messages, True) is None


def test_that_of_flywheel_tiny_has_them():
    template = read_template(tiny_model_dir())
    call = {"id": "1", "type": "function", "function": {"name": "read_file", "arguments": {"path": "a.py", "start": 3}}}
    messages = [
        {"role": "user", "content": "Fix it."},
        {"role": "assistant", "content": "", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "1", "content": "x = 1"},
    ]
    found = prefixes_of(template, messages, True)
    assert found is not None and found.text(3) == template(messages, None)
    assert [found.text(n) for n in (1, 2)] == [template(messages[:n], None) for n in (1, 2)]
