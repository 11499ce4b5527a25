"""`slm serve`, `ps`, `stop`, `logs` as processes, over a fake engine that needs no mlx."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

from slm_ext.serving.processes import birth
from slm_ext.testing.fake_engine import command

ROOT = Path(__file__).parents[2]


@pytest.fixture
def served(slm, providers):
    """A provider `own` of a fake engine; whatever runs at the end is stopped."""

    def define(*faults: str, **server):
        entry = {"model": "m", "server": {"command": command(*map(str, faults)), **server}}
        providers(yaml.safe_dump({"slm_providers": {"own": entry, "far": {"model": "m", "api_base": "http://h/v1"}}}))

    define()
    yield define
    assert slm("stop", "--all").returncode == 0
    assert json.loads(slm("ps", "--json").stdout)["servers"] == []


@pytest.fixture
def spawn(project, environ):
    """Start `slm` and leave it running."""

    def start(*words: str) -> subprocess.Popen:
        return subprocess.Popen(
            [sys.executable, "-m", "slm_ext.cli.main", *words],
            cwd=project,
            env={**environ, "PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    return start


def until(condition, seconds: float = 20):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if value := condition():
            return value
        time.sleep(0.02)
    raise AssertionError("not in time")


def once_unused(slm) -> dict:
    """The row of the one server, as soon as its keeper has seen that the last lease is gone."""

    def unused():
        (row,) = json.loads(slm("ps", "--json").stdout)["servers"]
        return row if row["idle_left_s"] is not None else None

    return until(unused)


def test_serve_ps_stop_and_the_same_again(slm, served):
    first = slm("serve", "own", "--json")
    assert first.returncode == 0, first.stderr
    found = json.loads(first.stdout)
    assert found["name"] == "own" and found["base_url"].endswith("/v1") and found["ttl_s"] == 600
    assert found["joined"] is False and "starting" in first.stderr
    assert "token" not in found and (found["token_file"] is None or Path(found["token_file"]).exists())
    again = json.loads(slm("serve", "own", "--json").stdout)
    assert again["joined"] is True and again["pid"] == found["pid"]

    row = once_unused(slm)
    assert (row["name"], row["state"], row["pid"], row["port"]) == ("own", "ready", found["pid"], found["port"])
    assert row["leases"] == 0 and 0 < row["idle_left_s"] <= 600 and row["age_s"] >= 0
    lines = slm("ps").stdout.splitlines()
    assert lines[0].split()[:4] == ["NAME", "MODEL", "ENGINE", "STATE"]
    assert lines[1].split()[:4] == ["own", "m", "command", "ready"]

    stopped = slm("stop", "own", "--json")
    assert json.loads(stopped.stdout)["total"] == 1
    assert birth(found["pid"]) is None
    once_more = slm("stop", "own")
    assert once_more.returncode == 0 and once_more.stdout == "nothing to stop\n"
    assert slm("ps").stdout == ""


def test_the_longer_time_counts_when_a_server_is_joined(slm, served):
    slm("serve", "own", "--ttl", "30")
    slm("serve", "own", "--ttl", "500")
    until(lambda: once_unused(slm)["idle_left_s"] > 400)


def test_it_ends_after_its_time(slm, served):
    found = json.loads(slm("serve", "own", "--ttl", "0.5", "--json").stdout)
    until(lambda: birth(found["pid"]) is None)


def test_a_port_of_its_own(slm, served):
    from slm_ext.serving.ports import free_port

    port = free_port("127.0.0.1")
    found = json.loads(slm("serve", "own", "--port", str(port), "--json").stdout)
    assert found["port"] == port
    assert json.loads(slm("stop", "own", "--json").stdout)["total"] == 1, "by its name, whatever the port"


def test_stop_by_model_and_by_fingerprint(slm, served):
    found = json.loads(slm("serve", "own", "--json").stdout)
    assert json.loads(slm("stop", found["fingerprint"][:8], "--json").stdout)["total"] == 1
    slm("serve", "own")
    assert json.loads(slm("stop", "m", "--json").stdout)["total"] == 1


def test_logs_of_a_server_that_runs_and_of_one_that_ended(slm, served):
    none = slm("logs", "own")
    assert none.returncode == 2 and "no server of it was ever started here" in none.stderr
    slm("serve", "own")
    assert "fake engine, pid" in slm("logs", "own").stdout
    slm("stop", "own")
    document = json.loads(slm("logs", "own", "--json").stdout)
    assert any("fake engine, pid" in line for line in document["lines"]) and document["total"] == len(document["lines"])
    assert slm("logs", "own", "--json", "--follow").returncode == 2


def test_follow_ends_with_the_server(slm, served, spawn):
    slm("serve", "own")
    with spawn("logs", "own", "--follow") as process:
        assert "fake engine" in process.stdout.readline()
        assert process.poll() is None
        slm("stop", "own")
        assert process.wait(20) == 0


def test_foreground_shows_the_log_and_ends_with_ctrl_c(slm, served, spawn):
    with spawn("serve", "own", "--foreground") as process:
        until(lambda: "fake engine" in process.stderr.readline())
        (row,) = json.loads(slm("ps", "--json").stdout)["servers"]
        assert row["leases"] == 1 and row["idle_left_s"] is None
        process.send_signal(signal.SIGINT)
        said, _ = process.communicate(timeout=20)
        assert process.returncode == 0 and "base URL" in said
    assert birth(row["pid"]) is None, "nobody else used it"


def test_foreground_of_a_server_that_is_stopped_elsewhere(slm, served, spawn):
    with spawn("serve", "own", "--foreground", "--quiet") as process:
        until(lambda: "base URL" in process.stdout.readline())
        slm("stop", "own")
        _, said = process.communicate(timeout=20)
    assert process.returncode == 0 and "it was stopped" in said and "Traceback" not in said


def test_dry_run_starts_nothing(slm, served):
    document = json.loads(slm("serve", "own", "--dry-run", "--json").stdout)
    assert document["engine"] == "command" and document["ttl_s"] == 600
    assert json.loads(slm("ps", "--json").stdout)["total"] == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["serve", "far"], "others run it"),
        (["serve", "owm"], "own"),
        (["serve"], "NAME"),
        (["serve", "own", "--port", "70000"], "65535"),
        (["serve", "own", "--ttl", "-1"], "0 or more"),
        (["serve", "own", "--engine", "slm"], "command"),
        (["serve", "own", "--engine", "vllm"], "vllm"),
        (["stop"], "--all"),
        (["stop", "own", "--all"], "--all"),
        (["stop", "nobody"], "nobody"),
        (["logs", "nobody"], "nobody"),
        (["ps", "extra"], "extra"),
    ],
)
def test_what_is_wrong_is_said(slm, served, words, said):
    done = slm(*words)
    assert done.returncode == 2, done.stdout
    assert said in done.stderr and "Traceback" not in done.stderr


def test_a_crash_is_told_with_its_log(slm, served):
    served("--crash", 3)
    done = slm("serve", "own")
    assert done.returncode == 2 and "planted crash" in done.stderr
    assert "planted crash" in slm("logs", "own").stdout
    assert json.loads(slm("ps", "--json").stdout)["total"] == 0


@pytest.mark.parametrize("wrong", [None, "wrong"])
def test_our_engine_wants_the_token_of_the_file_and_says_what_is_off(slm, served, providers, tmp_path, wrong):
    pytest.importorskip("mlx_lm")
    from slm_ext.serving import probe
    from slm_ext.testing.models import make_random_model

    folder = make_random_model(tmp_path / "model", hidden=128)  # groups of a quantized cache hold 64 numbers
    server = {"engine": "plain", "model_path": str(folder), "kv_bits": 8, "context_tokens": None}
    providers(yaml.safe_dump({"slm_providers": {"own": {"model": "m", "server": server}}}))
    done = slm("serve", "own", "--engine", "slm", "--json", "--ttl", "60")
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert any("no batching" in note for note in document["notes"])
    file = Path(document["token_file"])
    assert file.stat().st_mode & 0o077 == 0
    token = wrong or file.read_text().strip()
    assert token not in done.stdout + done.stderr
    reply = probe.one_token(document["base_url"], document["model_id"], token=token)
    assert reply.status == (401 if wrong else 200)
