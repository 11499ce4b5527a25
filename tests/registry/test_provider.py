"""What a provider is told, and that its key is told to nobody (A02, A03)."""

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slm_ext import paths
from slm_ext.errors import RegistryError, UsageError
from slm_ext.registry import Provider, ServerSpec, declared_tools_hash, load_registry, sweagent_model

SECRET = "sk-live-0123456789"


def external(**fields) -> Provider:
    return Provider(**{"name": "p", "model": "m", "api_base": "http://127.0.0.1:1/v1", **fields})


def test_flywheel_tiny_is_managed_and_small():
    tiny = load_registry().provider("flywheel-tiny")
    assert tiny.managed and tiny.server.engine == "slm"
    assert tiny.model_folder == paths.tiny_model_dir()
    assert (tiny.max_input_tokens, tiny.max_output_tokens, tiny.temperature) == (1888, 160, 0)
    assert (tiny.tool_mode, tiny.profile) == ("native", "tiny")


def test_flywheel_tiny_is_asked_as_it_was_trained():
    tiny = load_registry().provider("flywheel-tiny")
    assert tiny.context.strategies == []
    policy = load_registry().profile("tiny").stop_policy
    assert not any(value for name, value in policy if name != "repeat_window")


def test_several_endpoints():
    provider = Provider(name="p", model="m", endpoints=["http://a/v1/", {"url": "http://b/v1", "weight": 2}])
    assert [(replica.url, replica.weight) for replica in provider.replicas] == [("http://a/v1", 1), ("http://b/v1", 2)]
    assert [replica.url for replica in external().replicas] == ["http://127.0.0.1:1/v1"]
    assert Provider(name="p", server={"model_path": "a/b"}).replicas == []


@given(st.integers(1, 9999), st.integers(0, 9999), st.integers(1, 9999), st.integers(0, 99))
def test_limits_fit_the_window_or_are_refused_with_the_numbers(window, prompt, reply, reserve):
    limit = prompt or window - reply
    fits = prompt + reply <= window and reply < window and reserve < limit
    fields = {
        "capabilities": {"window": window},
        "max_input_tokens": prompt,
        "max_output_tokens": reply,
        "context": {"reserve_tokens": reserve},
    }
    try:
        provider = external(**fields)
    except ValueError as error:
        assert not fits
        assert str(limit if reserve and prompt + reply <= window and reply < window else window) in str(error)
        return
    assert fits and provider.prompt_limit == limit - reserve


def test_the_default_reply_is_no_longer_than_the_declared_limit():
    assert external(capabilities={"output_limit": 512}).max_output_tokens == 512
    assert external(capabilities={"output_limit": 99999}).max_output_tokens == 4096
    with pytest.raises(ValueError, match=r"600 is more than capabilities\.output_limit, 512"):
        external(capabilities={"output_limit": 512}, max_output_tokens=600)


def test_without_a_declared_window_the_prompts_limit_is_what_is_written():
    assert external().prompt_limit is None
    assert external(max_input_tokens=0).prompt_limit is None
    assert external(max_input_tokens=100, context={"reserve_tokens": 20}).prompt_limit == 80


def test_a_key_variable_is_needed_only_when_it_is_used(monkeypatch):
    monkeypatch.delenv("SLM_TEST_KEY", raising=False)
    provider = external(api_key="$SLM_TEST_KEY")  # building it is no use
    with pytest.raises(UsageError) as caught:
        provider.resolve_api_key()
    assert "SLM_TEST_KEY is not set" in caught.value.seen
    assert caught.value.next_step == "export SLM_TEST_KEY=…"
    for empty in ("", "  "):
        monkeypatch.setenv("SLM_TEST_KEY", empty)
        with pytest.raises(UsageError, match="not set"):
            provider.resolve_api_key()
    monkeypatch.setenv("SLM_TEST_KEY", SECRET)
    assert provider.resolve_api_key() == SECRET


def test_without_a_key_a_dummy_is_sent():
    assert external().resolve_api_key() == "dummy"


