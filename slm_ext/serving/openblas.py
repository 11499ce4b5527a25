"""OpenBLAS for MLX on Linux CPU. Its wheel links the reference BLAS, which is some 30 times slower in prefill.

`$SLM_OPENBLAS` names the library, or switches this off with `off`.
"""

from __future__ import annotations

import os
import platform
import sys
from pathlib import Path

__all__ = ["PACKAGE_HINT", "find", "preload_environment"]

PACKAGE_HINT = "apt install libopenblas0-pthread (Debian, Ubuntu), dnf install openblas-threads (Fedora)"

_NAMES = (
    "/usr/lib/{triplet}/openblas-pthread/libopenblas.so.0",
    "/usr/lib/{triplet}/openblas-openmp/libopenblas.so.0",
    "/usr/lib/{triplet}/openblas-serial/libopenblas.so.0",
    "/usr/lib/{triplet}/libopenblas.so.0",
    "/usr/lib64/libopenblasp.so.0",
    "/usr/lib64/libopenblas.so.0",
    "/usr/lib/libopenblas.so.0",
)


def find() -> Path | None:
    """The OpenBLAS of this Linux machine; None where there is none, on other systems, or when switched off."""
    chosen = os.environ.get("SLM_OPENBLAS", "")
    if sys.platform != "linux" or chosen == "off":
        return None
    if chosen:
        return Path(chosen) if Path(chosen).is_file() else None
    triplet = f"{platform.machine()}-linux-gnu"
    for name in _NAMES:
        path = Path(name.format(triplet=triplet))
        if path.is_file():
            return path
    return None


def preload_environment(environ: dict[str, str]) -> dict[str, str]:
    """Variables that make a child of `environ` use OpenBLAS with one thread per usable core; {} where there is none."""
    library = find()
    if library is None:
        return {}
    others = [name for name in environ.get("LD_PRELOAD", "").replace(":", " ").split() if name != str(library)]
    cores = len(os.sched_getaffinity(0))
    return {
        "LD_PRELOAD": " ".join([str(library), *others]),
        "OPENBLAS_NUM_THREADS": environ.get("OPENBLAS_NUM_THREADS", str(cores)),
    }
