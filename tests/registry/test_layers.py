"""Which file counts: shipped < user < project < given, `extends:`, and the documented SWE-agent shape (A01–A03)."""

from pathlib import Path
from textwrap import dedent

import pytest
import yaml

from slm_ext.errors import RegistryError, UnknownName
from slm_ext.registry import lift_providers, load_registry

SEED = dedent(
    """\
    agent:
      model:
        slm_providers:
          my-local-slm:
            name: "local-model"
            api_base: "http://localhost:11434/v1" # e.g., for Ollama
            api_key: "dummy"
            max_input_tokens: 4096
            max_output_tokens: 1024
            temperature: 0.1
            top_p: 0.95
          another-slm:
            name: "custom-slm"
            api_base: "https://api.custom-slm.com/v1"
            api_key: "$CUSTOM_SLM_API_KEY"
    """
)


def entry(model: str) -> str:
    return f"slm_providers:\n  mine:\n    model: {model}\n    api_base: http://127.0.0.1:1/v1\n"


def test_the_documented_yaml_parses_as_written(project):
    (project / "config.yaml").write_text(SEED)
    registry = load_registry(project, extra_layers=[("config.yaml", project / "config.yaml")])
    local, other = registry.provider("my-local-slm"), registry.provider("slm/another-slm")
    assert (local.model, local.api_base) == ("local-model", "http://localhost:11434/v1")
    assert (local.max_input_tokens, local.max_output_tokens) == (4096, 1024)
    assert (local.temperature, local.top_p) == (0.1, 0.95)
    assert local.resolve_api_key() == "dummy"
    assert other.key_reference == "$CUSTOM_SLM_API_KEY"
    assert not local.managed


def test_the_documented_yaml_also_counts_as_a_project_file(project):
    (project / ".slm").mkdir()
    (project / ".slm" / "providers.yaml").write_text(SEED)
    assert load_registry(project).provider("my-local-slm").model == "local-model"


def test_each_layer_overrides_the_one_below(project, home):
    (home / "providers.yaml").write_text(entry("user"))
    assert load_registry(project).provider("mine").model == "user"
    (project / "slm_providers.yaml").write_text(entry("project"))
    assert load_registry(project).provider("mine").model == "project"
    given = {"mine": {"model": "given", "api_base": "http://127.0.0.1:1/v1"}}
    registry = load_registry(project, extra_layers=[("--config a.yaml", given)])
    assert registry.provider("mine").model == "given"
    assert registry.source("mine") == "--config a.yaml"
    again = ("--config b.yaml", {"agent": {"model": {"slm_providers": {"mine": {**given["mine"], "model": "last"}}}}})
    assert load_registry(project, extra_layers=[("a", given), again]).provider("mine").model == "last"


def test_shipped_providers_are_overridden_by_name(loaded):
    registry = loaded("slm_providers: {ollama: {model: qwen3:8b, api_base: http://10.0.0.2:11434/v1}}")
    assert registry.provider("ollama").model == "qwen3:8b"
    assert registry.provider("ollama").max_input_tokens is None  # as a whole, not field by field
    assert registry.names()[0] == "flywheel-tiny"


def test_the_current_folder_is_the_project(project, monkeypatch):
    (project / "slm_providers.yaml").write_text(entry("here"))
    monkeypatch.chdir(project)
    assert load_registry().provider("mine").model == "here"


def test_extends_keeps_what_is_not_written(loaded):
    registry = loaded(
        """\
        slm_providers:
          base:
            model: one
            api_base: http://127.0.0.1:1/v1
            temperature: 0.5
            completion_kwargs: {extra_body: {a: 1, b: 2}}
            stop: [x, y]
          child:
            extends: base
            model: two
            completion_kwargs: {extra_body: {b: 3}}
            stop: [z]
        """
    )
    child = registry.provider("child")
    assert (child.model, child.api_base, child.temperature) == ("two", "http://127.0.0.1:1/v1", 0.5)
    assert child.completion_kwargs == {"extra_body": {"a": 1, "b": 3}}
    assert child.stop == ["z"]


