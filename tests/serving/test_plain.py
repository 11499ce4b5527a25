"""The unmodified mlx_lm.server: its command line, its requirements, and one real life of it."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from slm_ext.errors import ServingError
from slm_ext.registry.provider import Provider
from slm_ext.serving import acquire, check, openblas, plain, probe
from slm_ext.serving.launch import launch_for
from slm_ext.serving.memory import default_cache_bytes
from slm_ext.serving.processes import birth
from slm_ext.serving.widening import pays, widened
from slm_ext.testing.models import make_random_model

from .conftest import ROOT


@pytest.fixture(scope="session")
def model(tmp_path_factory):
    return make_random_model(tmp_path_factory.mktemp("models") / "random")


def provider(folder, **server) -> Provider:
    return Provider(
        name="random",
        model=str(folder),
        max_output_tokens=64,
        server={"engine": "plain", "model_path": str(folder), **server},
    )


@pytest.mark.mlx
def test_ready_answer_stop(model, home, tmp_path):
    events = []
    asked = provider(model, env={"HF_HUB_CACHE": str(tmp_path)})
    with acquire(asked, log_dir=tmp_path, on_event=lambda stage, message: events.append(stage)) as handle:
        assert handle.model_id == "default_model" and handle.base_url.startswith("http://127.0.0.1:")
        assert handle.identity.kind == "keeper"
        assert handle.identity.weights_sha == hashlib.sha256((model / "model.safetensors").read_bytes()).hexdigest()
        assert handle.identity.template_sha == hashlib.sha256((model / "chat_template.jinja").read_bytes()).hexdigest()
        body = {"model": handle.model_id, "messages": [{"role": "user", "content": "hi"}], "max_tokens": 7}
        reply = probe.request(handle.base_url, "/chat/completions", body=body)
        assert reply.status == 200 and 1 <= reply.body["usage"]["completion_tokens"] <= 7
        report = check(asked, handle)
        assert report.verdict == "ok" and report.ttft_ms > 0, report
        if openblas.find():
            assert "libopenblas" in Path(f"/proc/{handle.pid}/maps").read_text()
    assert events == ["checking", "starting", "loading", "ready", "stopping", "stopped"]
    assert birth(handle.pid) is None
    assert "Starting httpd" in (tmp_path / "server.log").read_text()


@pytest.mark.mlx
def test_weights_that_do_not_fit_the_config_fail_with_the_reason(tmp_path, home):
    folder = make_random_model(tmp_path / "model")
    (folder / "config.json").write_text(
        (folder / "config.json").read_text().replace('"hidden_size": 32', '"hidden_size": 64')
    )
    with pytest.raises(ServingError, match="Expected shape"):
        acquire(provider(folder))


@pytest.mark.mlx
def test_command_line(model, home, monkeypatch):
    monkeypatch.setenv("LD_PRELOAD", "")
    launch = launch_for(provider(model, top_p=0.5, chat_template_args={"enable_thinking": False}, max_streams=4))
    words = launch.argv
    assert words[:4] == [sys.executable, "-m", "mlx_lm", "server"]
    pairs = dict(zip(words[4::2], words[5::2], strict=True))
    assert pairs == {
        "--model": str(widened(model, launch.identity) if pays(model) else model),
        "--host": "{host}",
        "--port": "{port}",
        "--max-tokens": "64",
        "--top-p": "0.5",
        "--prompt-cache-bytes": str(default_cache_bytes()),
        "--decode-concurrency": "4",
        "--chat-template-args": '{"enable_thinking": false}',
    }
    assert launch.model_path == str(model), "shown is the folder that was asked for"
    assert launch.env["HF_HUB_OFFLINE"] == "1"
    assert launch.model_id == "default_model" and launch.unavailable_is_final


@pytest.mark.mlx
def test_what_is_switched_off_is_said(model, home):
    assert launch_for(provider(model)).notes == []
    (note,) = launch_for(provider(model, kv_bits=4)).notes
    assert "one at a time" in note
    with acquire(provider(model, kv_bits=4)) as handle:
        assert handle.notes == [note]


@pytest.mark.mlx
def test_fingerprint_follows_what_is_served(model, home, tmp_path):
    base = launch_for(provider(model)).fingerprint
    assert launch_for(provider(model, ttl_s=9, startup_timeout_s=9, log_path="/x")).fingerprint == base
    assert launch_for(provider(model, top_p=0.5)).fingerprint != base
    other = make_random_model(tmp_path / "other", seed=1)
    assert launch_for(provider(other)).identity["weights_sha"] != launch_for(provider(model)).identity["weights_sha"]
    before = launch_for(provider(other)).fingerprint
    make_random_model(other, seed=2)
    assert launch_for(provider(other)).fingerprint != before


@pytest.mark.mlx
def test_a_flag_that_the_installed_version_lacks(tmp_path):
    source = tmp_path / "server.py"
    source.write_text('parser.add_argument("--model")\nparser.add_argument("--port", type=int)\n')
    plain.check_flags({"--model": "m", "--port": "1"}, source, "serve")
    with pytest.raises(ServingError, match="does not know --host, --kv-bits") as caught:
        plain.check_flags({"--model": "m", "--kv-bits": "4", "--host": "h"}, source, "serve")
    assert caught.value.exit_code == 2


@pytest.mark.mlx
def test_known_flags_are_read_without_importing_mlx():
    source = plain.require_mlx("test") / "server.py"
    assert {"--model", "--port", "--max-tokens", "--kv-bits"} <= plain.known_flags(source)


@pytest.mark.parametrize("missing", ["mlx_lm", "mlx"])
def test_no_mlx_on_this_machine(home, missing):
    """In a process where the import system finds no such package."""
    script = (
        f"import sys; sys.modules[{missing!r}] = None\n"
        "from slm_ext.registry.provider import Provider\n"
        "from slm_ext.serving import acquire\n"
        "from slm_ext.errors import SlmError\n"
        "provider = Provider(name='random', model='m', server={'model_path': '/no/such/folder'})\n"
        "try:\n    acquire(provider)\n"
        "except SlmError as error:\n    print(error, file=sys.stderr); sys.exit(error.exit_code)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True)
    if missing == "mlx" and "'mlx_lm' is not installed" in done.stderr:
        pytest.skip("mlx-lm is not installed")
    assert done.returncode == 2, done.stderr
    assert 'pip install "slm-ext[mlx]"' in done.stderr and "Traceback" not in done.stderr
    assert not home.exists(), "nothing was started or written"


def test_neither_client_nor_keeper_import_what_is_slow():
    heavy = "{'mlx', 'mlx_lm', 'torch', 'transformers', 'openai', 'litellm', 'httpx'}"
    for module, more in (("slm_ext.serving.acquisition", ""), ("slm_ext.serving.keeper", " | {'pydantic', 'psutil'}")):
        script = f"import sys, {module}; print(sorted(({heavy}{more}) & set(sys.modules)))"
        done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
        assert done.stdout.strip() == "[]", module


def test_openblas_is_preloaded_beside_what_is_already(monkeypatch, tmp_path):
    if sys.platform != "linux":
        pytest.skip("Linux only")
    library = tmp_path / "libopenblas.so.0"
    library.touch()
    monkeypatch.setenv("SLM_OPENBLAS", str(library))
    variables = openblas.preload_environment({"LD_PRELOAD": "/a.so:/b.so"})
    assert variables["LD_PRELOAD"] == f"{library} /a.so /b.so"
    assert int(variables["OPENBLAS_NUM_THREADS"]) == len(os.sched_getaffinity(0))
    assert openblas.preload_environment({"OPENBLAS_NUM_THREADS": "1"})["OPENBLAS_NUM_THREADS"] == "1"
    monkeypatch.setenv("SLM_OPENBLAS", "off")
    assert openblas.preload_environment({}) == {}
