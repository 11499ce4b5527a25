"""`slm providers`: list, show, check against real servers on loopback."""

import json

import yaml

from slm_ext.testing.fake_engine import command
from slm_ext.testing.openai_server import FakeOpenAI

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


def test_check_of_a_server_that_answers(slm, providers):
    with FakeOpenAI(model="m") as server:
        providers(f"slm_providers: {{mine: {{model: m, api_base: '{server.base_url}'}}}}")
        done = slm("providers", "check", "mine")
        assert done.returncode == 0, done.stderr
        assert done.stdout.splitlines()[1].split()[:2] == ["mine", "ok"]
        assert server.requests[-1]["max_tokens"] == 1


def test_check_says_what_is_wrong_and_what_to_do(slm, providers):
    with FakeOpenAI(model="other", api_key="right") as server, FakeOpenAI(model="m") as closed:
        closed.close()
        providers(
            f"""\
            slm_providers:
              wrong: {{model: m, api_base: '{server.base_url}', api_key: right}}
              denied: {{model: other, api_base: '{server.base_url}', api_key: nope}}
              gone: {{model: m, api_base: '{closed.base_url}'}}
              good: {{model: other, api_base: '{server.base_url}', api_key: right}}
              keyless: {{model: m, api_base: '{server.base_url}', api_key: $SLM_TEST_UNSET}}
            """
        )
        done = slm("providers", "check", "wrong", "denied", "gone", "good", "keyless", "--json")
    document = json.loads(done.stdout)
    assert done.returncode == 1
    found = {report["provider"]: report for report in document["checks"]}
    verdicts = {name: report["verdict"] for name, report in found.items()}
    assert verdicts == {
        "wrong": "model_missing", "denied": "auth", "gone": "refused", "good": "ok", "keyless": "error",
    }  # fmt: skip
    assert document["failed"] == 4
    assert all(report["next_step"] for report in found.values() if report["verdict"] != "ok")


def test_a_missing_key_variable_is_exit_2_where_it_is_needed(slm, providers):
    providers("slm_providers: {far: {model: m, api_base: http://127.0.0.1:1/v1, api_key: $SLM_TEST_UNSET}}")
    assert slm("providers", "show", "far").returncode == 0
    done = slm("providers", "check", "far")
    assert done.returncode == 2
    assert "SLM_TEST_UNSET is not set" in done.stderr
    assert "next: export SLM_TEST_UNSET" in done.stderr


def test_check_starts_and_stops_a_managed_server(slm, providers):
    providers(yaml.safe_dump({"slm_providers": {"own": {"model": "m", "server": {"command": command()}}}}))
    done = slm("providers", "check", "own")
    assert done.returncode == 0, done.stderr
    assert "own: starting" in done.stderr or "starting" in done.stderr
    assert "stopped" in done.stderr


def test_a_managed_server_that_crashes_is_told_with_its_log(slm, providers):
    entry = {"model": "m", "server": {"command": command("--crash", "3", "--log-bytes", "200")}}
    providers(yaml.safe_dump({"slm_providers": {"own": entry}}))
    done = slm("providers", "check", "own")
    assert done.returncode == 2
    assert "log:" in done.stderr and "Traceback" not in done.stderr