def test_a_literal_key_is_used_and_never_written():
    provider = external(
        api_key=SECRET,
        completion_kwargs={"extra_headers": {"Authorization": f"Bearer {SECRET}", "X-Title": "t"}},
    )
    assert provider.resolve_api_key() == SECRET
    written = [repr(provider), str(provider), json.dumps(provider.public_dump()), provider.server and ""]
    assert all(SECRET not in text for text in written if text)
    assert SECRET not in json.dumps(provider.model_dump(mode="json", exclude={"completion_kwargs"}))
    assert provider.public_dump()["completion_kwargs"]["extra_headers"]["X-Title"] == "t"
    assert provider.key_reference is None


def test_a_reference_is_shown_and_a_servers_environment_is_not():
    assert external(api_key="$OPENAI_API_KEY").public_dump()["api_key"] == "$OPENAI_API_KEY"
    managed = Provider(name="p", server={"model_path": "a/b", "env": {"HF_HOME": "/x", "N": 1}})
    assert managed.server.env == {"HF_HOME": "/x", "N": "1"}
    assert set(managed.public_dump()["server"]["env"].values()) == {"**********"}


def test_request_arguments_move_into_their_fields():
    provider = external(completion_kwargs={"max_tokens": 9, "timeout": 5, "stop": "END", "seed": 3, "extra_body": {}})
    assert (provider.max_output_tokens, provider.timeout_s, provider.stop, provider.seed) == (9, 5, ["END"], 3)
    assert provider.completion_kwargs == {"extra_body": {}}


def test_stock_fields_without_effect_are_accepted():
    provider = external(
        per_instance_cost_limit=0, total_cost_limit=0.0, delay=0, fallbacks=[], convert_system_to_user=False,
        api_version=None, choose_api_key_by_thread=True, max_output_tokens=0, per_instance_call_limit=7,
    )  # fmt: skip
    assert provider.max_output_tokens >= 1024
    assert provider.per_instance_call_limit == 7


def test_revision_of_provider_and_server_are_one():
    assert Provider(name="p", revision="abc", server={"model_path": "a/b"}).server.revision == "abc"
    assert Provider(name="p", server={"model_path": "a/b", "revision": "abc"}).revision == "abc"
    with pytest.raises(ValueError, match=r"server\.revision is 'b'"):
        Provider(name="p", revision="a", server={"model_path": "a/b", "revision": "b"})


def test_a_dumped_provider_is_a_provider_again():
    for name in load_registry().provider_names():
        provider = load_registry().provider(name)
        assert Provider.model_validate(provider.model_dump()) == provider


@given(st.text(max_size=40))
def test_any_text_as_model_path_is_a_folder_an_id_or_refused(text):
    try:
        server = ServerSpec(model_path=text)
    except ValueError:
        assert not text.strip() or text.startswith(("package:", "~"))
        return
    assert server.folder is not None or re.fullmatch(r"[\w.-]+/[\w.-]+", text)


@given(st.text(min_size=1, max_size=30))
def test_no_literal_key_survives_a_dump(key):
    try:
        provider = external(api_key=f"zq{key}qz")
    except ValueError:
        assert ":::" in key
        return
    assert f"zq{key}qz" not in json.dumps(provider.public_dump(), ensure_ascii=False)
    assert f"zq{key}qz" not in sweagent_model(provider, api_base="http://h/v1")["api_key"]


def test_the_tools_a_model_was_trained_with(tmp_path):
    provider = Provider(name="p", server={"model_path": str(tmp_path)})
    with pytest.raises(RegistryError, match=r"config\.json"):
        declared_tools_hash(provider)
    config = tmp_path / "config.json"
    config.write_text('{"model_type": "llama"}')
    assert declared_tools_hash(provider) is None
    config.write_text('{"slm_tools_hash": "sha256:12"}')
    assert declared_tools_hash(provider) == "sha256:12"
    for broken in ("[1]", "{", '{"slm_tools_hash": 5}', "\x80"):
        config.write_bytes(broken.encode("latin-1"))
        with pytest.raises(RegistryError):
            declared_tools_hash(provider)
    assert declared_tools_hash(external()) is None
