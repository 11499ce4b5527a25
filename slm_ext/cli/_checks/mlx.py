"""The packages of servers of our own: mlx, what our engine needs beside it, and OpenBLAS on Linux."""

from __future__ import annotations

import importlib.metadata
import os
import subprocess
import sys
from collections.abc import Iterator

from slm_ext.cli._checks.finding import Finding, Status

__all__ = ["mlx_findings", "needed_by"]

IMPORT_S = 60
_IMPORT = """
import mlx.core
try:
    print("libopenblas" in open("/proc/self/maps").read())
except OSError:
    print(False)
"""


def needed_by(provider) -> bool:
    """Whether this provider is served with mlx."""
    return provider.server is not None and not provider.server.command


def mlx_findings(*, needed: bool) -> Iterator[Finding]:
    """mlx, imported in a process of its own as a server would, and the packages around it."""
    from slm_ext.serving import openblas
    from slm_ext.serving.installed import installed

    bad: Status = "problem" if needed else "hint"
    install = 'pip install "slm-ext[mlx]"' + (' (it brings "mlx-lm[cpu]")' if sys.platform == "linux" else "")
    library = openblas.find()
    env = {**os.environ, **openblas.preload_environment(dict(os.environ))}
    if not (installed("mlx") and installed("mlx-lm")):
        yield Finding("mlx", bad, "mlx-lm is not installed", install)
        return
    try:
        tried = subprocess.run(
            [sys.executable, "-c", _IMPORT], env=env, capture_output=True, text=True, timeout=IMPORT_S
        )
    except subprocess.TimeoutExpired:
        yield Finding("mlx", bad, f"it cannot be imported within {IMPORT_S} s", install)
        return
    if tried.returncode:
        reason = (tried.stderr.strip().splitlines() or [f"exit code {tried.returncode}"])[-1]
        yield Finding("mlx", bad, f"it cannot be imported: {reason}", install)
        return
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in ("mlx", "mlx-lm"))
    yield Finding("mlx", "ok", versions)
    missing = [name for name in ("llguidance", "prometheus-client", "starlette", "uvicorn") if not installed(name)]
    if missing:
        yield Finding("engine", bad, f"{', '.join(missing)} not installed; engine `slm` needs it", install)
    if sys.platform != "linux" or installed("mlx-cuda-12") or installed("mlx-cuda-13"):
        return
    if library is None:
        off = os.environ.get("SLM_OPENBLAS")
        said = f"not used: SLM_OPENBLAS is {off!r}" if off else "not installed; prompts are read many times as slowly"
        yield Finding("openblas", "hint", said, "unset SLM_OPENBLAS" if off else openblas.PACKAGE_HINT)
    elif tried.stdout.strip() != "True":
        yield Finding("openblas", "problem", f"{library} is not loaded", "export SLM_OPENBLAS=PATH of another one")
    else:
        yield Finding("openblas", "ok", f"{library}, {env['OPENBLAS_NUM_THREADS']} threads")
