"""Processes told apart for good: a pid together with its birth, and groups ended to the last member.

A pid alone may belong to somebody else by tomorrow. `birth` is a token that two processes of one pid never share.
Standard library only (psutil where there is no /proc), because the keeper lives on this.
"""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from functools import cache
from pathlib import Path

__all__ = ["alive", "birth", "end_group", "group_alive"]


@cache
def _boot() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()[:8]
    except OSError:
        return ""


def birth(pid: int) -> str | None:
    """A token for the moment process `pid` began; None where there is no such process or it is a zombie."""
    if _boot():
        try:
            stat = Path(f"/proc/{pid}/stat").read_text()
        except OSError:
            return None
        fields = stat[stat.rindex(")") + 2 :].split()  # the command in front may hold blanks and parentheses
        return None if fields[0] in "ZX" else f"{_boot()}:{fields[19]}"
    import psutil

    try:
        process = psutil.Process(pid)
        return None if process.status() == psutil.STATUS_ZOMBIE else f"{process.create_time():.2f}"
    except psutil.Error:
        return None


def alive(pid: int | None, born: str | None) -> bool:
    """Whether this very process, not a later one with its number, still runs."""
    return bool(pid and born) and birth(pid) == born


def group_alive(pgid: int) -> bool:
    """Whether process group `pgid` has a member that still runs; on Linux zombies do not count."""
    try:
        os.killpg(pgid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return not _boot() or _has_running_member(pgid)


def end_group(pgid: int, grace_s: float, reap=lambda: None) -> bool:
    """TERM to the group, up to `grace_s` seconds for it to leave, then KILL.

    Args:
        pgid: process group, not our own.
        grace_s: seconds between TERM and KILL.
        reap: called while waiting, to collect the caller's own dead children.

    Returns:
        Whether KILL was needed.
    """
    if pgid <= 1 or pgid == os.getpgrp():
        raise ValueError(f"refusing to end process group {pgid}")
    _signal(pgid, signal.SIGTERM)
    if _gone(pgid, grace_s, reap):
        return False
    _signal(pgid, signal.SIGKILL)
    _gone(pgid, 5.0, reap)
    return True


def _has_running_member(pgid: int) -> bool:
    """Whether not all members are zombies, as they stay where the first process of a container does not reap."""
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError, ValueError):
            text = stat.read_text()
            state, _, group = text[text.rindex(")") + 2 :].split()[:3]
            if int(group) == pgid and state not in "ZX":
                return True
    return False


def _signal(pgid: int, number: int) -> None:
    with suppress(ProcessLookupError, PermissionError):  # macOS: PermissionError when only zombies are left
        os.killpg(pgid, number)


def _gone(pgid: int, seconds: float, reap) -> bool:
    deadline = time.monotonic() + seconds
    while True:
        reap()
        if not group_alive(pgid):
            return True
        if time.monotonic() >= deadline:
            return False
        time.sleep(0.01)
