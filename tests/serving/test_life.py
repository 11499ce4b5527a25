"""B01, AT2: the life of a managed server, with a fake engine that fails like real ones."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from slm_ext.errors import ServingError, StartFailed, WrongModel
from slm_ext.serving import acquire, control, probe, states
from slm_ext.serving.processes import group_alive

from .conftest import ROOT, gone, settled, wait_until


def logged_pid(home: Path) -> int:
    (log,) = home.glob("servers/*/server.log")
    return int(re.search(r"fake engine, pid (\d+)", log.read_text()).group(1))


def test_start_answer_stop(fake, home):
    events = []
    with acquire(
        fake("--slow-bind", 0.2, "--slow-load", 0.2), on_event=lambda stage, message: events.append(stage)
    ) as handle:
        assert handle.state == "ready" and handle.refresh() == "ready"
        assert os.getpgid(handle.pid) == handle.pid != os.getpgrp()
        reply = probe.one_token(handle.base_url, handle.model_id, token=handle.token)
        assert reply.status == 200 and reply.body["model"] == "fake-model"
        state = settled(home)
        assert state["child_pid"] == handle.pid and state["schema_version"] == 1
        assert os.getpgid(state["pid"]) == state["pid"], "the keeper leads its own group"
    assert events == ["checking", "starting", "loading", "ready", "stopping", "stopped"]
    assert gone(handle.pid) and not group_alive(handle.pid) and gone(state["pid"])
    assert settled(home)["state"] == "stopped" == handle.refresh()
    handle.release()


def test_crash_at_start_shows_the_last_lines_and_leaves_nothing(fake, home):
    with pytest.raises(StartFailed) as caught:
        acquire(fake("--log-bytes", 1_000_000, "--crash", 3))
    lines = caught.value.log_tail.splitlines()
    assert len(lines) == 20 and lines[-1] == "planted crash"
    assert "exit code 3" in str(caught.value) and caught.value.exit_code == 2
    assert gone(logged_pid(home)) and settled(home)["state"] == "failed"
    assert not control.servers()


def test_command_that_does_not_exist(fake, home):
    provider = fake().model_copy(update={"server": fake().server.model_copy(update={"command": ["/no/such/server"]})})
    with pytest.raises(StartFailed, match="/no/such/server cannot be started"):
        acquire(provider)


def test_never_ready_ends_in_time(fake, home):
    began = time.monotonic()
    with pytest.raises(StartFailed, match="startup_timeout_s = 1 seconds"):
        acquire(fake("--never-ready", startup_timeout_s=1))
    assert time.monotonic() - began < 6
    assert gone(logged_pid(home))


def test_ignored_term_is_followed_by_kill(fake, home):
    with acquire(fake("--ignore-term", stop_grace_s=0.3)) as handle:
        pass
    assert gone(handle.pid) and settled(home)["state"] == "stopped"
    assert "KILL was needed" in Path(handle.log_path).read_text()


@pytest.mark.parametrize("stray", [False, True])
def test_grandchildren_go_too(fake, tmp_path, stray):
    if stray and sys.platform != "linux":
        pytest.skip("a process that left its group is followed only on Linux")
    pid_file = tmp_path / "grandchild"
    with acquire(fake("--fork", pid_file, *(["--stray"] if stray else []), stop_grace_s=0.3)) as handle:
        grandchild = int(pid_file.read_text())
        assert not gone(grandchild)
    assert gone(grandchild) and gone(handle.pid)


def test_wrong_model_is_refused(fake, home):
    with pytest.raises(WrongModel, match="answers as 'impostor', asked for 'fake-model'"):
        acquire(fake("--model", "impostor"))
    assert gone(logged_pid(home))


def test_fixed_port_that_is_taken(fake, home):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(ServingError, match=f"held by pid {os.getpid()} ") as caught:
            acquire(fake(port=port))
    assert caught.value.exit_code == 2 and f"port {port}" in str(caught.value)
    assert not list(home.glob("servers/*/server.log")), "nothing was started"


def test_fixed_port_that_comes_free_in_a_moment(fake):
    """As where the server before has just died."""
    held = socket.create_server(("127.0.0.1", 0))
    port = held.getsockname()[1]
    threading.Timer(0.4, held.close).start()
    with acquire(fake(port=port)) as handle:
        assert f":{port}/" in handle.base_url


def rob(note: Path) -> socket.socket:
    """Take the port that the fake engine was told to use, before it does."""
    wait_until(note.exists)
    thief = socket.create_server(("127.0.0.1", int(note.read_text())))
    note.unlink()
    return thief


def test_a_port_thief_is_noticed_and_another_port_tried(fake, tmp_path):
    note, robbed = tmp_path / "note", []
    thread = threading.Thread(target=lambda: robbed.append(rob(note)))
    thread.start()
    with acquire(fake("--await-thief", note, stop_grace_s=0.5)) as handle:
        thread.join()
        stolen = robbed[0].getsockname()[1]
        assert f":{stolen}/" not in handle.base_url
        assert probe.one_token(handle.base_url, handle.model_id).status == 200
        robbed[0].close()


def test_a_fixed_port_stolen_during_the_start(fake, tmp_path):
    from slm_ext.serving.ports import free_port

    note, robbed, port = tmp_path / "note", [], free_port("127.0.0.1")
    thread = threading.Thread(target=lambda: robbed.append(rob(note)))
    thread.start()
    with pytest.raises(ServingError, match=f"port {port} is held by pid {os.getpid()}"):
        acquire(fake("--await-thief", note, port=port, stop_grace_s=0.5))
    thread.join()
    robbed[0].close()


def test_many_acquirers_share_one_start(fake, client, home):
    other = client()
    with ThreadPoolExecutor(4) as pool:
        handles = [future.result() for future in [pool.submit(acquire, fake()) for _ in range(4)]]
    pids = {handle.pid for handle in handles} | {int(other.until("pid"))}
    assert len(pids) == 1
    assert control.servers()[0]["leases"] == 5
    for handle in handles:
        handle.release()
    assert not gone(handles[0].pid), "the other process still holds it"
    assert other.finish() == 0
    assert gone(handles[0].pid)


def test_many_processes_with_many_threads_share_one_start(home):
    script = (
        "import sys\n"
        "from concurrent.futures import ThreadPoolExecutor\n"
        "from slm_ext.registry.provider import Provider\n"
        "from slm_ext.serving import acquire\n"
        "from slm_ext.testing.fake_engine import command\n"
        "provider = Provider(name='f', model='m', server={'command': command('--slow-load', '0.3')})\n"
        "sys.stdin.readline()\n"
        "events = []\n"
        "tell = lambda stage, message: events.append(stage)\n"
        "with ThreadPoolExecutor(6) as pool:\n"
        "    handles = [f.result() for f in [pool.submit(acquire, provider, None, tell) for _ in range(6)]]\n"
        "print(*{handle.pid for handle in handles}, events.count('starting'), flush=True)\n"
        "sys.stdin.readline()\n"
        "for handle in handles: handle.release()\n"
    )
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    others = [subprocess.Popen([sys.executable, "-c", script], cwd=ROOT, **pipes) for _ in range(4)]
    for other in others:
        print("go", file=other.stdin, flush=True)
    told = [other.stdout.readline().split() for other in others]
    assert len({pid for pid, _ in told}) == 1 and sum(int(starts) for _, starts in told) == 1, told
    assert control.servers()[0]["leases"] == 24
    for other in others:
        other.communicate("done\n", timeout=20)
    assert gone(int(told[0][0])) and not control.servers()


def test_many_waiters_on_a_start_that_fails(fake, home):
    stages = []
    provider = fake("--slow-bind", 3, "--log-bytes", 1000, "--crash", 3)  # who comes after it died starts another
    with ThreadPoolExecutor(6) as pool:
        waiting = [pool.submit(acquire, provider, None, lambda stage, message: stages.append(stage)) for _ in range(6)]
        failures = [future.exception() for future in waiting]
    assert {type(failure) for failure in failures} == {StartFailed}
    assert all("planted crash" in failure.log_tail for failure in failures)
    assert stages.count("joined") == 5, "all came while it was starting"
    assert stages.count("starting") == 1, "one start, and nobody tries again by himself"
    assert not control.servers() and gone(logged_pid(home))


def test_stop_while_it_is_starting(fake, home):
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(acquire, fake("--slow-load", 60, startup_timeout_s=90))
        wait_until(lambda: control.servers() and settled(home)["child_pid"])
        began, state = time.monotonic(), settled(home)
        assert control.stop(state["fingerprint"])
        assert isinstance(waiting.exception(20), ServingError) and time.monotonic() - began < 15
    assert gone(state["child_pid"]) and gone(state["pid"]) and not control.servers()


def test_other_settings_get_another_server(fake):
    with acquire(fake()) as one, acquire(fake("--reply", "else")) as two:
        assert one.pid != two.pid and one.base_url != two.base_url


def test_killed_client_leaves_no_orphan(client, home):
    one = client("--ignore-term", stop_grace_s=0.3)
    pid = int(one.until("pid"))
    keeper = settled(home)["pid"]
    os.kill(one.process.pid, signal.SIGKILL)
    wait_until(lambda: gone(keeper) and gone(pid), 5)
    assert settled(home)["state"] == "stopped"


def test_killed_client_leaves_its_idle_time(client, home):
    one = client(ttl_s=1)
    pid = int(one.until("pid"))
    os.kill(one.process.pid, signal.SIGKILL)
    wait_until(lambda: settled(home)["keep_until"])
    assert not gone(pid), "the next user within that time joins it"
    wait_until(lambda: gone(pid) and not control.servers(), 5)


@pytest.mark.parametrize("stage", ["starting", "loading", "pid"])
def test_interrupted_client_leaves_nothing(client, home, stage):
    one = client("--slow-bind", 0.3, "--slow-load", 0.3 if stage == "pid" else 60)
    one.until(stage)
    one.process.send_signal(signal.SIGINT)
    assert one.process.wait(10) != 0
    assert "KeyboardInterrupt" in one.process.stderr.read()
    for path in home.glob("servers/*/state.json"):
        state = states.read(path.parent)
        assert gone(state["pid"]), "release waits for the end"
    assert not control.servers()


def test_idle_time_keeps_the_server_for_the_next(fake, home):
    with acquire(fake(ttl_s=2)) as first:
        pass
    released = time.monotonic()
    wait_until(lambda: settled(home)["keep_until"])
    with acquire(fake(ttl_s=0)) as second:
        assert second.pid == first.pid
        wait_until(lambda: settled(home)["keep_until"] is None)
    assert not gone(first.pid), "an earlier, longer wish still holds"
    wait_until(lambda: gone(first.pid), 6)
    assert time.monotonic() - released > 1.7
    wait_until(lambda: not control.servers())
    assert settled(home)["state"] == "stopped"


def test_a_lease_too_short_to_be_seen_counts(fake, home):
    with acquire(fake(ttl_s=5)):
        keeper = settled(home)["pid"]
    os.kill(keeper, signal.SIGSTOP)
    try:
        acquire(fake(ttl_s=500)).release()
    finally:
        os.kill(keeper, signal.SIGCONT)
    wait_until(lambda: (settled(home)["keep_until"] or 0) > time.time() + 400)
    assert control.stop(control.servers()[0]["fingerprint"])


def test_a_wish_of_the_server_before_does_not_hold(fake, home):
    """Somebody gives a lease back only after the server was stopped."""
    first = acquire(fake(ttl_s=500))
    assert control.stop(control.servers()[0]["fingerprint"])
    first.release()
    with acquire(fake()) as handle:
        pass
    assert gone(handle.pid) and not control.servers()


def test_stop_twice(fake, home):
    handle = acquire(fake())
    fingerprint = control.servers()[0]["fingerprint"]
    assert control.stop(fingerprint) is True
    assert gone(handle.pid) and handle.refresh() == "stopped"
    assert control.stop(fingerprint) is False
    handle.release()
    handle.release()


def test_stop_ends_a_keeper_that_hangs(fake, home):
    handle = acquire(fake(stop_grace_s=0))
    state = control.servers()[0]
    os.kill(state["pid"], signal.SIGSTOP)
    began = time.monotonic()
    assert control.stop(state["fingerprint"], patience_s=0.3) is True
    assert time.monotonic() - began < 5
    wait_until(lambda: gone(state["pid"]) and gone(handle.pid))
    handle.release()


def test_killed_keeper_takes_the_server_along_and_the_next_call_starts_anew(fake, home):
    handle = acquire(fake())
    keeper = settled(home)["pid"]
    os.kill(keeper, signal.SIGKILL)
    wait_until(lambda: gone(keeper))
    assert handle.refresh() == "failed"
    with acquire(fake()) as again:
        assert gone(handle.pid), "not even where the system does not end it with its keeper"
        assert again.pid != handle.pid
    handle.release()


def test_dead_server_is_started_again_by_its_keeper(fake, home):
    handle = acquire(fake())
    first, url, keeper = handle.pid, handle.base_url, settled(home)["pid"]
    os.kill(first, signal.SIGKILL)
    killed = time.monotonic()
    wait_until(lambda: handle.refresh() == "starting", 2)
    handle.revive()
    assert time.monotonic() - killed < 3
    assert handle.pid != first and handle.refresh() == "ready" and handle.base_url == url
    assert probe.one_token(handle.base_url, handle.model_id).status == 200
    state = settled(home)
    assert state["pid"] == keeper and len(state["deaths"]) == 1 and state["restarts"] == 1
    assert "fake engine, pid" in Path(f"{handle.log_path}.1").read_text(), "the log of the dead one is kept"
    with acquire(fake()) as other:
        assert other.pid == handle.pid
    handle.release()
    assert gone(handle.pid)


def test_state_of_a_recycled_pid_is_stale(fake, home):
    with acquire(fake()):
        pass
    (folder,) = (home / "servers").glob("*/")
    mine = {"pid": os.getpid(), "start_time": "another:1", "child_pid": os.getpid(), "child_start_time": "another:1"}
    states.write(folder, {**states.read(folder), **mine, "state": "ready"})
    with acquire(fake()) as handle:  # and this process, which has those pids now, is left alone
        assert handle.pid != os.getpid()


def test_lease_of_a_recycled_pid_does_not_count(fake, home):
    handle = acquire(fake())
    (lease,) = (home / "servers").glob("*/leases/*.json")
    states.write_json(lease, {**states.read_json(lease), "pid": os.getppid(), "start_time": "another:1"})
    wait_until(lambda: gone(handle.pid))
    wait_until(lambda: not control.servers())
    handle.release()


@pytest.mark.parametrize("left", ["{torn", "[]", '{"schema_version": 99, "state": "ready", "pid": 1}', "{}"])
def test_state_that_cannot_be_read_is_stale(fake, home, left):
    with acquire(fake()):
        pass
    (folder,) = (home / "servers").glob("*/")
    (folder / "state.json").write_text(left)
    (folder / "leases" / "1-torn.json").write_text("{torn")
    with acquire(fake()) as handle:
        assert handle.refresh() == "ready" and not gone(handle.pid)
    assert gone(handle.pid)


def test_who_comes_while_it_stops_gets_a_new_one(fake, home):
    provider = fake("--ignore-term", stop_grace_s=0.6)
    first = acquire(provider)
    releasing = threading.Thread(target=first.release)
    releasing.start()
    wait_until(lambda: settled(home)["state"] == "stopping")
    with acquire(provider) as second:
        assert second.pid != first.pid and gone(first.pid)
    releasing.join()


def test_log_lies_where_it_is_wanted(fake, tmp_path):
    with acquire(fake(), log_dir=tmp_path / "out") as handle:
        assert handle.log_path == str(tmp_path / "out" / "server.log")
        assert "fake engine" in Path(handle.log_path).read_text()


def test_values_of_env_reach_the_server_and_no_file(fake, home, tmp_path):
    script = "import os, pathlib, sys; pathlib.Path(sys.argv[1]).write_text(os.environ['SECRET_WORD']); sys.exit(4)"
    provider = fake(env={"SECRET_WORD": "sesame-4711"})
    server = provider.server.model_copy(update={"command": [sys.executable, "-c", script, str(tmp_path / "seen")]})
    with pytest.raises(StartFailed):
        acquire(provider.model_copy(update={"server": server}))
    assert (tmp_path / "seen").read_text() == "sesame-4711"
    assert not [path for path in home.rglob("*") if path.is_file() and "sesame-4711" in path.read_text()]


def test_host_has_to_be_loopback(fake):
    with pytest.raises(ServingError, match="loopback"):
        acquire(fake(host="0.0.0.0"))


def test_state_folder_that_cannot_be_made(fake, home):
    home.parent.mkdir(exist_ok=True)
    home.write_text("a file in its place")
    with pytest.raises(ServingError, match="export SLM_HOME") as caught:
        acquire(fake())
    assert caught.value.exit_code == 2
    home.unlink()
