"""Secrets never get into a record."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slm_ext.traces import Scrubber

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=10,
)


def planted(value, secret):
    """`value` with the secret put into every text and key."""
    if isinstance(value, str):
        return value + secret + value
    if isinstance(value, list):
        return [planted(v, secret) for v in value]
    if isinstance(value, dict):
        return {k + secret: planted(v, secret) for k, v in value.items()}
    return value


@given(JSON, st.from_regex(r"[a-gX-Z][a-gX-Z0-9_-]{7,30}", fullmatch=True))
@settings(max_examples=200, deadline=None)
def test_a_known_secret_is_nowhere_in_the_result(value, secret):
    cleaned = Scrubber([secret], environ={}).value(planted(value, secret))
    assert secret not in json.dumps(cleaned, ensure_ascii=False)


@given(JSON)
@settings(max_examples=100, deadline=None)
def test_a_value_without_secrets_stays_as_it_is(value):
    assert Scrubber(["nothing-like-this-1"], environ={}).value(value) == value


@pytest.mark.parametrize(
    "secret",
    [
        "sk-proj-abcdefghijklmnopqrst",
        "ghp_" + "a1" * 18,
        "hf_" + "Ab" * 17,
        "AKIA" + "A1B2C3D4E5F6G7H8",
        "-----BEGIN RSA PRIVATE KEY-----\nabc\n-----END RSA PRIVATE KEY-----",
    ],
)
def test_keys_of_known_shape(secret):
    assert Scrubber(environ={}).text(f"x = {secret!s} # y") == "x = [secret] # y"


def test_a_bearer_header():
    assert Scrubber(environ={}).text("Authorization: Bearer abcdefghijklmnop") == "Authorization: Bearer [secret]"


def test_the_environment_gives_values_but_not_ordinary_words():
    environ = {"MY_API_KEY": "v4lue-of-it", "DB_PASSWORD": "password", "TOKENIZERS_PARALLELISM": "some-value-1"}
    scrubber = Scrubber(environ=environ)
    assert scrubber.text("v4lue-of-it password some-value-1") == "[secret] password some-value-1"


def test_secret_fields_are_hidden_whatever_they_hold():
    value = {"headers": {"Authorization": "abc", "X-API-Key": "d"}, "api_key": None, "max_tokens": 5}
    hidden = {"headers": {"Authorization": "[secret]", "X-API-Key": "[secret]"}, "api_key": None, "max_tokens": 5}
    assert Scrubber(environ={}).value(value) == hidden


@pytest.mark.parametrize("key", ["dummy", "ollama", "LM-Studio", "x", "", None])
def test_placeholder_keys_hide_nothing(key):
    text = "a dummy for ollama, x of LM-Studio"
    assert Scrubber([key], environ={}).text(text) == text
