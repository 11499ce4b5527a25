"""A server that died or hangs is started again, and the next call finds it; one that dies again and again is not."""

from __future__ import annotations

import os
import signal
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest

from slm_ext.completion import Completion
from slm_ext.errors import ProviderDown, ServingError, StartFailed, WrongModel
from slm_ext.registry.provider import Provider
from slm_ext.serving import acquire, control, deaths, probe, states
from slm_ext.serving.acquisition import hold

from .conftest import gone, settled, wait_until

MESSAGES = [{"role": "user", "content": "hello"}]


def ask(handle) -> probe.Reply:
    return probe.one_token(handle.base_url, handle.model_id, token=handle.token)


def complete(handle, **fields) -> str:
    provider = Provider(
        name="fake", model="fake-model", api_base=handle.base_url, retry={"min_wait": 0.05, "max_wait": 0.1}, **fields
    )
    completion = Completion.alone(provider, handle)
    try:
        return completion.complete(MESSAGES).message["content"]
    finally:
        completion.close()


def test_the_call_after_a_kill_is_answered_by_one_restart(ours, home):
    with hold(ours()) as handle:
        assert complete(handle) == "ok"
        pid, token, url = handle.pid, handle.token, handle.base_url
        os.kill(pid, signal.SIGKILL)
        killed = time.monotonic()
        assert complete(handle) == "ok"
        assert time.monotonic() - killed < 4
        state = settled(home)
        assert handle.pid == state["child_pid"] != pid and state["restarts"] == 1
        assert (handle.base_url, handle.token) == (url, token), "who knows the old address is served too"
        assert handle.refresh() == "ready" and ask(handle).status == 200
    assert gone(handle.pid)


def test_a_death_is_noticed_within_two_seconds(ours, home):
    with hold(ours("--slow-load", 1.5)) as handle:
        os.kill(handle.pid, signal.SIGKILL)
        killed = time.monotonic()
        wait_until(lambda: handle.refresh() == "starting", 2)
        assert time.monotonic() - killed < 2
        assert complete(handle) == "ok", "the call waits while the model is loaded"


def test_many_callers_one_restart(ours, home):
    handles = [hold(ours("--slow-load", 0.3)) for _ in range(4)]
    os.kill(handles[0].pid, signal.SIGKILL)
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(complete, handles)) == ["ok"] * 4
    assert settled(home)["restarts"] == 1 and len({handle.pid for handle in handles}) == 1
    for handle in handles:
        handle.release()


def test_the_server_dies_with_the_request(ours, tmp_path, home):
    with hold(ours("--crash-after", 2, "--once", tmp_path / "struck")) as handle:
        pid = handle.pid
        assert complete(handle) == "ok"
        assert settled(home)["restarts"] == 1 and handle.pid != pid


def test_a_restart_between_two_calls_is_seen_by_a_look(ours, home):
    with hold(ours()) as handle:
        pid = handle.pid
        os.kill(pid, signal.SIGKILL)
        wait_until(lambda: settled(home)["restarts"] == 1)
        wait_until(lambda: handle.refresh() == "ready")
        assert handle.pid == settled(home)["child_pid"] != pid and ask(handle).status == 200


