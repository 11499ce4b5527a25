"""`slm providers`: list and show."""

import json

import yaml

SECRET = "sk-live-0123456789"


def test_list(slm, providers):
    providers("slm_providers: {mine: {model: m, api_base: http://h/v1, profile: tiny}}")
    done = slm("providers")
    assert done.returncode == 0
    lines = done.stdout.splitlines()
    assert lines[0].split() == ["NAME", "MODEL", "ANSWERS", "PROFILE"]
    assert ["mine", "m", "http://h/v1", "tiny"] in [line.split() for line in lines]
    assert "providers.yaml" in done.stderr
    assert slm("providers", "list", "--quiet").stderr == ""


def test_list_json(slm, project, providers):
    providers("slm_providers:\n  mine: {model: m, api_base: http://h/v1}\n")
    document = json.loads(slm("providers", "--json").stdout)
    assert document["total"] == len(document["providers"]) and document["omitted"] == 0
    (mine,) = [row for row in document["providers"] if row["name"] == "mine"]
    assert mine["source"] == f"{project / 'slm_providers.yaml'}:2"
    assert mine["managed"] is False


ROUTED = """\
    slm_providers:
      near: {model: n, api_base: http://h/v1, max_input_tokens: 900, context: {reserve_tokens: 100}}
      far: {extends: near, model: f, endpoints: [http://a/v1, {url: http://b/v1, weight: 3}], api_key: $FAR_KEY}
      mix: {default: near, subtasks: {plan: far}, fallback: [far], escalate: {format_errors: null}, profile: tiny}
    """


def test_routers_and_endpoints_are_listed(slm, providers):
    providers(ROUTED)
    lines = [line.split("  ") for line in slm("providers").stdout.splitlines()]
    rows = {cells[0]: [cell.strip() for cell in cells if cell] for cells in lines}
    assert rows["mix"] == ["mix", "router: near, far", "router", "tiny"]
    assert rows["far"] == ["far", "f", "http://a/v1 and 1 more", "default"]
    documents = {row["name"]: row for row in json.loads(slm("providers", "--json").stdout)["providers"]}
    assert documents["mix"]["kind"] == "router" and documents["mix"]["members"] == ["near", "far"]
    assert documents["far"]["kind"] == "provider" and documents["far"]["members"] == []
    assert documents["far"]["endpoints"] == ["http://a/v1", "http://b/v1"]
    assert documents["near"]["api_base"] == "http://h/v1" and documents["near"]["endpoints"] == []
    assert len({tuple(row) for row in documents.values()}) == 1  # every row has the same fields


def test_what_is_shown_of_a_router_can_be_pasted_back(slm, project, providers):
    providers(ROUTED)
    shown = slm("providers", "show", "mix").stdout
    assert list(yaml.safe_load(shown)["slm_providers"]) == ["mix", "near", "far"]
    assert "# prompt_limit: 800 tokens" in shown
    assert "# extends near" in shown
    before = {name: slm("providers", "show", name, "--json").stdout for name in ("mix", "far")}
    (project / "slm_providers.yaml").write_text(shown)
    for name, text in before.items():
        old, new = json.loads(text), json.loads(slm("providers", "show", name, "--json").stdout)
        for document in (old, new):
            for entry in (document, *document.get("providers", {}).values()):
                entry.pop("source")
                entry.get("provider", {}).pop("extends", None)
        assert new == old


def test_the_effective_limit_of_prompts_is_shown(slm, providers):
    providers(ROUTED)
    document = json.loads(slm("providers", "show", "near", "--json").stdout)
    assert (document["kind"], document["prompt_limit"]) == ("provider", 800)
    assert document["provider"]["max_input_tokens"] == 900
    router = json.loads(slm("providers", "show", "mix", "--json").stdout)
    assert router["kind"] == "router" and set(router["providers"]) == {"near", "far"}
    assert router["router"]["escalate"]["format_errors"] is None


def test_a_secret_that_is_not_shown_is_told(slm, providers):
    providers(f"slm_providers: {{mine: {{model: m, api_base: http://h/v1, api_key: {SECRET}}}}}")
    shown = slm("providers", "show", "mine").stdout
    assert "stands for a secret that is not shown" in shown and SECRET not in shown
    assert "secret" not in slm("providers", "show", "ollama").stdout


def test_show_is_yaml_that_loads_and_hides_a_literal_key(slm, providers):
    providers(f"slm_providers: {{mine: {{model: m, api_base: http://h/v1, api_key: {SECRET}}}}}")
    done = slm("providers", "show", "mine")
    assert SECRET not in done.stdout + done.stderr
    assert yaml.safe_load(done.stdout)["slm_providers"]["mine"]["model"] == "m"
    assert SECRET not in slm("providers", "show", "mine", "--json").stdout


def test_show_needs_one_name(slm):
    for words in (["show"], ["show", "a", "b"], ["list", "a"], ["shw"]):
        done = slm("providers", *words)
        assert done.returncode == 2 and "Traceback" not in done.stderr
