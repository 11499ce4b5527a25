"""Processes are told apart by pid and birth; groups end to the last member."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from slm_ext.serving.processes import alive, birth, end_group, group_alive


def sleeper(ignore_term: bool = False) -> subprocess.Popen:
    ignore = "signal.signal(signal.SIGTERM, signal.SIG_IGN); " if ignore_term else ""
    child = subprocess.Popen(
        [sys.executable, "-c", f"import signal; {ignore}print('up', flush=True); signal.pause()"],
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    child.stdout.readline()
    child.stdout.close()
    return child


def test_birth_is_stable_and_ends_with_the_process():
    child = sleeper()
    born = birth(child.pid)
    assert born and birth(child.pid) == born and alive(child.pid, born)
    assert not alive(child.pid, f"{born}0") and not alive(child.pid, None) and not alive(None, born)
    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert birth(child.pid) is None, "a zombie does not run"
    child.wait()
    assert birth(child.pid) is None


@pytest.mark.parametrize("ignore_term", [False, True])
def test_end_group(ignore_term):
    child = sleeper(ignore_term)
    assert group_alive(child.pid)
    assert end_group(child.pid, 0.2 if ignore_term else 5, reap=child.poll) is ignore_term
    assert not group_alive(child.pid)
    assert end_group(child.pid, 0) is False, "ending what ended does nothing"
    child.wait()


def test_own_group_is_refused():
    with pytest.raises(ValueError, match="refusing"):
        end_group(os.getpgrp(), 0)
