"""`slm doctor`: each finding with what to do, on folders and servers made for it."""

import json
import os
import shutil
import signal
import sys
from pathlib import Path

import pytest
import yaml

from slm_ext.serving.processes import birth
from slm_ext.testing.fake_engine import command
from slm_ext.testing.models import make_random_model

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
    assert {"mlx", "memory", "disk", "servers"} <= {line.split()[1] for line in done.stdout.splitlines()}
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
    from slm_ext.cli import _serving_checks
    from slm_ext.serving import openblas

    monkeypatch.delenv("SLM_OPENBLAS", raising=False)
    monkeypatch.setattr(openblas, "find", lambda: None)
    (finding,) = [found for found in _serving_checks._mlx(needed=False) if found.check == "openblas"]
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


def test_a_provider_of_others(doctor, own):
    own()
    code, found = doctor("--slm", "far")
    assert code == 0 and found["provider"][0]["next"] == "slm providers check far"
    assert "model" not in found and "mlx" not in found


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
