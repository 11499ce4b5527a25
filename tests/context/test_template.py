"""Chat templates of model folders, rendered here."""

import json

from slm_ext.context.template import read_template

MESSAGES = [{"role": "user", "content": "hi <b> ä"}]


def folder(path, config=None, jinja=None):
    if config is not None:
        (path / "tokenizer_config.json").write_text(json.dumps(config))
    if jinja is not None:
        (path / "chat_template.jinja").write_text(jinja)
    return path


def test_the_file_comes_before_the_config(tmp_path):
    config = {"chat_template": "old", "bos_token": {"content": "<s>"}, "eos_token": "</s>"}
    template = read_template(folder(tmp_path, config, "{{ bos_token }}{{ messages[0].content }}{{ eos_token }}"))
    assert template is not None and template(MESSAGES, None) == "<s>hi <b> ä</s>"
    (tmp_path / "chat_template.jinja").unlink()
    template = read_template(tmp_path)
    assert template is not None and template(MESSAGES, None) == "old"


def test_among_several_the_one_for_tools(tmp_path):
    several = [{"name": "default", "template": "plain"}, {"name": "tool_use", "template": "tools"}]
    template = read_template(folder(tmp_path, {"chat_template": several}))
    assert template is not None and template(MESSAGES, None) == "tools"


def test_what_transformers_gives_to_templates(tmp_path):
    source = (
        "{% for m in messages %}{% if m.role == 'user' %}{{ tools | tojson }}{{ m | tojson(indent=1) }}{% endif %}"
        "{% generation %}{{ strftime_now('%Y') | length }}{% endgeneration %}{% break %}{% endfor %}"
        "{{ add_generation_prompt }}"
    )
    template = read_template(folder(tmp_path, jinja=source))
    assert template is not None
    assert (
        template(MESSAGES, [{"a": 1}]) == '[{"a": 1}]' + json.dumps(MESSAGES[0], indent=1, ensure_ascii=False) + "4True"
    )


def test_a_template_cannot_reach_out(tmp_path):
    template = read_template(folder(tmp_path, jinja="{{ messages.__class__.__mro__ }}{{ messages.append(1) }}"))
    assert template is not None
    try:
        text = template(MESSAGES, None)
    except Exception as error:
        assert type(error).__name__ == "SecurityError"
    else:
        raise AssertionError(text)


def test_none_where_there_is_none_to_read(tmp_path):
    assert read_template(tmp_path) is None
    assert read_template(folder(tmp_path, config={"chat_template": "{% if %}"})) is None
    assert read_template(folder(tmp_path, config=["no mapping"])) is None
    (tmp_path / "tokenizer_config.json").write_text("{torn")
    assert read_template(tmp_path) is None
