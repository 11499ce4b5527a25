"""The task's Python and the environment its commands get: no keys, this Python first, the clone's packages first."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from slm_ext.errors import UsageError
from slm_ext.runs.clone import Clone
from slm_ext.runs.imports import import_roots, probe, with_roots
from slm_ext.sandbox.commands import run_command
from slm_ext.sandbox.environment import scrubbed

__all__ = ["TaskPython", "find_python", "make_environment", "run_setup"]

_VENVS = (".venv", "venv")


@dataclass(frozen=True)
class TaskPython:
    """`python` as it was found, the whole environment `env` for commands in the clone, and what is worth saying."""

    python: Path
    env: dict[str, str]
    notes: list[str] = field(default_factory=list)


def find_python(given: str | None, checkout: Path | None) -> Path:
    """`--python`, else the checkout's `.venv` or `venv`, else the Python that runs us."""
    if given:
        path = Path(given).expanduser().absolute()
        path = path / "bin" / "python" if (path / "pyvenv.cfg").is_file() else path
        if not os.access(path, os.X_OK) or path.is_dir():
            seen = "no such file" if not path.exists() else "not an executable file"
            raise UsageError(f"use {given} as the task's Python", seen=seen, next_step="--python PATH")
        return path
    return _venv_python(checkout) or Path(sys.executable)


def run_setup(command: str, clone: Clone, env: dict[str, str], log: Path) -> None:
    """Run `--setup` once in the clone, its output in `log`; raises `UsageError` when it fails."""
    done = run_command(["bash", "-c", command], cwd=clone.path, env=env, merge=True, owner=clone.path)
    log.write_bytes(done.output)
    if done.returncode:
        tail = "\n".join(done.text.strip().splitlines()[-5:])
        raise UsageError(
            f"run --setup {command!r} in the clone",
            seen=f"status {done.returncode}" + (f"\n{tail}" if tail else ""),
            next_step=f"read {log}",
        )


def make_environment(
    python: Path, given: bool, clone: Clone, work: Path, *, setup: str | None, secrets: Iterable[str] = ()
) -> TaskPython:
    """The environment of every command in the clone, after `setup` ran there.

    Args:
        given: the user named `python`; else a venv that `setup` makes in the clone takes its place.
        work: folder of the run for the `python` on PATH, links and the setup's log.
        secrets: names of environment variables that hold keys.

    Raises:
        UsageError: the setup failed, or the Python does not run.
        RepositoryError: a package of the repository still resolves outside the clone.
    """
    env = _with_python(scrubbed(os.environ, secrets), python, work)
    if setup:
        run_setup(setup, clone, env, work / "setup.log")
        if not given and (made := _venv_python(clone.path)):
            python = made
            env = _with_python(scrubbed(os.environ, secrets), python, work)
    roots = import_roots(python, clone.path, clone.source.checkout, work / "links", env)
    env = with_roots(env, roots)
    about = probe(python, clone.path, env, [])
    notes = [f"Python {about.version} at {python}"]
    if roots:
        shown = ", ".join(os.path.relpath(r, clone.path) for r in roots)
        notes.append(f"the clone's packages come first (PYTHONPATH: {shown})")
    if not about.pytest:
        notes.append(f"pytest is not installed for {python}: pytest_run will say `unavailable`")
    return TaskPython(python, env, notes)


def _venv_python(folder: Path | None) -> Path | None:
    if folder is None:
        return None
    for name in _VENVS:
        python = folder / name / "bin" / "python"
        if os.access(python, os.X_OK):
            return python
    return None


def _with_python(env: dict[str, str], python: Path, work: Path) -> dict[str, str]:
    """`python` and `python3` on PATH start this one; a venv's scripts follow."""
    shims = work / "bin"
    shims.mkdir(parents=True, exist_ok=True)
    for name in ("python", "python3"):
        shim = shims / name
        shim.write_text(f'#!/bin/sh\nexec {shlex.quote(str(python))} "$@"\n', encoding="utf-8")
        shim.chmod(0o755)
    entries = [str(shims)]
    env = {k: v for k, v in env.items() if k != "VIRTUAL_ENV"}
    if (python.parent.parent / "pyvenv.cfg").is_file():
        entries.append(str(python.parent))
        env["VIRTUAL_ENV"] = str(python.parent.parent)
    entries.append(env.get("PATH", os.defpath))
    return env | {"PATH": os.pathsep.join(entries), "PYTHONDONTWRITEBYTECODE": "1", "PYTHONUNBUFFERED": "1"}
