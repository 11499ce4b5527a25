"""Every mistake in a providers file is one message with file and line, before anything is started (A01, A05)."""

import pytest

from slm_ext.errors import RegistryError, UsageError
from slm_ext.registry import load_registry

HEAD = "slm_providers:\n  fast:\n    model: m\n    api_base: http://127.0.0.1:1/v1\n"


@pytest.mark.parametrize(
    ("text", "where", "says"),
    [
        (HEAD + "    temprature: 1\n", ":5", "unknown field `temprature`; nearest: 'temperature'"),
        (HEAD + "    temperature: warm\n", ":5", "`temperature`: input should be a valid number"),
        (HEAD + "    temperature: .nan\n", ":5", "not nan"),
        (HEAD + "    temperature: true\n", ":5", "not true or false"),
        (HEAD + "    max_output_tokens: yes\n", ":5", "not true or false"),
        (HEAD + "    max_output_tokens: -5\n", ":5", "greater than or equal to 1"),
        (HEAD + "    top_p: 1.5\n", ":5", "less than or equal to 1"),
        (HEAD + "    stop: word\n", ":5", "`stop`: input should be a valid list"),
        (HEAD + "    tool_mode: magic\n", ":5", "'native', 'xml', 'json' or 'text'"),
        (HEAD + "    capabilities:\n      windw: 5\n", ":6", "`capabilities.windw`; nearest: 'window'"),
        (HEAD + "    retry: {retries: many}\n", ":5", "`retry.retries`"),
        (HEAD + "    total_cost_limit: 5\n", ":5", "budget.usd and a price"),
        (HEAD + "    fallbacks: [{model: b}]\n", ":5", "cannot be used"),
        (HEAD + "    profile: tinny\n", ":5", "the profile 'tinny'"),
        (HEAD + "    roles: [edit, plna]\n", ":5", "nearest: 'plan'"),
        (HEAD + "    roles: [edit, edit]\n", ":5", "`roles.1`: 'edit' a second time"),
        (HEAD + "    budget: {call: 5}\n", ":5", "`budget.call`; nearest: 'calls'"),
        (HEAD + "    budget: {calls: 0}\n", ":5", "`budget.calls`: 0 would allow no call"),
        (HEAD + "    budget:\n      usd: 1\n", ":6", "`budget.usd`: could never be spent"),
        (HEAD + "    price: {input: -1}\n", ":5", "greater than or equal to 0"),
        (HEAD + "    max_output_tokens: 9\n    capabilities:\n      output_limit: 8\n", ":5", "9 is more than"),
        (
            HEAD + "    capabilities: {window: 100}\n    max_output_tokens: 9\n    max_input_tokens: 92\n",
            ":7",
            "92 and max_output_tokens, 9, are 101 together, more than capabilities.window, 100",
        ),
        (HEAD + "    capabilities: {window: 4096}\n", ":2", "4096 (the default) leaves nothing of capabilities.window"),
        (HEAD + "    max_input_tokens: 9\n    context: {reserve_tokens: 9}\n", ":6", "leaves nothing of the prompt"),
        (HEAD + "    endpoints: [http://h/v1]\n", ":2", "has `api_base` and `endpoints`"),
        (HEAD + "    cooldown_s: 5\n", ":5", "`cooldown_s` cannot be used: it belongs into a router"),
        ("slm_providers:\n  a:\n    model: m\n    endpoints:\n      - ''\n", ":5", "must be a URL"),
        ("slm_providers:\n  a:\n    model: m\n    endpoints:\n      - url: ' '\n", ":5", "must be a URL"),
        ("slm_providers:\n  a:\n    model: m\n    endpoints:\n      - ulr: http://h\n", ":5", "nearest: 'url'"),
        ("slm_providers:\n  a:\n    model: m\n    endpoints:\n      - {url: http://h, weight: 0}\n", ":5", "than 0"),
        (
            "slm_providers:\n  a:\n    model: m\n    endpoints:\n      - http://h/v1\n      - http://h/v1/\n",
            ":6",
            "http://h/v1 a second time",
        ),
        (HEAD + "    name: other\n", ":5", "`name` and `model` both"),
        (HEAD + "    api_key: $not a name\n", ":5", "is written `$NAME`"),
        (HEAD + "    api_key: ''\n", ":5", "is empty"),
        (HEAD + "    completion_kwargs: {model: x}\n", ":5", "must not carry `model`"),
        (
            HEAD + "    completion_kwargs: {max_tokens: 5}\n    max_output_tokens: 6\n",
            ":2",
            "but max_output_tokens is 6",
        ),
        (HEAD + "    server: {model_path: a/b}\n", ":2", "has `api_base` and `server`"),
        ("slm_providers:\n  a:\n    model: m\n", ":2", "has none of `api_base`, `endpoints` and `server`"),
        ("slm_providers:\n  a:\n    api_base: http://h/v1\n", ":2", "`model` is missing"),
        ("slm_providers:\n  a:\n    model: 7\n    api_base: http://h/v1\n", ":3", "valid string, not 7"),
        (
            "slm_providers:\n  a:\n    name: 7\n    api_base: http://h/v1\n",
            ":3",
            "`name`: input should be a valid string",
        ),
        ("slm_providers:\n  a:\n    model: m\n    api_base: localhost:80\n", ":4", "must be a URL"),
        ("slm_providers:\n  a:\n    model: m\n    api_base: http://u:p@h/v1\n", ":4", "user or password"),
        (
            "slm_providers:\n  a:\n    server:\n      modle_path: x\n",
            ":4",
            "`server.modle_path`; nearest: 'model_path'",
        ),
        ("slm_providers:\n  a:\n    server:\n      model_path: package:big\n", ":3", "not 'big'"),
        ("slm_providers:\n  a:\n    server:\n      model_path: x/y\n      port: 70000\n", ":5", "65535"),
        ("slm_providers:\n  '':\n    model: m\n", ":2", "blank provider name"),
        ("slm_providers:\n  ' ':\n    model: m\n", ":2", "blank provider name"),
        ("slm_providers:\n  ~:\n    model: m\n", ":1", "blank provider name"),
        ("slm_providers:\n  my model:\n    model: m\n", ":2", "'my model'"),
        ("slm_providers:\n  12:\n    model: m\n", ":2", "12"),
        ("slm_providers:\n  a:\n", ":2", "nothing below the name"),
        ("slm_providers: [a]\n", ":1", "list"),
        ("slm_provider:\n  a: {}\n", ":1", "slm_provider"),
        ("- a\n", ":1", "a list"),
        (HEAD + "  fast:\n    model: other\n", ":5", "provider 'fast' a second time, first in line 2"),
        (HEAD + "    model: again\n", ":5", "key 'model' a second time, first in line 3"),
        (HEAD + "agent:\n  model:\n    slm_providers:\n      fast: {model: n}\n", ":8", "'fast' a second time"),
        ("slm_providers:\n  a: {model: m\n", ":3", "expected ',' or '}'"),
        ("slm_providers:\n\ta: 1\n", ":2", "cannot start any token"),
        ("a: &a\n  b: *a\n", ":1", "contains itself"),
        ("slm_providers: !!python/object:os.system {}\n", ":1", "could not determine a constructor"),
    ],
)
def test_a_mistake_is_named_with_file_and_line(project, text, where, says):
    (project / "slm_providers.yaml").write_text(text)
    with pytest.raises(RegistryError) as caught:
        load_registry(project)
    error = caught.value
    assert error.exit_code == 2
    assert f"slm_providers.yaml{where}" in error.seen
    assert says in error.seen
    assert "Traceback" not in str(error)


