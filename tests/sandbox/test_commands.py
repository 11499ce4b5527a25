from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest

from slm_ext.sandbox.commands import end_survivors, run_command
from slm_ext.sandbox.environment import scrubbed
from slm_ext.sandbox.interrupts import held, interruptible


def await_true(condition, seconds=20.0):
    """Wait for a state; fails when it does not come."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "the awaited state did not come"
        time.sleep(0.01)


def gone(pid: int) -> bool:
    return not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


def test_output_status_and_input(tmp_path):
    done = run_command(["bash", "-c", "cat; echo err >&2; pwd; exit 3"], cwd=tmp_path, stdin=b"in\n")
    assert (done.returncode, done.errors, done.timed_out) == (3, b"err\n", False)
    assert done.text == f"in\n{tmp_path}\n"


def test_streams_are_merged_in_their_order(tmp_path):
    done = run_command(["bash", "-c", "echo 1; echo 2 >&2; echo 3"], cwd=tmp_path, merge=True)
    assert done.output == b"1\n2\n3\n"


def test_a_time_limit_ends_everything_and_keeps_the_output(tmp_path):
    # A grandchild in a session of its own, as pytest_run starts pytest.
    start = "p = subprocess.Popen(['sleep', '600'], start_new_session=True)"
    script = f"import subprocess, time; {start}; print(p.pid, flush=True); time.sleep(600)"
    done = run_command([sys.executable, "-c", script], cwd=tmp_path, timeout_s=2)
    assert done.timed_out
    await_true(lambda: gone(int(done.output)))


def test_a_command_that_ignores_term_is_killed(tmp_path):
    done = run_command(
        ["bash", "-c", "trap '' TERM; echo ready; while :; do sleep 1; done"], cwd=tmp_path, timeout_s=0.5
    )
    assert done.timed_out and done.returncode == -signal.SIGKILL


def test_what_was_left_in_the_background_is_ended_by_its_owner(tmp_path):
    owner, other = object(), object()
    command = ["bash", "-c", "sleep 600 >/dev/null 2>&1 & echo $!"]
    pid = int(run_command(command, cwd=tmp_path, owner=owner).output)
    end_survivors(other)
    assert not gone(pid)
    end_survivors(owner)
    await_true(lambda: gone(pid))


def test_a_missing_program_is_an_os_error(tmp_path):
    with pytest.raises(OSError):
        run_command(["no-such-program-here"], cwd=tmp_path)


def test_an_interrupt_ends_the_command(tmp_path):
    def interrupt():
        await_true(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text())
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    thread.start()
    with pytest.raises(KeyboardInterrupt), interruptible():
        run_command(["bash", "-c", f"echo $$ > {tmp_path}/pid; exec sleep 600"], cwd=tmp_path)
    thread.join()
    assert gone(int((tmp_path / "pid").read_text()))
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_an_interrupt_waits_for_the_end_of_a_held_block():
    reached = []
    with pytest.raises(KeyboardInterrupt), interruptible():
        with held():
            with held():
                os.kill(os.getpid(), signal.SIGTERM)
                reached.append("inner")
            reached.append("outer")
        reached.append("after")
    assert reached == ["inner", "outer"]


def test_held_costs_nothing_outside_a_run():
    with pytest.raises(KeyboardInterrupt), held():
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(5)
        raise AssertionError("held() outside of interruptible() must not hold anything")


def test_the_second_signal_ends_the_process_and_its_commands(tmp_path):
    script = f"""
import os, signal, sys
sys.path.insert(0, {str(Path(__file__).resolve().parents[2])!r})
from slm_ext.sandbox.commands import kill_all, run_command
from slm_ext.sandbox.interrupts import held, interruptible
with interruptible(on_second=kill_all), held():
    run_command(["bash", "-c", "echo $$ > pid; while kill -INT $PPID; do sleep 0.05; done"], cwd=".")
"""
    ended = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, timeout=60)
    assert ended.returncode == 130
    await_true(lambda: gone(int((tmp_path / "pid").read_text())))


def test_keys_and_what_bends_python_or_git_are_left_out():
    environ = {
        "PATH": "/bin", "HOME": "/me", "LANG": "C", "SSH_AUTH_SOCK": "/s", "TOKENIZERS_PARALLELISM": "false",
        "OPENAI_API_KEY": "k", "HF_TOKEN": "k", "AWS_SECRET_ACCESS_KEY": "k", "DB_PASSWORD": "k", "GH_PAT": "k",
        "PYTHONHOME": "/x", "GIT_DIR": "/y", "ODD": "k", "KEYBOARD": "de", "AUTHOR": "me",
    }  # fmt: skip
    kept = scrubbed(environ, ["ODD"])
    assert set(kept) == {"PATH", "HOME", "LANG", "SSH_AUTH_SOCK", "TOKENIZERS_PARALLELISM", "KEYBOARD", "AUTHOR"}