def test_extending_the_own_name_means_the_layer_below(loaded):
    tiny = loaded("slm_providers: {flywheel-tiny: {extends: flywheel-tiny, temperature: 0.3}}").provider(
        "flywheel-tiny"
    )
    assert tiny.temperature == 0.3
    assert tiny.server.model_path == "package:flywheel-tiny"


def test_a_new_place_to_answer_replaces_the_old_one(loaded):
    moved = loaded("slm_providers: {far: {extends: flywheel-local, api_base: 'http://mac:8080/v1/'}}").provider("far")
    assert moved.server is None
    assert moved.api_base == "http://mac:8080/v1"
    assert moved.temperature == 0.7


def test_an_empty_field_means_the_default(loaded):
    provider = loaded("slm_providers: {a: {extends: vllm, top_p: , temperature: }}").provider("a")
    assert (provider.top_p, provider.temperature) == (None, 0.0)


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("slm_providers:\n  a:\n    extends: nobody\n", 3, "which is no provider"),
        ("slm_providers:\n  a:\n    extends: a\n", 3, "no lower layer"),
        ("slm_providers:\n  a:\n    extends: b\n  b:\n    extends: a\n", 5, "a → b → a"),
    ],
)
def test_extends_that_leads_nowhere(project, text, line, says):
    (project / "slm_providers.yaml").write_text(text)
    with pytest.raises(RegistryError) as caught:
        load_registry(project)
    assert says in caught.value.seen
    assert f"slm_providers.yaml:{line}:" in caught.value.seen


def test_relative_paths_start_from_the_files_folder(loaded, project):
    server = (
        loaded("slm_providers: {a: {model: m, server: {model_path: ./models/a, adapter_path: lora}}}")
        .provider("a")
        .server
    )
    assert Path(server.model_path) == project / "models" / "a"
    assert server.folder == project / "models" / "a"
    assert Path(server.adapter_path) == project / "lora"


def test_a_hugging_face_id_is_no_folder_unless_there_is_one(loaded, project):
    text = "slm_providers: {a: {server: {model_path: org/name}}}"
    assert loaded(text).provider("a").model_folder is None
    assert loaded(text).provider("a").model == "org/name"
    (project / "org" / "name").mkdir(parents=True)
    assert loaded(text).provider("a").model_folder == project / "org" / "name"


def test_two_project_files_are_refused(project):
    (project / ".slm").mkdir()
    (project / ".slm" / "providers.yaml").write_text(entry("a"))
    (project / "slm_providers.yaml").write_text(entry("b"))
    with pytest.raises(RegistryError, match=r"\.slm/providers\.yaml and slm_providers\.yaml"):
        load_registry(project)


def test_unknown_name_names_the_nearest_and_lists_all(project):
    with pytest.raises(UnknownName) as caught:
        load_registry(project).provider("flywheel-tinny")
    assert caught.value.exit_code == 2
    assert "nearest: 'flywheel-tiny'" in caught.value.allowed
    assert "openrouter" in caught.value.allowed
    with pytest.raises(UnknownName, match="blank"):
        load_registry(project).provider("  ")


def test_lifting_providers_out_of_a_swe_agent_configuration():
    data = yaml.safe_load(SEED)
    data["agent"]["model"]["name"] = "slm/another-slm"
    data["slm_providers"] = {"top": {"model": "t"}}
    found, rest = lift_providers(data)
    assert set(found) == {"top", "my-local-slm", "another-slm"}
    assert rest == {"agent": {"model": {"name": "slm/another-slm"}}}
    assert "slm_providers" in data and "slm_providers" in data["agent"]["model"]  # the original is left as it is


def test_a_swe_agent_configuration_may_hold_other_sections(project):
    (project / "config.yaml").write_text("env: {repo: {path: .}}\nagent: {templates: {}}\n")
    registry = load_registry(project, extra_layers=[("config.yaml", project / "config.yaml")])
    assert "flywheel-tiny" in registry.names()
