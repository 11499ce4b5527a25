"""How the keeper and an engine of ours recognize each other: ready file, token, echoed identity, parent watch."""

from __future__ import annotations

import json
import os
import signal
import socket
import threading
import time
from pathlib import Path

import pytest

from slm_ext.errors import MissingExtra, ServingError, WrongModel
from slm_ext.registry.provider import Provider
from slm_ext.serving import acquire, control, engine_launch, local_model, probe
from slm_ext.serving.acquisition import hold
from slm_ext.serving.engine_limits import LEAST_CACHE, limits
from slm_ext.serving.launch import launch_for
from slm_ext.serving.memory import PROMPT_CACHE_BYTES, estimate
from slm_ext.testing.models import make_random_model

from .conftest import gone, settled, wait_until


def test_port_identity_and_notes_come_from_the_engine(ours, home):
    with hold(ours("--slow-bind", 0.2, "--slow-load", 0.3)) as handle:
        assert handle.identity.kind == "echoed" and handle.identity.weights_sha == "a" * 64
        assert (handle.engine, handle.context_tokens, handle.notes) == ("slm", 4096, ["a fake"])
        state = settled(home)
        assert state["port"] and handle.base_url == f"http://127.0.0.1:{state['port']}/v1"
        assert state["info"]["max_streams"] == 4 and state["name"] == "mine"
    assert gone(handle.pid)


def test_only_the_token_opens_it(ours):
    with hold(ours()) as handle:
        assert probe.one_token(handle.base_url, "fake-model", token="").status == 401
        assert probe.one_token(handle.base_url, "fake-model", token=handle.token).status == 200
        assert probe.request(handle.base_url.removesuffix("/v1"), "/slm/info").status == 401
        assert probe.request(handle.base_url.removesuffix("/v1"), "/health").status == 200


def test_the_token_lies_in_one_private_file_and_nowhere_else(ours, home):
    with hold(ours()) as handle, hold(ours()) as second:
        assert len(handle.token) >= 32 and second.token == handle.token
        holding = [path for path in home.rglob("*") if path.is_file() and handle.token in path.read_text()]
        assert [path.name for path in holding] == ["token"] and holding[0].stat().st_mode & 0o777 == 0o600
        assert handle.token not in repr(handle) and handle.token not in json.dumps(handle.model_dump())
        command_line = Path(f"/proc/{handle.pid}/cmdline")
        assert not command_line.exists() or handle.token not in command_line.read_text()
    assert not holding[0].exists()
    with hold(ours()) as again:
        assert again.token != handle.token


@pytest.mark.parametrize("lie", ["launch_id=other", "pid=1", f"weights_sha={'c' * 64}", "model_id=other"])
def test_an_engine_that_is_not_what_was_started_is_refused(ours, home, lie):
    name, _, value = lie.partition("=")
    with pytest.raises(WrongModel, match=f"{name} is '{value}', expected"):
        hold(ours("--echo", lie))
    assert settled(home)["error"]["kind"] == "wrong_model" and not control.servers()


def test_another_name_in_the_answer_is_refused(ours):
    with pytest.raises(WrongModel, match="answers as 'impostor'"):
        hold(ours("--model", "impostor"))


def test_a_fixed_port_is_the_one(ours):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(ServingError, match=f"held by pid {os.getpid()} "):
            hold(ours(port=port))
    with hold(ours(port=port)) as handle:
        assert f":{port}/" in handle.base_url


def test_a_fixed_port_stolen_before_the_engine_binds_it(ours, home):
    with socket.create_server(("127.0.0.1", 0)) as chosen:
        port = chosen.getsockname()[1]
    thief: list[socket.socket] = []

    def tell(stage: str, message: str) -> None:
        if stage == "starting":
            thief.append(socket.create_server(("127.0.0.1", port)))

    with pytest.raises(ServingError, match=f"port {port} is held by pid {os.getpid()}"):
        hold(ours(port=port), on_event=tell)
    thief[0].close()


def test_without_its_keeper_an_engine_that_ignores_term_ends(ours, home):
    handle = hold(ours("--ignore-term"))
    os.kill(settled(home)["pid"], signal.SIGKILL)
    wait_until(lambda: gone(handle.pid), 5)
    assert handle.refresh() == "failed"
    handle.release()


@pytest.fixture(scope="session")
def model(tmp_path_factory):
    return make_random_model(tmp_path_factory.mktemp("models") / "random")


def slm(folder, **server) -> Provider:
    return Provider(name="random", model="served-name", server={"engine": "slm", "model_path": str(folder), **server})