def test_another_token_at_the_same_port(ours, home):
    """Its keeper was killed and somebody else has started it anew, at its fixed port."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with hold(ours(port=port)) as handle:
        token = handle.token
        os.kill(settled(home)["pid"], signal.SIGKILL)
        wait_until(lambda: gone(handle.pid))
        with hold(ours(port=port)) as other:
            assert handle.refresh() == "stopped"
            assert complete(handle) == "ok"
            assert handle.token == other.token != token and handle.pid == other.pid


def test_a_killed_keeper_is_replaced_by_the_next_call(ours, home):
    with hold(ours()) as handle:
        keeper, token = settled(home)["pid"], handle.token
        os.kill(keeper, signal.SIGKILL)
        assert complete(handle) == "ok"
        state = settled(home)
        assert state["pid"] != keeper and handle.token != token
        assert len(state["deaths"]) == 1, "a server ended with its keeper"
        assert control.servers()[0]["leases"] == 1


def test_three_deaths_end_in_failed_with_the_log(ours, home):
    handle = hold(ours("--log-bytes", 5000, "--crash-after", 2, grace_s=0.5))
    for _ in range(3):  # the request kills the server, and once more after the restart; then it is the next call's
        with pytest.raises(ProviderDown) as down:
            complete(handle)
        if handle.refresh() == "failed":
            break
    assert handle.refresh() == "failed" and not control.servers()
    state = settled(home)
    assert state["error"]["kind"] == "crash_loop" and "3 times within ten minutes" in state["error"]["message"]
    assert "exit code 70" in state["error"]["message"] and len(state["deaths"]) == 3
    assert "3 times" in str(down.value) and len(down.value.seen.splitlines()) >= 20
    with pytest.raises(ProviderDown, match="slm stop mine"):
        complete(handle)
    (folder,) = (home / "servers").glob("*/")
    began = time.monotonic()
    with pytest.raises(StartFailed, match="slm stop mine") as refused:
        hold(ours("--log-bytes", 5000, "--crash-after", 2, grace_s=0.5))
    assert time.monotonic() - began < 1
    assert len(refused.value.log_tail.splitlines()) == 20 and "3 times" in str(refused.value)
    assert [one["fingerprint"] for one in control.servers(failed=True)] == [folder.name]
    assert control.stop(folder.name) is True
    assert control.stop(folder.name) is False
    with hold(ours("--log-bytes", 5000, "--crash-after", 2, grace_s=0.5)) as again:
        assert again.refresh() == "ready"
    handle.release()


def test_old_deaths_do_not_count(ours, home):
    with hold(ours()):
        pass
    (folder,) = (home / "servers").glob("*/")
    long_ago = time.time() - deaths.WINDOW_S
    states.write(folder, {**states.read(folder), "deaths": [long_ago - 3, long_ago - 2, long_ago - 1]})
    with hold(ours()):
        assert settled(home)["deaths"] == []


def test_nobody_left_nobody_restarts(ours, home):
    handle = hold(ours(ttl_s=0))
    state = settled(home)
    (folder,) = (home / "servers").glob("*/")
    os.kill(state["pid"], signal.SIGSTOP)  # so that the keeper sees both at once
    os.kill(handle.pid, signal.SIGKILL)
    for lease in (folder / "leases").iterdir():
        lease.unlink()
    os.kill(state["pid"], signal.SIGCONT)
    wait_until(lambda: not control.servers())
    assert settled(home)["restarts"] == 0
    handle.release()


def test_idle_time_left_is_reason_enough(ours, home):
    with hold(ours(ttl_s=30)) as handle:
        pass
    os.kill(handle.pid, signal.SIGKILL)
    wait_until(lambda: settled(home)["restarts"] == 1 and settled(home)["state"] == "ready")
    assert control.stop(settled(home)["fingerprint"]) is True


def test_what_was_stopped_on_request_is_not_revived(ours, home):
    handle = hold(ours())
    control.stop(settled(home)["fingerprint"])
    with pytest.raises(ProviderDown, match="it was stopped while"):
        complete(handle)
    assert not control.servers()
    handle.release()


def test_other_weights_after_the_restart_are_refused(ours, home):
    launch = ours()
    handle = hold(launch)
    os.kill(settled(home)["pid"], signal.SIGKILL)
    wait_until(lambda: handle.refresh() == "failed")
    other = ours(weights="c" * 64)
    other.fingerprint = launch.fingerprint
    with hold(other), pytest.raises(WrongModel, match=r"c{64}"):
        complete(handle)
    handle.release()


def test_a_restart_that_fails_says_why(ours, home, tmp_path):
    broken = tmp_path / "broken"
    launch = ours()
    launch.argv = ["/bin/sh", "-c", f'test ! -e {broken} || exit 9; exec "$@"', "sh", *launch.argv]
    with hold(launch) as handle:
        broken.touch()
        os.kill(handle.pid, signal.SIGKILL)
        wait_until(lambda: handle.refresh() == "failed")
        assert "exit code 9" in settled(home)["error"]["message"]
        broken.unlink()
        handle.revive()
        assert handle.refresh() == "ready" and ask(handle).status == 200


def test_handles_that_others_run_are_left_alone():
    handle = acquire(Provider(name="there", model="m", api_base="http://127.0.0.1:9/v1"))
    handle.revive()
    assert handle.refresh() == "ready"


def test_a_released_handle_does_not_bring_it_back(ours, home):
    with hold(ours()) as handle:
        pass
    handle.revive()
    assert not control.servers()


def test_a_revival_has_an_end(ours, home):
    with hold(ours("--slow-load", 3)) as handle:
        os.kill(handle.pid, signal.SIGKILL)
        with pytest.raises(ServingError, match="ready in time"):
            handle.revive(timeout_s=0.3)


# -- stuck ----------------------------------------------------------------------------------------------------


def stall(home: Path) -> Path:
    (folder,) = (home / "servers").glob("*/")
    return folder / "server.stall-1.log"


@pytest.mark.parametrize("fault", ["--hang-after", "--freeze-after"])
def test_a_stall_with_work_in_flight_is_ended_and_answered_anew(ours, home, tmp_path, fault):
    states_seen = set()
    with hold(ours(fault, 2, "--once", tmp_path / "struck", stall_timeout_s=1)) as handle:
        pid = handle.pid
        watching = threading.Thread(target=lambda: wait_until(lambda: states_seen.add(handle.refresh()) or gone(pid)))
        watching.start()
        assert complete(handle) == "ok"
        watching.join()
        assert handle.pid != pid and settled(home)["restarts"] == 1
        assert "degraded" in states_seen, "late comes before stuck"
        assert f"fake engine, pid {pid}" in stall(home).read_text()


def test_an_idle_server_that_answers_on_health_only(ours, home, tmp_path):
    with hold(ours("--dead-after", 2, "--once", tmp_path / "struck", stall_timeout_s=5, idle_probe_s=0.3)) as handle:
        pid = handle.pid
        wait_until(lambda: gone(pid))
        handle.revive()
        assert ask(handle).status == 200 and stall(home).exists()


def test_a_healthy_idle_server_is_left_alone(ours, home):
    with hold(ours(stall_timeout_s=0.5, idle_probe_s=0.2)) as handle:
        log = Path(handle.log_path)

        def probed() -> bool:
            info = probe.request(handle.base_url.removesuffix("/v1"), "/slm/info", token=handle.token)
            return info.body["progress"]["count"] >= 15  # five tokens

        wait_until(probed)
        assert settled(home)["restarts"] == 0 and handle.refresh() == "ready" and log.exists()


@pytest.mark.parametrize("fault", ["--hang-after", "--freeze-after", "--dead-after"])
def test_other_servers_are_watched_from_outside(fake, home, tmp_path, fault):
    provider = fake(fault, 2, "--once", tmp_path / "struck", stall_timeout_s=0.6, idle_probe_s=0.3, stop_grace_s=0.5)
    with acquire(provider) as handle:
        pid = handle.pid
        caller = threading.Thread(target=lambda: swallow(handle))
        caller.start()
        wait_until(lambda: gone(pid))
        caller.join()
        handle.revive()
        assert ask(handle).status == 200 and settled(home)["restarts"] == 1 and stall(home).exists()


def swallow(handle) -> None:
    with suppress(OSError):
        ask(handle)


def test_an_open_connection_without_work_is_no_stall(fake, home):
    """As HTTP clients leave them between two calls."""
    provider = fake(stall_timeout_s=0.4, idle_probe_s=30)
    with acquire(provider) as handle:
        port = settled(home)["port"]
        with socket.create_connection(("127.0.0.1", port)):
            began = time.monotonic()
            wait_until(lambda: handle.refresh() != "ready" or time.monotonic() - began > 2)
        assert settled(home)["restarts"] == 0 and handle.refresh() == "ready"


def test_a_flood_in_the_log_neither_blocks_nor_fills_the_disk(ours, home):
    with hold(ours("--flood")) as handle:
        log = Path(handle.log_path)
        wait_until(Path(f"{log}.1").exists, 20)
        assert ask(handle).status == 200 and log.stat().st_size < 20 * 1024 * 1024
