"""`slm providers check` against real servers on loopback."""

import json

import pytest
import yaml

from slm_ext.testing.fake_engine import command
from slm_ext.testing.openai_server import FakeOpenAI, tool_call

CALL = tool_call("read_file", path="README.md")


def speaks(request):
    """As a server that can: a call where tools are offered."""
    return CALL if request.get("tools") else "ok"


@pytest.fixture
def write(providers):
    """Write the project's entries."""

    def entries(**named):
        providers(yaml.safe_dump({"slm_providers": named}))

    return entries


@pytest.fixture
def check(slm):
    """Run it with `--json`; returns (exit code, reports by provider, the document)."""

    def run(*names: str, **env: str):
        done = slm("providers", "check", *names, "--json", "--quiet", env=env)
        document = json.loads(done.stdout)
        found = {report["provider"]: report for report in document["checks"]}
        assert len(found) == document["total"] == len(document["checks"]) and document["omitted"] == 0
        assert document["failed"] == sum(report["verdict"] != "ok" for report in found.values())
        assert all(report["next_step"] for report in found.values() if report["verdict"] != "ok")
        assert done.returncode == (1 if document["failed"] else 0) and done.stderr == ""
        return done.returncode, found, document

    return run


def test_a_server_that_answers(slm, write):
    with FakeOpenAI([speaks], model="m") as server:
        write(mine={"model": "m", "api_base": server.base_url})
        done = slm("providers", "check", "mine")
        assert done.returncode == 0, done.stderr
        assert done.stdout.splitlines()[1].split()[:2] == ["mine", "ok"]
        assert "first token after" in done.stdout and "tool calls" in done.stdout
        assert [request["max_tokens"] for request in server.requests] == [1, 1024]
        assert slm("providers", "check", "slm/mine").returncode == 0


def test_what_is_wrong_and_what_to_do(check, write):
    with (
        FakeOpenAI([speaks], model="other", api_key="right") as server,
        FakeOpenAI(["prose"], model="m", window=2048) as small,
        FakeOpenAI(model="m") as closed,
    ):
        closed.close()
        write(
            wrong={"model": "m", "api_base": server.base_url, "api_key": "right"},
            denied={"model": "other", "api_base": server.base_url, "api_key": "nope"},
            gone={"model": "m", "api_base": closed.base_url},
            nowhere={"model": "m", "api_base": "http://no-such-host.invalid/v1"},
            plain={"model": "m", "api_base": small.base_url.replace("http", "https")},
            good={"model": "other", "api_base": server.base_url, "api_key": "right"},
            keyless={"model": "m", "api_base": server.base_url, "api_key": "$SLM_TEST_UNSET"},
            renamed={"model": "m", "api_base": small.base_url, "expected_model_id": "x", "max_output_tokens": 9},
            large={"model": "m", "api_base": small.base_url, "max_input_tokens": 4096},
            mute={"model": "m", "api_base": small.base_url, "max_output_tokens": 9},
            text={"model": "m", "api_base": small.base_url, "max_output_tokens": 9, "tool_mode": "text"},
        )
        names = ["wrong", "denied", "gone", "nowhere", "plain", "good", "keyless", "renamed", "large", "mute", "text"]
        _, found, _ = check(*names)
    assert {name: report["verdict"] for name, report in found.items()} == {
        "wrong": "model_missing", "denied": "auth", "gone": "refused", "nowhere": "dns", "plain": "tls", "good": "ok",
        "keyless": "auth", "renamed": "wrong_model", "large": "window_too_small", "mute": "no_tool_calls", "text": "ok",
    }  # fmt: skip
    assert list(found) == names, "in the order named"
    assert found["keyless"]["next_step"] == "export SLM_TEST_UNSET=…"
    assert found["text"]["tool_call_ok"] is None


def test_a_missing_key_variable_is_exit_2_where_it_is_needed(slm, write):
    write(far={"model": "m", "api_base": "http://127.0.0.1:1/v1", "api_key": "$SLM_TEST_UNSET"})
    assert slm("providers", "show", "far").returncode == 0
    done = slm("providers", "check", "far")
    assert done.returncode == 2
    assert "SLM_TEST_UNSET is not set" in done.stderr
    assert "next: export SLM_TEST_UNSET" in done.stderr


