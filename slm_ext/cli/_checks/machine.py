"""Python, git, memory, disk, and the entries of the registry."""

from __future__ import annotations

import os
import platform
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from slm_ext import paths
from slm_ext.cli._checks.finding import Check, Finding, Status
from slm_ext.errors import SlmError

__all__ = ["machine_checks"]

LITTLE_DISK = 2 * 10**9
NO_DISK = 10**8


def machine_checks(providers) -> list[Check]:
    """The checks that need no model.

    Args:
        providers: those asked about; what they do not need is no problem. None: nobody named any.
    """
    from slm_ext.cli._checks import hosts, isolation, mlx, servers

    wanted: list[Check] = [_python, _git, *([_registry] if providers is None else [])]
    if providers is None or any(mlx.needed_by(provider) for provider in providers):
        wanted.append(lambda: mlx.mlx_findings(needed=providers is not None))
    return [*wanted, _memory, _disk, servers.server_findings, *isolation.CHECKS, *hosts.CHECKS]


def _python() -> Iterator[Finding]:
    from slm_ext import __version__

    yield Finding("python", "ok", f"{platform.python_version()}, slm-ext {__version__}, in {sys.prefix}")


def _git() -> Iterator[Finding]:
    from slm_ext.runs.git import git_version

    version = git_version()
    if version:
        yield Finding("git", "ok", version)
    else:
        yield Finding("git", "problem", "not installed; every run clones", "install git")


def _registry() -> Iterator[Finding]:
    from slm_ext.registry import load_registry

    try:
        registry = load_registry()
    except SlmError as error:
        yield Finding("registry", "problem", f"{error.attempted}: {error.seen}", error.next_step or "correct the file")
        return
    providers = registry.provider_names()
    routers = len(registry.names()) - len(providers)
    yield Finding("registry", "ok", f"{len(providers)} providers, {routers} {'router' if routers == 1 else 'routers'}")


def _memory() -> Iterator[Finding]:
    from slm_ext.serving.memory import available_bytes, memory_bytes, readable

    yield Finding("memory", "ok", f"{readable(available_bytes())} of {readable(memory_bytes())} are available")


def _disk() -> Iterator[Finding]:
    folders = {"state": paths.home()}
    try:
        from slm_ext.serving.hub.fetching import cache_folder

        folders["models"] = cache_folder()
    except ImportError:
        pass
    for what, folder in folders.items():
        yield _room(what, folder, "SLM_HOME" if what == "state" else "HF_HUB_CACHE")


def _room(what: str, folder: Path, variable: str) -> Finding:
    from slm_ext.serving.memory import readable

    place = next(path for path in (folder, *folder.parents) if path.exists())
    if not place.is_dir():
        return Finding("disk", "problem", f"{what}: {place} is no folder", f"export {variable}=FOLDER")
    if not os.access(place, os.W_OK):
        return Finding("disk", "problem", f"{what}: {place} cannot be written", f"export {variable}=FOLDER")
    free = shutil.disk_usage(place).free
    status: Status = "problem" if free < NO_DISK else "hint" if free < LITTLE_DISK else "ok"
    advice = "" if status == "ok" else f"make room, or export {variable}=FOLDER on another disk"
    return Finding("disk", status, f"{what}: {readable(free)} free in {folder}", advice)
