"""Leases: one small file per holder of a server. A lease counts while the process that wrote it lives.

Standard library only.
"""

from __future__ import annotations

import os
import uuid
from pathlib import Path

from . import states
from .processes import alive, birth

__all__ = ["give_back", "left", "live", "take"]


def take(folder: Path, ttl_s: float) -> Path:
    """Write a lease of this process on the server of `folder`; `give_back` ends it.

    Args:
        folder: the server's state folder.
        ttl_s: seconds that the server should outlive this lease.
    """
    leases = folder / "leases"
    leases.mkdir(parents=True, exist_ok=True, mode=0o700)
    path = leases / f"{os.getpid()}-{uuid.uuid4().hex[:12]}.json"
    states.write_json(
        path, {"schema_version": 1, "pid": os.getpid(), "start_time": birth(os.getpid()), "ttl_s": float(ttl_s)}
    )
    return path


def give_back(path: Path) -> None:
    """End a lease. How long the server should outlive it stays to be read by `left`, however short the lease was."""
    try:
        os.replace(path, path.with_name(f"left-{path.name}"))
    except FileNotFoundError:
        return


def left(folder: Path) -> list[float]:
    """`ttl_s` of every lease given back since the last call. For the keeper alone."""
    found = []
    for path in (folder / "leases").glob("left-*.json"):
        lease = states.read_json(path) or {}
        found.append(float(lease.get("ttl_s") or 0))
        path.unlink(missing_ok=True)
    return found


def live(folder: Path) -> list[float]:
    """`ttl_s` of every lease whose holder lives; the files of dead holders are removed."""
    found = []
    for path in (folder / "leases").glob("[0-9]*.json"):
        lease = states.read_json(path)
        if lease and alive(lease.get("pid"), lease.get("start_time")):
            found.append(float(lease.get("ttl_s") or 0))
        elif lease or not path.exists():
            path.unlink(missing_ok=True)
    return found
