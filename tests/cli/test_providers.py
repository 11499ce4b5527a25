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
