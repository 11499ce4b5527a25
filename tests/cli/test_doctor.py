"""`slm doctor`: each finding with what to do, on folders and servers made for it."""

import json
import os
import shutil
import signal
import sys
import tempfile
import threading
from functools import partial
from pathlib import Path

import pytest
import yaml

from slm_ext.serving.memory import available_bytes, estimate
from slm_ext.serving.processes import birth
from slm_ext.testing.fake_engine import command
from slm_ext.testing.models import make_random_model
from slm_ext.testing.openai_server import FakeOpenAI

pytest.importorskip("mlx_lm")


@pytest.fixture
def doctor(slm):
    """Run it with `--json`; returns (exit code, findings by check)."""

    def run(*words: str, **env: str) -> tuple[int, dict[str, list[dict]]]:
        done = slm("doctor", *words, "--json", env=env)
        document = json.loads(done.stdout)
        found: dict[str, list[dict]] = {}
        for row in document["checks"]:
            found.setdefault(row["check"], []).append(row)
        assert document["problems"] == sum(row["status"] == "problem" for row in document["checks"])
        assert all(row["next"] for row in document["checks"] if row["status"] == "problem")
        return done.returncode, found

    return run


@pytest.fixture
def own(providers, tmp_path):
    """A provider `own` of a random model; returns its folder."""
    folder = make_random_model(tmp_path / "model")

    def define(**more):
        server = {"engine": "plain", "model_path": str(folder), **more.pop("server", {})}
        entry = {"model": "m", "max_input_tokens": 1024, "max_output_tokens": 64, "server": server, **more}
        providers(yaml.safe_dump({"slm_providers": {"own": entry, "far": {"model": "m", "api_base": "http://h/v1"}}}))
        return folder

    return define


def test_one_line_per_check(slm):
    done = slm("doctor")
    assert done.returncode == 0, done.stdout
    shown = [line.split()[1] for line in done.stdout.splitlines()]
    assert {"python", "git", "registry", "mlx", "memory", "disk", "servers", "sandbox", "docker", "mini"} <= set(shown)
    assert shown.index("python") < shown.index("memory") < shown.index("mini"), "in one order, however long each takes"
    assert all(line.split()[0] in ("ok", "hint") for line in done.stdout.splitlines())


def test_the_model_of_the_package(doctor):
    code, found = doctor("--slm", "flywheel-tiny")
    assert code == 0
    assert found["tool calls"][0]["said"] == "written as qwen3_coder"
    assert "weights" in found["fits"][0]["said"] and "1 × 2048 tokens" in found["fits"][0]["said"]


def test_mlx_that_cannot_be_imported(doctor, own, tmp_path):
    own()
    broken = tmp_path / "broken" / "mlx"
    broken.mkdir(parents=True)
    (broken / "__init__.py").write_text("raise ImportError('libmlx.so: cannot open shared object file')\n")
    path = f"{broken.parent}{os.pathsep}{Path(__file__).parents[2]}"
    code, found = doctor("--slm", "own", PYTHONPATH=path)
    assert code == 1
    (mlx,) = found["mlx"]
    assert mlx["status"] == "problem" and "libmlx.so" in mlx["said"] and 'pip install "slm-ext[mlx]"' in mlx["next"]
    assert doctor(PYTHONPATH=path)[1]["mlx"][0]["status"] == "hint", "nobody asked for a model of this machine"
    assert "mlx" not in doctor("--slm", "far", PYTHONPATH=path)[1]


@pytest.mark.skipif(not shutil.which("ldd"), reason="Linux only")
@pytest.mark.mlx
@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere MLX has a fast BLAS of its own")
def test_openblas_that_is_not_installed(monkeypatch):
    from slm_ext.cli._checks.mlx import mlx_findings
    from slm_ext.serving import openblas

    monkeypatch.delenv("SLM_OPENBLAS", raising=False)
    monkeypatch.setattr(openblas, "find", lambda: None)
    (finding,) = [found for found in mlx_findings(needed=False) if found.check == "openblas"]
    assert (finding.status, finding.said.split(";")[0]) == ("hint", "not installed")
    assert "apt install libopenblas0-pthread" in finding.next


