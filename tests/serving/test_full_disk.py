"""A disk that is full: what runs goes on. A small file system of its own, where this user may mount one."""

from __future__ import annotations

import os
import signal
import subprocess

import pytest

from slm_ext.errors import ServingError
from slm_ext.serving import acquire, control, probe

from .conftest import gone, settled, wait_until


@pytest.fixture
def small_disk(tmp_path, monkeypatch):
    """SLM_HOME on two megabytes."""
    folder = tmp_path / "small"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", folder], capture_output=True)
    if mounted.returncode:
        pytest.skip("mounting a file system needs root")
    monkeypatch.setenv("SLM_HOME", str(folder / "home"))
    yield folder
    for state in control.servers():
        control.stop(state["fingerprint"])
    subprocess.run(["umount", "-l", folder], check=True)


def answers(handle):
    try:
        return probe.one_token(handle.base_url, handle.model_id, token=handle.token)
    except OSError:
        return None


def fill(folder) -> None:
    with open(folder / "filler", "wb", buffering=0) as stream:
        try:
            while True:
                stream.write(bytes(4096))
        except OSError:
            return


def test_a_server_outlives_a_full_disk(fake, small_disk):
    with acquire(fake()) as handle:
        before = settled(small_disk / "home")
        fill(small_disk)
        os.kill(handle.pid, signal.SIGKILL)  # its keeper starts it again, on the same port, and cannot say so
        wait_until(lambda: gone(handle.pid))
        with pytest.raises(ServingError, match="No space left"):
            acquire(fake())
        again = wait_until(lambda: answers(handle), 20)
        assert again.status == 200
        assert settled(small_disk / "home") == before
        os.unlink(small_disk / "filler")
        now = wait_until(lambda: (state := settled(small_disk / "home"))["restarts"] and state["port"] and state)
        wait_until(lambda: handle.refresh() == "ready")
        assert now["restarts"] == 1 and not gone(handle.pid)
    assert gone(handle.pid)


def test_one_is_stopped_on_a_full_disk(fake, small_disk):
    handle = acquire(fake(ttl_s=60))
    fill(small_disk)
    assert control.stop(settled(small_disk / "home")["fingerprint"]) and gone(handle.pid)