def test_every_endpoint_is_shown_and_the_worst_counts(slm, check, write):
    with FakeOpenAI([speaks], model="m") as one, FakeOpenAI([speaks], model="m") as two:
        write(many={"model": "m", "endpoints": [{"url": one.base_url}, {"url": two.base_url}]})
        assert check("many")[0] == 0
        two.close()
        code, found, _ = check("many")
        assert code == 1 and found["many"]["verdict"] == "refused" and found["many"]["base_url"] == two.base_url
        assert [part["verdict"] for part in found["many"]["endpoints"]] == ["ok", "refused"]
        shown = slm("providers", "check", "many").stdout
    assert "1 of 2 endpoints failed" in shown and f"next for many at {two.base_url}:" in shown
    assert [line.split()[1] for line in shown.splitlines() if line.startswith("  http")] == ["ok", "refused"]


def test_a_router_is_all_its_members_once(check, write):
    with FakeOpenAI([speaks], model="m") as server, FakeOpenAI(model="m") as closed:
        closed.close()
        write(
            small={"model": "m", "api_base": server.base_url},
            large={"model": "m", "api_base": closed.base_url, "api_key": "$SLM_TEST_UNSET"},
            auto={"default": "small", "subtasks": {"plan": "large"}, "fallback": ["large"]},
        )
        _, found, _ = check("auto", "small")
        assert {name: report["verdict"] for name, report in found.items()} == {"small": "ok", "large": "auth"}
        assert sum("tools" in request for request in server.requests) == 1


def test_a_model_that_is_not_here(slm, check, write, tmp_path):
    cache = {"HF_HUB_CACHE": str(tmp_path)}
    write(
        gone={"model": "org/never-downloaded", "server": {"engine": "plain"}},
        other={"model": "m", "api_base": "http://127.0.0.1:1/v1"},
    )
    done = slm("providers", "check", "gone", env=cache)
    assert done.returncode == 2 and "next: slm pull gone" in done.stderr
    code, found, document = check("gone", "other", **cache)
    assert code == 1 and found["gone"]["verdict"] == "model_missing" and not document["skipped"]
    assert found["gone"]["next_step"] == "slm pull gone"


def test_without_a_name_all_that_are_here(check, write, tmp_path):
    """Of routers nothing is said, and what was never downloaded is no failure."""
    own = {name: {"model": name, "api_base": "http://127.0.0.1:1/v1"} for name in ("ollama", "lmstudio")}
    write(
        **own,
        gone={"model": "org/never-downloaded", "server": {"engine": "plain"}},
        auto={"default": "ollama", "fallback": ["lmstudio"]},
    )
    _, found, document = check(HF_HUB_CACHE=str(tmp_path))
    assert "gone" not in found and "auto" not in found and found["ollama"]["verdict"] == "refused"
    (skipped,) = [row for row in document["skipped"] if row["provider"] == "gone"]
    assert skipped["next_step"] == "slm pull gone" and skipped["reason"]


def test_deep_is_asked_for(slm, write):
    with FakeOpenAI([speaks], model="m") as server:
        write(mine={"model": "m", "api_base": server.base_url, "max_input_tokens": 2000, "max_output_tokens": 100})
        assert slm("providers", "check", "mine").returncode == 0
        shallow = len(server.requests)
        done = slm("providers", "check", "mine", "--deep")
        longest = max(len(request["messages"][0]["content"].split()) for request in server.requests)
    assert done.returncode == 0 and shallow == 2 and 1900 < longest <= 2000
    assert "read whole" in done.stdout and "no JSON schema" in done.stdout
    done = slm("providers", "list", "--deep")
    assert done.returncode == 2 and "--deep with check" in done.stderr


def test_a_managed_server_is_started_and_stopped(slm, write):
    write(own={"model": "m", "server": {"command": command()}, "tool_mode": "text"})
    done = slm("providers", "check", "own")
    assert done.returncode == 0, done.stderr
    assert "starting" in done.stderr and "stopped" in done.stderr


def test_a_managed_server_that_crashes_is_told_with_its_log(slm, check, write):
    entry = {"model": "m", "server": {"command": command("--crash", "3", "--log-bytes", "200")}}
    write(own=entry, far={"model": "m", "api_base": "http://127.0.0.1:1/v1"})
    done = slm("providers", "check", "own")
    assert done.returncode == 2
    assert "log:" in done.stderr and "Traceback" not in done.stderr
    _, found, _ = check("own", "far")
    assert found["own"]["verdict"] == "error" and found["far"]["verdict"] == "refused"