def test_every_problem_of_an_entry_is_told_at_once(project):
    (project / "slm_providers.yaml").write_text(HEAD + "    topp: 1\n    seed: x\n")
    with pytest.raises(RegistryError) as caught:
        load_registry(project)
    assert "slm_providers.yaml:5: unknown field `topp`" in caught.value.seen
    assert "slm_providers.yaml:6: `seed`" in caught.value.seen
    assert "top_p" in caught.value.allowed


def test_a_mistake_inherited_from_another_file_is_named_there(project, home):
    (home / "providers.yaml").write_text(HEAD + "    top_p: 7\n")
    (project / "slm_providers.yaml").write_text("slm_providers:\n  child:\n    extends: fast\n    seed: 1\n")
    with pytest.raises(RegistryError, match=r"home/providers\.yaml:5"):
        load_registry(project)


@pytest.mark.parametrize("content", [b"slm_providers:\n  a: \xff\xfe\n", b"slm_providers:\n  a: \x00\n"])
def test_bytes_that_are_no_text(project, content):
    (project / "slm_providers.yaml").write_bytes(content)
    with pytest.raises(RegistryError, match=r"slm_providers\.yaml:2"):
        load_registry(project)


def test_a_given_file_that_is_missing_or_a_folder(project):
    for path in (project / "none.yaml", project):
        with pytest.raises(RegistryError, match=r"No such file|Is a directory"):
            load_registry(project, extra_layers=[("--config", path)])


def test_an_empty_file_is_an_empty_layer(loaded):
    assert "ollama" in loaded("").names()
    assert "ollama" in loaded("slm_providers:\n").names()


def test_a_literal_key_is_in_no_message(project):
    (project / "slm_providers.yaml").write_text(HEAD + "    api_key: [sk-secret-123]\n")
    with pytest.raises(UsageError) as caught:
        load_registry(project)
    assert "sk-secret-123" not in str(caught.value)
    assert "slm_providers.yaml:5: `api_key`" in caught.value.seen