def test_openblas_switched_off_and_missing(doctor, tmp_path):
    code, found = doctor(SLM_OPENBLAS="off")
    assert code == 0 and found["openblas"][0]["status"] == "hint"
    (tmp_path / "libopenblas.so.0").write_bytes(b"no library")
    code, found = doctor(SLM_OPENBLAS=str(tmp_path / "libopenblas.so.0"))
    assert code == 1 and "is not loaded" in found["openblas"][0]["said"]


def test_a_model_that_is_not_here(doctor, providers, tmp_path):
    providers("slm_providers: {own: {model: org/never-downloaded, server: {engine: plain}}}")
    code, found = doctor("--slm", "own", HF_HUB_CACHE=str(tmp_path))
    assert code == 1 and found["model"][0]["next"] == "slm pull own"


def test_a_broken_folder(doctor, own):
    (own() / "tokenizer.json").unlink()
    code, found = doctor("--slm", "own")
    assert code == 1 and "no tokenizer.json" in found["model"][0]["said"]


def test_a_model_that_does_not_fit_says_what_would(doctor, own):
    folder = own(max_input_tokens=2_000_000_000)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "max_position_embeddings": 4_000_000_000}))
    code, found = doctor("--slm", "own")
    (fits,) = found["fits"]
    assert code == 1 and fits["status"] == "problem"
    assert "1 stream of " in fits["next"] and "--slm flywheel-tiny" in fits["next"]


def test_a_window_the_model_was_not_made_for(doctor, own):
    own(max_input_tokens=5000)
    code, found = doctor("--slm", "own")
    assert code == 1 and "made for 4096" in found["window"][0]["said"]


def test_tool_calls(doctor, own):
    folder = own()
    _, found = doctor("--slm", "own")
    assert found["tool calls"][0]["status"] == "hint"
    (folder / "chat_template.jinja").write_text("<tool_call>{'name': x, 'arguments': y}</tool_call>")
    _, found = doctor("--slm", "own")
    assert found["tool calls"][0] == {
        "check": "tool calls", "status": "ok", "said": "written as hermes", "next": "",
    }  # fmt: skip
    (folder / "chat_template.jinja").unlink()
    code, found = doctor("--slm", "own")
    assert code == 1 and "no chat template" in found["tool calls"][0]["said"]


def test_what_switches_batching_off(doctor, own):
    own(server={"kv_bits": 8})
    code, found = doctor("--slm", "own")
    assert code == 0 and "KV cache of 8 bits" in found["batching"][0]["said"]


def test_a_provider_of_others(doctor, providers):
    with FakeOpenAI(model="m", window=8192) as server, FakeOpenAI(model="m") as closed:
        closed.close()
        entry = {"model": "m", "endpoints": [{"url": server.base_url}, {"url": closed.base_url}]}
        small = {"model": "m", "api_base": server.base_url, "max_input_tokens": 9000}
        providers(yaml.safe_dump({"slm_providers": {"far": entry, "small": small}}))
        code, found = doctor("--slm", "far")
        assert code == 1 and found["provider"][0]["next"] == "slm providers check far"
        assert "model" not in found and "mlx" not in found
        assert [row["status"] for row in found["endpoint"]] == ["ok", "problem"]
        assert "lists the model; window 8192" in found["endpoint"][0]["said"]
        assert found["endpoint"][1]["said"].startswith("refused: ")
        code, found = doctor("--slm", "small")
        assert code == 1 and "window_too_small" in found["endpoint"][0]["said"]
        assert not server.requests, "no token is asked for"


def test_the_key_of_a_provider_of_others(doctor, providers):
    providers("slm_providers: {far: {model: m, api_base: http://127.0.0.1:1/v1, api_key: $SLM_TEST_UNSET}}")
    code, found = doctor("--slm", "far")
    assert code == 1 and found["endpoint"][0]["next"] == "export SLM_TEST_UNSET=…"


