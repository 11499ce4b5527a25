"""A model that thinks before it answers: random weights whose tokenizer has the tags, pushed to use them."""

from __future__ import annotations

import json

import pytest

pytestmark = pytest.mark.mlx
pytest.importorskip("mlx_lm")

from slm_ext.testing.random_model import write_random_model
from slm_ext.testing.schemas import schema_tools
from slm_ext.toolcalls import ToolCall, validate

TOOLS = schema_tools("goto", "set_mode")
BEGIN, END = 1536, 1537
SOON = {str(END): 5.0}
"""Within some twenty tokens of thinking it ends."""
EAGER = {str(BEGIN): 8.0, str(END): 8.0}


@pytest.fixture(scope="module")
def thinker(launch, tmp_path_factory):
    """An engine on such a model. Its template opens the thinking itself where `opened` is asked for."""
    folder = write_random_model(tmp_path_factory.mktemp("thinker") / "model", vocabulary=1538)
    document = json.loads((folder / "tokenizer.json").read_text())
    del document["model"]["merges"][-2:]
    vocabulary = {word: number for word, number in document["model"]["vocab"].items() if number < BEGIN}
    tags = {"<think>": BEGIN, "</think>": END}
    document["model"]["vocab"] = vocabulary | tags
    document["added_tokens"] += [
        {**document["added_tokens"][-1], "id": number, "content": tag, "special": False} for tag, number in tags.items()
    ]
    (folder / "tokenizer.json").write_text(json.dumps(document))
    config = json.loads((folder / "tokenizer_config.json").read_text())
    config["chat_template"] += (
        "{%- if opened %}{{- '<think>\n' }}"
        "{%- elif enable_thinking is defined and not enable_thinking %}{{- '<think>\n\n</think>\n\n' }}{%- endif %}"
    )
    (folder / "tokenizer_config.json").write_text(json.dumps(config))
    return launch(weights=folder, max_streams=4).ready()


def asked(thinker, **fields):
    """One answer, which is the same in a stream."""
    fields = {"temperature": 1.0, "max_tokens": 700, **fields}
    answer = thinker.chat("go", **fields)
    stream = thinker.stream_chat("go", **fields)
    assert stream.content == (answer.message["content"] or "")
    assert "".join(delta.get("reasoning_content") or "" for delta in stream.deltas) == (
        answer.message.get("reasoning_content") or ""
    )
    assert stream.finish == answer.choice["finish_reason"]
    return answer


def called(answer) -> bool:
    """Whether it calls tools, rightly, and says nothing else; False where it was cut."""
    if answer.choice["finish_reason"] == "length":
        return False
    assert answer.choice["finish_reason"] == "tool_calls"
    for call in answer.message["tool_calls"]:
        name, arguments = call["function"]["name"], json.loads(call["function"]["arguments"])
        assert validate(ToolCall(id=call["id"], name=name, arguments=arguments), TOOLS) is None
    return True


def test_thinking_that_the_template_opens_comes_before_a_required_call(thinker):
    answers = [
        asked(thinker, tools=TOOLS, tool_choice="required", seed=seed, logit_bias=SOON,
              chat_template_kwargs={"opened": True})
        for seed in range(6)
    ]  # fmt: skip
    right = [answer for answer in answers if called(answer)]
    assert len(right) > 3 and sum(bool(answer.message["reasoning_content"]) for answer in right) > 2


@pytest.mark.parametrize("wished", [{}, {"thought_chars": 20}])
def test_thinking_of_its_own_may_come_before_a_required_call(thinker, wished):
    answers = [
        asked(thinker, tools=TOOLS, tool_choice="required", seed=seed, logit_bias=EAGER, slm=wished)
        for seed in range(6)
    ]
    right = [answer for answer in answers if called(answer)]
    assert len(right) > 3 and any(answer.message.get("reasoning_content") for answer in right)


def test_thinking_that_is_switched_off_does_not_come_again(thinker):
    answers = [
        asked(thinker, tools=TOOLS, tool_choice="required", seed=seed, logit_bias={str(BEGIN): 100.0},
              chat_template_kwargs={"enable_thinking": False})
        for seed in range(3)
    ]  # fmt: skip
    right = [answer for answer in answers if called(answer)]
    assert right and not any(answer.message.get("reasoning_content") or answer.message["content"] for answer in right)


@pytest.mark.parametrize("template", [{"opened": True}, {}])
def test_json_behind_thinking(thinker, template):
    schema = {"type": "object", "properties": {"a": {"type": "boolean"}}, "required": ["a"]}
    wanted = {"type": "json_schema", "json_schema": {"name": "x", "schema": schema}}
    thoughts = ended = 0
    for seed in range(6):
        answer = asked(
            thinker, response_format=wanted, seed=seed, chat_template_kwargs=template,
            logit_bias=SOON if template else EAGER,
        )  # fmt: skip
        thoughts += bool(answer.message.get("reasoning_content"))
        if answer.choice["finish_reason"] == "stop":
            ended += isinstance(json.loads(answer.message["content"])["a"], bool)
    assert thoughts and ended


def test_thinking_that_does_not_end(thinker):
    never = {"logit_bias": {str(END): -100.0}, "chat_template_kwargs": {"opened": True}, "max_tokens": 12, "seed": 1}
    answer = asked(thinker, tools=TOOLS, tool_choice="required", **never)
    assert answer.choice["finish_reason"] == "length"
    assert answer.message["reasoning_content"] and not answer.message["content"]
