"""What is checked and acquired before a run: in this process, against a server on loopback."""

from types import SimpleNamespace

import pytest

from slm_ext.errors import BundleError, UnknownName, UsageError
from slm_ext.hosts.sweagent import session
from slm_ext.testing.openai_server import FakeOpenAI

pytestmark = pytest.mark.sweagent

MODEL = SimpleNamespace(name="slm/here", model_fields_set=set())


@pytest.fixture
def config(tmp_path, monkeypatch):
    """A run configuration with one agent and these providers."""
    from sweagent.agent.agents import DefaultAgentConfig

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SLM_HOME", str(tmp_path / "home"))

    def make(model="slm/here", options=None, **entry):
        providers = {"here": {"model": "m", "api_base": "http://127.0.0.1:9/v1", **entry}}
        agent = DefaultAgentConfig(model={"name": model, "per_instance_cost_limit": 0, **(options or {})})
        return SimpleNamespace(agent=agent, slm_providers=providers, env_var_path=None)

    return make


def test_a_stock_run_acquires_nothing(config):
    with session.serving(config("gpt-4o")):
        assert session._sessions == {}


def test_a_session_lives_as_long_as_the_run(config):
    with session.serving(config()):
        assert session.current(MODEL).pool.open("here").base_url == "http://127.0.0.1:9/v1"
    assert session._sessions == {}


def test_a_flags_address_and_key_are_what_the_run_asks_with(config):
    with session.serving(config(options={"api_base": "http://127.0.0.1:8/v1", "api_key": "flagkey"})):
        handle = session.current(MODEL).pool.open("here")
        assert (handle.base_url, handle.token) == ("http://127.0.0.1:8/v1", "flagkey")


def test_a_routers_providers_keep_what_a_file_says_of_one_model(config):
    made = config(model="slm/team", options={"temperature": 0.0})
    made.slm_providers = {
        "one": {"model": "m", "api_base": "http://127.0.0.1:9/v1", "temperature": 0.7},
        "two": {"model": "n", "api_base": "http://127.0.0.1:8/v1", "temperature": 0.6},
        "team": {"default": "one", "fallback": ["two"]},
    }
    with session.serving(made):
        team = session.current(made.agent.model).team
        assert [one.temperature for one in team.providers.values()] == [0.7, 0.6]


def test_a_session_ends_with_a_run_that_raises(config):
    with pytest.raises(ZeroDivisionError), session.serving(config()):
        raise ZeroDivisionError
    assert session._sessions == {}


def test_a_missing_key_is_refused_before_anything_starts(config, monkeypatch):
    monkeypatch.delenv("SLM_TEST_KEY", raising=False)
    with pytest.raises(UsageError, match="SLM_TEST_KEY"), session.serving(config(api_key="$SLM_TEST_KEY")):
        raise AssertionError("started")
    assert session._sessions == {}


def test_a_key_may_stand_in_the_env_file(config, monkeypatch, tmp_path):
    monkeypatch.setenv("SLM_TEST_KEY", "overwritten below")
    monkeypatch.delenv("SLM_TEST_KEY")
    (tmp_path / ".env").write_text("SLM_TEST_KEY=from-file\n")
    with session.serving(config(api_key="$SLM_TEST_KEY")):
        assert session.current(MODEL).pool.open("here").token == "from-file"


def test_an_unknown_name_is_refused(config):
    with pytest.raises(UnknownName, match="nearest: 'here'"), session.serving(config("slm/heer")):
        raise AssertionError("started")


def test_an_impossible_setting_is_refused(config):
    bad = config(options={"temperature": -1.0})
    with pytest.raises(UsageError, match=r"agent\.model\.temperature"), session.serving(bad):
        raise AssertionError("started")


def test_a_model_with_other_tools_is_refused(config, tmp_path):
    """The model's config.json says with which tools it was trained."""
    from slm_ext.testing.models import make_random_model

    pytest.importorskip("safetensors", reason="needs safetensors and tokenizers, which mlx-lm brings")
    folder = make_random_model(tmp_path / "model")
    described = folder / "config.json"
    described.write_text(described.read_text().replace("{", '{"slm_tools_hash": "sha256:other",', 1))
    run = config(server={"model_path": str(folder)}, profile="tiny", api_base=None)
    with pytest.raises(BundleError, match="sha256:other"), session.serving(run):
        raise AssertionError("started")


def test_every_model_of_a_configuration_is_found():
    from sweagent.agent.agents import DefaultAgentConfig, RetryAgentConfig

    def agent(name):
        return DefaultAgentConfig(model={"name": name})

    loop = {"type": "score", "max_attempts": 1, "accept_score": 1, "cost_limit": 0, "model": {"name": "slm/judge"}}
    loop |= {"reviewer_config": {"system_template": "", "instance_template": "", "traj_formatter": {}}}
    retry = RetryAgentConfig(agent_configs=[agent("slm/a"), agent("gpt-4o"), agent("slm/b")], retry_loop=loop)
    assert [model.name for model in session.models_in(retry)] == ["slm/a", "slm/b", "slm/judge"]


def test_outside_of_a_run_a_session_is_made_on_demand(config, tmp_path, run_python):
    with FakeOpenAI(["ok"], model="m") as server:
        (tmp_path / "slm_providers.yaml").write_text(
            f"slm_providers: {{here: {{model: m, api_base: '{server.base_url}'}}}}"
        )
        code = """
from types import SimpleNamespace
from slm_ext.hosts.sweagent.session import current
model = SimpleNamespace(name="slm/here", model_fields_set=set())
print(current(model) is current(model))
"""
        assert run_python("-c", code).stdout == "True\n"