def test_a_router(doctor, providers, tmp_path):
    """Every member with its name, and what fits together."""
    folder = make_random_model(tmp_path / "model")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "max_position_embeddings": 4_000_000_000}))
    own = {"model": "m", "server": {"engine": "plain", "model_path": str(folder)}, "max_input_tokens": 1024}
    far = {"model": "m", "api_base": "http://127.0.0.1:1/v1"}
    entries = {"one": own, "two": own | {"temperature": 1}, "far": far}
    auto = {"default": "one", "subtasks": {"plan": "two"}, "fallback": ["far"]}
    providers(yaml.safe_dump({"slm_providers": {**entries, "auto": auto}}))
    code, found = doctor("--slm", "auto")
    assert code == 1 and "one, two, far" in found["router"][0]["said"]
    assert [row["said"].split(":")[0] for row in found["provider"]] == ["one", "two", "far"]
    assert found["together"][0]["status"] == "ok" and "one, two together" in found["together"][0]["said"]
    assert "mlx" in found and found["endpoint"][0]["said"].startswith("far: refused")

    room = available_bytes()
    tokens = 1024
    while _taken(folder, tokens) < 0.7 * room:
        tokens *= 2
    while _taken(folder, tokens) > 0.7 * room:
        tokens = tokens * 9 // 10
    large = own | {"max_input_tokens": tokens}
    entries = {"one": large, "two": large | {"temperature": 1}, "far": far}
    providers(yaml.safe_dump({"slm_providers": {**entries, "auto": auto}}))
    _, found = doctor("--slm", "auto")
    assert found["together"][0]["status"] == "problem" and "max_loaded: 1" in found["together"][0]["next"]
    assert [row["status"] for row in found["fits"]] == ["ok", "ok"], "each alone"
    providers(yaml.safe_dump({"slm_providers": {**entries, "auto": {**auto, "switching": {"max_loaded": 1}}}}))
    assert "together" not in doctor("--slm", "auto")[1]


def _taken(folder: Path, tokens: int) -> int:
    """Bytes that serving the model with a prompt of so many tokens takes."""
    return estimate(folder, context_tokens=tokens + 4096, streams=1).total


def test_a_command_that_is_not_there(doctor, providers):
    providers("slm_providers: {own: {model: m, server: {command: [no-such-server, '{port}']}}}")
    code, found = doctor("--slm", "own")
    assert code == 1 and "no-such-server" in found["command"][0]["said"]


def test_servers_that_run_and_one_that_lost_its_keeper(slm, doctor, providers):
    entry = {"model": "m", "server": {"command": command("--ignore-term"), "stop_grace_s": 0.2}}
    providers(yaml.safe_dump({"slm_providers": {"own": entry}}))
    served = json.loads(slm("serve", "own", "--json").stdout)
    _, found = doctor()
    assert "1 running: own ready" in found["servers"][0]["said"]
    os.kill(served["keeper_pid"], signal.SIGKILL)
    code, found = doctor()
    assert code == 0 and str(served["pid"]) in found["servers"][1]["said"]
    assert slm("stop", "--all").returncode == 0
    assert birth(served["pid"]) is None
    assert len(doctor()[1]["servers"]) == 1


def test_an_unknown_name(slm):
    done = slm("doctor", "--slm", "flywheel-tinny")
    assert done.returncode == 2 and "flywheel-tiny" in done.stderr and "Traceback" not in done.stderr


# Sandbox, containers, agents


@pytest.fixture
def programs(tmp_path):
    """A PATH that holds git and these shell scripts only; returns its environment."""

    def make(**scripts: str) -> dict[str, str]:
        folder = Path(tempfile.mkdtemp(dir=tmp_path))
        (folder / "git").symlink_to(shutil.which("git"))
        for name, text in scripts.items():
            (folder / name).write_text(f"#!/bin/sh\n{text}\n")
            (folder / name).chmod(0o755)
        return {"PATH": str(folder)}

    return make


@pytest.mark.skipif(sys.platform != "linux", reason="bubblewrap is there for Linux only")
def test_bubblewrap(doctor, programs):
    (row,) = doctor(**programs())[1]["sandbox"]
    assert row["status"] == "hint" and "not installed" in row["said"] and "bubblewrap" in row["next"]
    refused = "echo 'bwrap: No permissions to create new namespace' >&2; exit 1"
    (row,) = doctor(**programs(bwrap=refused))[1]["sandbox"]
    assert row["status"] == "hint" and row["said"].endswith("cannot be used: No permissions to create new namespace")
    assert row["next"]
    (row,) = doctor(**programs(bwrap="echo bubblewrap 9.9"))[1]["sandbox"]
    assert (row["status"], row["said"]) == ("ok", "bubblewrap 9.9 works")


