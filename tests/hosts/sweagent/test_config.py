"""`--slm` and `slm_providers`: who wins, what reaches SWE-agent's schema, and every way of getting it wrong."""

import json
from pathlib import Path

import pytest

from slm_ext.paths import config_dir
from slm_ext.registry.profile import read_profile

pytestmark = pytest.mark.sweagent

HERE = Path(__file__).parent
PROFILE = read_profile(config_dir() / "profiles" / "tiny.yaml")
SEED = """
agent:
  model:
    slm_providers:
      my-local-slm:
        name: "local-model"
        api_base: "http://localhost:11434/v1"
        api_key: "dummy"
        max_input_tokens: 4096
        max_output_tokens: 1024
        temperature: 0.1
        top_p: 0.95
"""
TOP = """
slm_providers:
  top-slm:
    model: top-model
    api_base: http://localhost:9999/v1
    temperature: 0.3
    profile: tiny
"""
YAML = """
agent:
  model: {name: gpt-4o, temperature: 0.9, max_output_tokens: 77, per_instance_cost_limit: 3.0, api_base: http://paid}
  templates: {system_template: "from YAML"}
"""


@pytest.fixture(scope="module")
def parsed(tmp_path_factory):
    """All cases of this module in one child process: name → result."""
    import os
    import subprocess
    import sys

    folder = tmp_path_factory.mktemp("config")
    files = {
        "seed.yaml": SEED,
        "top.yaml": TOP,
        "plain.yaml": YAML,
        "named.yaml": TOP + "slm: top-slm\n",
        "torn.yaml": "agent:\n  model: {name: [\n",
        "twice.yaml": TOP + TOP.replace("slm_providers:\n", ""),
        "unknown.yaml": TOP + "    temprature: 0.2\n",
        "wrong.yaml": TOP.replace("0.3", "hot"),
        "blank.yaml": "slm_providers:\n  '': {model: m, api_base: http://localhost/v1}\n",
        "list.yaml": "slm_providers: [a, b]\n",
        "retry.yaml": TOP + "agent: {type: retry}\n",
        "empty.yaml": "",
    }
    for name, text in files.items():
        (folder / name).write_text(text)
    issue = ["--problem_statement.text=x", "--problem_statement.id=i"]
    cases = {}
    for name, (words, more) in CASES.items():
        batch = more.get("kind") == "batch"
        cases[name] = {**more, "words": [*words, *([] if batch else issue)]}
    (folder / "cases.json").write_text(json.dumps(list(cases.values())))
    clean = {key: value for key, value in os.environ.items() if not key.startswith(("SWE_AGENT", "SLM_", "PYTEST"))}
    done = subprocess.run(
        [sys.executable, str(HERE / "probe.py"), "cases.json", "results.json"],
        cwd=folder,
        env={**clean, "SLM_HOME": str(folder / "home"), "LITELLM_LOCAL_MODEL_COST_MAP": "True"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return dict(zip(cases, json.loads((folder / "results.json").read_text()), strict=True))


BATCH = ["--instances.type=swe_bench", "--instances.subset=lite", "--instances.split=dev"]
CASES: dict[str, tuple[list[str], dict]] = {
    "flag": (["--slm", "flywheel-tiny"], {}),
    "flag=": (["--slm=flywheel-tiny"], {}),
    "seed": (["--config", "seed.yaml", "--slm", "my-local-slm"], {}),
    "top": (["--config", "top.yaml", "--slm", "top-slm"], {}),
    "yaml names": (["--config", "named.yaml"], {}),
    "environment names": (["--config", "top.yaml"], {"env": {"SWE_AGENT_SLM": "top-slm"}}),
    "flag over environment": (["--slm", "flywheel-tiny"], {"env": {"SWE_AGENT_SLM": "no-such"}}),
    "provider over yaml": (["--config", "top.yaml", "--config", "plain.yaml", "--slm", "top-slm"], {}),
    "flag over provider": (["--config", "top.yaml", "--slm", "top-slm", "--agent.model.temperature=0.8"], {}),
    "flag address": (["--config", "top.yaml", "--slm", "top-slm", "--agent.model.api_base=http://other/v1"], {}),
    "provider over environment": (
        ["--config", "top.yaml", "--slm", "top-slm"],
        {"env": {"SWE_AGENT_AGENT": '{"model": {"name": "gpt-4o", "temperature": 0.9, "max_output_tokens": 5}}'}},
    ),
    "model name": (["--agent.model.name=slm/flywheel-tiny"], {}),
    "same twice": (["--slm", "flywheel-tiny", "--agent.model.name", "slm/flywheel-tiny"], {}),
    "no config file": (["--slm", "flywheel-tiny", "--no_config_file"], {}),
    "batch": (["--slm", "flywheel-tiny", *BATCH], {"kind": "batch"}),
    "stock": (["--agent.model.name=gpt-4o"], {}),
    "stock with providers": (["--config", "seed.yaml", "--agent.model.name=gpt-4o"], {}),
    "no name": (["--slm"], {}),
    "no name before a flag": (["--slm", "--agent.model.temperature=0"], {}),
    "blank name": (["--slm="], {}),
    "two names": (["--slm", "flywheel-tiny", "--slm", "ollama"], {}),
    "unknown name": (["--slm", "flywheel-tinny"], {}),
    "unknown model name": (["--agent.model.name=slm/flywheel-tinny"], {}),
    "against the model flag": (["--slm", "flywheel-tiny", "--agent.model.name=gpt-4o"], {}),
    "torn yaml": (["--config", "torn.yaml", "--slm", "flywheel-tiny"], {}),
    "missing yaml": (["--config", "no-such.yaml", "--slm", "flywheel-tiny"], {}),
    "empty yaml": (["--config", "empty.yaml", "--slm", "flywheel-tiny"], {}),
    "provider twice": (["--config", "twice.yaml", "--slm", "top-slm"], {}),
    "unknown field": (["--config", "unknown.yaml", "--slm", "top-slm"], {}),
    "wrong type": (["--config", "wrong.yaml", "--slm", "top-slm"], {}),
    "blank provider": (["--config", "blank.yaml", "--slm", "flywheel-tiny"], {}),
    "providers are a list": (["--config", "list.yaml", "--slm", "flywheel-tiny"], {}),
    "retry agent": (["--config", "retry.yaml", "--slm", "top-slm"], {}),
    "impossible flag": (["--slm", "flywheel-tiny", "--agent.model.api_base=http://localhost:1/v1"], {}),
}


@pytest.mark.parametrize("case", ["flag", "flag=", "same twice", "flag over environment"])
def test_the_provider_becomes_a_plain_model(parsed, case):
    model = parsed[case]["agent"]["model"]
    assert model["name"] == "slm/flywheel-tiny"
    assert (model["per_instance_cost_limit"], model["total_cost_limit"]) == (0, 0)
    assert model["per_instance_call_limit"] == PROFILE.step_limit
    assert (model["max_input_tokens"], model["max_output_tokens"]) == (1888, 160)
    assert (model["api_base"], model["api_key"]) == (None, None)
    assert "slm" not in parsed[case]
    assert "slm_providers" not in parsed[case]


def test_the_profile_takes_the_place_of_the_default_configuration(parsed):
    agent = parsed["flag"]["agent"]
    assert agent["templates"]["system_template"] == PROFILE.prompts.system
    assert agent["templates"]["instance_template"] == "{{problem_statement.strip()}}"
    assert [Path(b["path"]).name for b in agent["tools"]["bundles"]] == [
        "slm_base",
        "slm_edit",
        "slm_python_quality",
        "slm_finish",
    ]
    assert agent["history_processors"] == []
    assert agent["tools"]["enable_bash_tool"] is False
    assert PROFILE.tool_env.items() <= agent["tools"]["env_variables"].items()
    assert [Path(path).stem for path in parsed["flag"]["_config_files"]] == ["tiny"]


def test_every_config_file_goes_over_the_profile(parsed):
    case = parsed["provider over yaml"]
    assert case["agent"]["templates"]["system_template"] == "from YAML"
    assert case["agent"]["templates"]["instance_template"] == "{{problem_statement.strip()}}"
    assert case["_config_files"] == ["top.yaml", "plain.yaml"]


def test_without_a_configuration_file_there_is_no_profile(parsed):
    assert parsed["no config file"]["agent"]["templates"]["system_template"] == ""


def test_providers_of_the_seed_parse_as_written(parsed):
    model, (provider,) = parsed["seed"]["agent"]["model"], parsed["seed"]["_providers"]
    assert model["name"] == "slm/my-local-slm"
    assert (model["temperature"], model["top_p"], model["max_output_tokens"]) == (0.1, 0.95, 1024)
    assert (provider["model"], provider["api_base"]) == ("local-model", "http://localhost:11434/v1")


@pytest.mark.parametrize("case", ["top", "yaml names", "environment names"])
def test_where_the_name_may_stand(parsed, case):
    assert parsed[case]["agent"]["model"]["name"] == "slm/top-slm"
    assert parsed[case]["agent"]["model"]["temperature"] == 0.3
    assert parsed[case]["agent"]["templates"]["instance_template"] == "{{problem_statement.strip()}}"


@pytest.mark.parametrize("case", ["provider over yaml", "provider over environment"])
def test_the_provider_goes_over_yaml_and_environment(parsed, case):
    model, (provider,) = parsed[case]["agent"]["model"], parsed[case]["_providers"]
    assert model["name"] == "slm/top-slm"
    assert model["temperature"] == provider["temperature"] == 0.3
    assert model["max_output_tokens"] == provider["max_output_tokens"] == 4096
    assert model["per_instance_cost_limit"] == 0
    assert model["api_base"] is None
    assert provider["api_base"] == "http://localhost:9999/v1"


def test_a_flag_goes_over_the_provider(parsed):
    assert parsed["flag over provider"]["agent"]["model"]["temperature"] == 0.8
    assert parsed["flag over provider"]["_providers"][0]["temperature"] == 0.8
    assert parsed["flag address"]["_providers"][0]["api_base"] == "http://other/v1"


def test_a_model_name_alone_keeps_the_users_configuration(parsed):
    case = parsed["model name"]
    assert case["agent"]["model"]["name"] == "slm/flywheel-tiny"
    assert case["agent"]["model"]["per_instance_cost_limit"] == 0
    assert "helpful assistant" in case["agent"]["templates"]["system_template"]


def test_batches_too(parsed):
    assert parsed["batch"]["agent"]["model"]["name"] == "slm/flywheel-tiny"
    assert parsed["batch"]["agent"]["tools"]["enable_bash_tool"] is False


@pytest.mark.parametrize("case", ["stock", "stock with providers"])
def test_a_run_that_chooses_no_provider_is_stock(parsed, case):
    assert parsed[case]["agent"]["model"]["name"] == "gpt-4o"
    assert parsed[case]["agent"]["model"]["per_instance_cost_limit"] == 3.0
    assert parsed[case]["_providers"] == []
    assert "slm_providers" not in json.dumps(parsed[case])


ERRORS = {
    "no name": ["a provider's name", "slm providers"],
    "no name before a flag": ["a provider's name"],
    "blank name": ["a provider's name"],
    "two names": ["--slm flywheel-tiny and --slm ollama"],
    "unknown name": ["nearest: 'flywheel-tiny'", "slm providers"],
    "unknown model name": ["nearest: 'flywheel-tiny'"],
    "against the model flag": ["--slm flywheel-tiny and --agent.model.name gpt-4o"],
    "torn yaml": ["torn.yaml:3"],
    "missing yaml": ["no-such.yaml"],
    "provider twice": ["twice.yaml:", "'top-slm' a second time"],
    "unknown field": ["unknown.yaml:", "temprature", "temperature"],
    "wrong type": ["wrong.yaml:", "temperature"],
    "blank provider": ["blank.yaml:", "blank provider name"],
    "providers are a list": ["list.yaml", "mapping"],
    "retry agent": ["agent.type: retry", "agent_configs[].model.name"],
    "impossible flag": ["agent.model", "slm providers show flywheel-tiny"],
}


@pytest.mark.parametrize("case", ERRORS)
def test_bad_input_is_one_message_of_ours(parsed, case):
    result = parsed[case]
    assert result.get("code") == 2, result
    for words in ERRORS[case]:
        assert words in result["error"]
    assert "\n  seen: " in result["error"]


def test_an_empty_file_is_no_mistake(parsed):
    assert parsed["empty yaml"]["agent"]["model"]["name"] == "slm/flywheel-tiny"