@pytest.mark.mlx
def test_configuration_of_the_engine(model, home):
    pytest.importorskip("llguidance")
    launch = launch_for(slm(model, kv_bits=4, queue_limit=7, idle_probe_s=5))
    assert launch.argv[1:] == ["-m", "slm_ext.serving.engine", "{config}"] and launch.port_from_child
    config = launch.config
    assert config["model_id"] == launch.model_id == "served-name"
    assert (config["model_path"], config["kv_bits"], config["queue_limit"]) == (str(model), 4, 7)
    assert config["max_streams"] == engine_launch.MAX_STREAMS
    assert 0 < config["prompt_cache_bytes"] <= PROMPT_CACHE_BYTES
    assert config["context_tokens"] == json.loads((model / "config.json").read_text())["max_position_embeddings"]
    assert config["weights_sha"] == launch.identity["weights_sha"] and len(config["weights_sha"]) == 64
    assert launch.idle_probe_s == 5


@pytest.mark.mlx
def test_fingerprint_of_the_engine_follows_what_is_served(model, home):
    pytest.importorskip("llguidance")
    base = launch_for(slm(model)).fingerprint
    assert launch_for(slm(model, ttl_s=9, stall_timeout_s=9, idle_probe_s=9, log_path="/x")).fingerprint == base
    assert launch_for(slm(model, kv_bits=8)).fingerprint != base
    assert launch_for(slm(model, context_tokens=64)).fingerprint != base
    assert launch_for(slm(model, draft_model=str(model))).fingerprint != base
    assert launch_for(slm(model, env={"A": "1"})).fingerprint != base


@pytest.mark.mlx
def test_what_does_not_fit_is_refused_before_the_start(model, home):
    pytest.importorskip("llguidance")
    with pytest.raises(ServingError, match="of memory are available") as refused:
        acquire(slm(model, max_streams=8, context_tokens=10**9))
    assert "stream" in refused.value.allowed
    assert not list(home.glob("servers/*/state.json")), "nothing was started"


@pytest.mark.mlx
def test_open_numbers_are_lowered_to_what_fits(model, home):
    pytest.importorskip("llguidance")
    provider = slm(model)
    local = local_model.local_model(provider.server, provider.model, provider.model)
    config = launch_for(provider).config
    plenty = limits(provider, local, config, available=64 * 1024**3)
    assert plenty == {key: config[key] for key in ("max_streams", "prompt_cache_bytes", "context_tokens")}
    least = estimate(local.weights, context_tokens=config["context_tokens"], streams=1).total
    tight = limits(provider, local, config, available=least + 1024)
    assert tight["max_streams"] == 1 and tight["prompt_cache_bytes"] == LEAST_CACHE
    assert limits(slm(model, max_streams=1, prompt_cache_bytes=5, context_tokens=64), local, config) == {}
    with pytest.raises(ServingError):
        limits(provider, local, config, available=1024)


@pytest.mark.mlx
def test_a_missing_package_of_the_extra():
    with pytest.raises(MissingExtra, match="no_such_package_at_all"):
        local_model.require_mlx("serve", "no_such_package_at_all")


def test_many_threads_share_one_start(ours, home):
    handles = []
    threads = [threading.Thread(target=lambda: handles.append(hold(ours("--slow-load", 0.2)))) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(handles) == 12 and len({(handle.pid, handle.token) for handle in handles}) == 1
    for handle in handles:
        handle.release()
    assert gone(handles[0].pid) and not control.servers()


@pytest.mark.slow
@pytest.mark.mlx
def test_the_real_engine_lives_and_is_revived(model, home):
    pytest.importorskip("llguidance")
    with acquire(slm(model)) as handle:
        assert handle.identity.kind == "echoed" and handle.engine == "slm" and handle.context_tokens
        assert probe.one_token(handle.base_url, handle.model_id).status == 401
        pid = handle.pid
        os.kill(pid, signal.SIGKILL)
        handle.revive()
        assert handle.pid != pid
        reply = probe.one_token(handle.base_url, handle.model_id, token=handle.token)
        assert reply.status == 200 and reply.body["model"] == "served-name"
    assert gone(handle.pid)


def test_who_asks_without_a_lease_is_a_user_too(ours, home):
    with hold(ours(ttl_s=1.5)) as handle:
        asked = {"base_url": handle.base_url, "model_id": "fake-model", "token": handle.token}
    released = time.monotonic()
    while time.monotonic() - released < 4:
        assert probe.one_token(**asked).status == 200
        time.sleep(0.1)  # a client of some other program, at its own pace
    assert not gone(handle.pid) and settled(home)["keep_until"] > time.time()
    wait_until(lambda: gone(handle.pid) and not control.servers(), 6)


def test_a_port_that_a_server_of_ours_has_is_told_by_its_name(ours):
    with hold(ours()) as handle:
        port = int(handle.base_url.split(":")[2].split("/")[0])
        with pytest.raises(ServingError, match=r"server of 'mine'[\s\S]*slm stop mine"):
            hold(ours("--slow-load", 0.1, port=port))