def test_containers(doctor, programs):
    (row,) = doctor(**programs())[1]["docker"]
    assert row["status"] == "hint" and "neither" in row["said"]
    denied = "echo 'permission denied while trying to connect to the Docker daemon socket' >&2; exit 1"
    dead = "echo 'Cannot connect to Podman' >&2; exit 125"
    docker, podman = doctor(**programs(docker=denied, podman=dead))[1]["docker"]
    assert "group docker" in docker["next"] and podman["next"] == "podman machine start"
    assert "Cannot connect to Podman" in podman["said"]
    (row,) = doctor(**programs(docker="echo 28.2.2"))[1]["docker"]
    assert (row["status"], row["said"]) == ("ok", "docker 28.2.2 answers")


def test_a_program_that_hangs_is_not_waited_for():
    from slm_ext.cli._checks.finding import ask

    code, said = ask([sys.executable, "-c", "import threading; threading.Event().wait()"], timeout_s=0.2)
    assert code is None and said == "no answer within 0.2 s"
    assert ask(["/no/such/program"])[0] is None
    code, said = ask([sys.executable, "-c", "input()"])
    assert code == 1 and said.startswith("EOFError"), "nor is one that wants an answer"


def test_git_that_is_not_there(doctor, tmp_path):
    code, found = doctor(PATH=str(tmp_path))
    assert code == 1 and found["git"][0]["next"] == "install git"


def test_a_registry_that_cannot_be_read(doctor, providers):
    providers("slm_providers: {own: {model: m, api_bse: http://h/v1}}")
    code, found = doctor()
    assert code == 1 and "api_bse" in found["registry"][0]["said"]


def test_a_state_folder_that_is_a_file(doctor, tmp_path):
    (tmp_path / "file").write_text("")
    code, found = doctor(SLM_HOME=str(tmp_path / "file" / "home"))
    assert code == 1 and "no folder" in found["disk"][0]["said"] and "SLM_HOME" in found["disk"][0]["next"]


def test_the_agents(doctor):
    from slm_ext.hosts.sweagent import available

    _, found = doctor()
    assert found["mini"][0]["said"].startswith("mini-swe-agent 2.")
    assert found["swe-agent"][0]["status"] == ("ok" if available()[0] else "hint")
    assert ("hook" in found) == available()[0]


@pytest.mark.sweagent
def test_the_hook_of_sweagent(doctor):
    scripts = str(Path(sys.executable).parent)
    path = os.pathsep.join([scripts, os.environ["PATH"]])
    (row,) = doctor(PATH=path)[1]["hook"]
    assert row["status"] == "ok" and "is entered" in row["said"]
    (row,) = doctor(PATH=path, SLM_EXT_DISABLE="1")[1]["hook"]
    assert row["status"] == "hint" and row["next"] == "unset SLM_EXT_DISABLE"
    assert "SWE-agent 1.1" in doctor(PATH=path)[1]["swe-agent"][0]["said"]


@pytest.mark.sweagent
def test_a_sweagent_of_another_environment(doctor, programs):
    env = programs(sweagent="exit 0")
    (row,) = doctor(**env)[1]["hook"]
    assert row["status"] == "hint" and "of another environment" in row["said"]
    (row,) = doctor(**programs())[1]["hook"]
    assert row["status"] == "hint" and "no `sweagent` is on PATH" in row["said"]


def test_checks_that_wait_wait_together():
    """Each waits until all have begun, so one after the other would never end."""
    from slm_ext.cli._checks.finding import Finding, run_all

    begun = threading.Barrier(4, timeout=30)

    def check(name):
        begun.wait()
        yield Finding(name, "ok", "")

    names = ["a", "b", "c", "d"]
    assert [found.check for found in run_all([partial(check, name) for name in names])] == names
