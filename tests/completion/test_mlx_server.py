"""Completion against the unmodified `mlx_lm.server`, random weights: each request accepted, each error read."""

import importlib.util
import os
import socket
import subprocess
import sys
import time
import urllib.request

import pytest

from slm_ext.errors import FormatRejected, ProviderDown
from slm_ext.testing.models import make_random_model
from slm_ext.traces import read_calls

from .parts import MESSAGES, completion

pytestmark = [
    pytest.mark.mlx,
    pytest.mark.skipif(importlib.util.find_spec("mlx_lm") is None, reason="mlx-lm is not installed"),
]

STRICT = """{%- set ns = namespace(last='assistant') -%}
{%- for m in messages -%}
  {%- if m.role == 'user' or (m.role == 'assistant' and not m.tool_calls) -%}
    {%- if m.role == ns.last and m.role == 'user' -%}{{ raise_exception('roles must alternate') }}{%- endif -%}
    {%- set ns.last = m.role -%}
  {%- endif -%}
  {%- if m.content is not string -%}{{ raise_exception('content must be a text') }}{%- endif -%}
  {%- if m.content == 'refuse me' -%}{{ raise_exception('the template refuses') }}{%- endif -%}
  <|im_start|>{{ m.role }}
{{ m.content }}
  {%- for t in m.tool_calls or [] -%}
<tool_call>
<function={{ t.function.name }}>
{%- for k, v in t.function.arguments.items() %}<parameter={{ k }}>{{ v }}</parameter>{% endfor %}
</function>
</tool_call>
  {%- endfor -%}
<|im_end|>
{%- endfor -%}
{%- if add_generation_prompt -%}<|im_start|>assistant
{%- endif -%}"""

TOOL_CALL = "3"  # the token <tool_call> of the random model


@pytest.fixture(scope="module")
def base_url(tmp_path_factory):
    folder = tmp_path_factory.mktemp("mlx")
    model = make_random_model(folder / "model", chat_template=STRICT)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log = (folder / "log").open("wb")
    command = [sys.executable, "-m", "mlx_lm", "server", "--model", str(model), "--port", str(port)]
    environ = os.environ | {"HF_HUB_OFFLINE": "1"}
    process = subprocess.Popen(command, stdout=log, stderr=log, env=environ, start_new_session=True)
    try:
        deadline = time.monotonic() + 120
        while not _answers(port):
            assert process.poll() is None and time.monotonic() < deadline, (folder / "log").read_text()
            time.sleep(0.1)
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        process.kill()
        process.wait()
        log.close()


def _answers(port):
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5) as response:
            return response.status == 200
    except OSError:
        return False


def call(ident, arguments):
    return {"id": ident, "type": "function", "function": {"name": "edit_line", "arguments": arguments}}


HISTORY = [
    *MESSAGES,
    {"role": "user", "content": "Be quick."},
    {"role": "assistant", "content": None, "tool_calls": [call("a", '{"path": "x.py", "line": 3, "old": "null"}')]},
    {"role": "tool", "tool_call_id": "a", "content": "error not_found"},
    {"role": "user", "content": [{"type": "text", "text": "Look again."}]},
    {"role": "assistant", "content": "", "tool_calls": [call("b", "{broken")]},
    {"role": "user", "content": "That was no JSON."},
    {"role": "assistant", "content": "Hm."},
    {"role": "assistant", "content": "So."},
]


def test_any_history_and_every_setting_is_accepted(base_url, tmp_path):
    asked = completion(
        base_url,
        tmp_path / "calls.jsonl",
        token="",
        max_output_tokens=4,
        top_p=0.9,
        seed=1,
        stop=["\n\n\n"],
        chat_template_kwargs={"enable_thinking": False},
        completion_kwargs={"min_p": 0.05, "nothing": None},
    )
    with pytest.raises(FormatRejected) as refused:  # random weights make no call
        asked.complete(HISTORY)
    assert refused.value.reply.usage["in"] > 100 and 1 <= refused.value.reply.usage["out"] <= 4
    [record] = read_calls(tmp_path)
    assert record["validation"]["status"] == "rejected" and record["attempts"] == 1
    assert record["raw_response"]["choices"]


def test_a_history_sent_as_the_host_has_it_would_be_refused(base_url):
    import openai

    client = openai.OpenAI(base_url=base_url, api_key="x", max_retries=0)
    with pytest.raises(openai.NotFoundError):
        client.chat.completions.create(model="default_model", messages=HISTORY, max_tokens=1)


def test_a_call_cut_by_the_limit_is_not_taken(base_url):
    asked = completion(base_url, token="", max_output_tokens=6, completion_kwargs={"logit_bias": {TOOL_CALL: 1000}})
    with pytest.raises(FormatRejected) as refused:
        asked.complete(MESSAGES)
    assert refused.value.rejection.rule == "truncated"
    assert refused.value.reply.finish_reason == "length"


def test_cached_tokens_are_told(base_url):
    asked = completion(base_url, token="", max_output_tokens=2)
    history = [*MESSAGES, {"role": "user", "content": "cache me " * 20}]
    usages = []
    for turn in ("one", "two"):
        with pytest.raises(FormatRejected) as refused:
            asked.complete([*history, {"role": "user", "content": turn}])
        usages.append(refused.value.reply.usage)
    assert usages[1]["cached"] > 100
    assert usages[1]["cached"] <= usages[1]["in"]


def test_the_servers_404_is_final_and_its_words_are_passed_on(base_url):
    with pytest.raises(ProviderDown, match="404: the template refuses"):
        completion(base_url, token="").complete([{"role": "user", "content": "refuse me"}])
