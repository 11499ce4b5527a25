"""The agents that slm-ext works for: mini-swe-agent, SWE-agent, and the hook by which SWE-agent is entered."""

from __future__ import annotations

import importlib.metadata
import json
import os
import shutil
import sys
import sysconfig
import tempfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote, urlsplit

from slm_ext.cli._checks.finding import Check, Finding, ask

__all__ = ["CHECKS"]

TRIED = "1.1."
PTH = "slm_ext_sweagent.pth"
_ENTERED = "import sys; print(any(type(finder).__name__ == 'PostExecFinder' for finder in sys.meta_path))"


def _mini() -> Iterator[Finding]:
    version = _version("mini-swe-agent")
    if version:
        yield Finding("mini", "ok", f"mini-swe-agent {version}")
    else:
        yield Finding("mini", "problem", "mini-swe-agent is not installed", 'pip install "mini-swe-agent>=2.4.6,<3"')


def _sweagent() -> Iterator[Finding]:
    from slm_ext.hosts.sweagent import available

    there, said = available()
    if not there:
        seen, _, step = said.partition("; next: ")
        yield Finding("swe-agent", "hint", f"{seen}; only `slm run` with mini can be used", step)
        return
    version = _version("sweagent")
    commit = _commit("sweagent")
    known = " ".join(filter(None, (f"SWE-agent {version}", f"at {commit}" if commit else "")))
    parts = f"{known}, swe-rex {_version('swe-rex') or 'of unknown version'}"
    if version.startswith(TRIED):
        yield Finding("swe-agent", "ok", parts)
    else:
        yield Finding("swe-agent", "hint", f"{parts}; slm-ext was tried with {TRIED}x only", "install SWE-agent 1.1.0")
    yield from _hook()


def _hook() -> Iterator[Finding]:
    """Whether `sweagent run --slm` of this environment is entered: tried by a program of that name that does nothing
    else, started as the real one would be."""
    disabled = os.environ.get("SLM_EXT_DISABLE", "0")
    if disabled not in ("", "0"):
        said = f"switched off: SLM_EXT_DISABLE is {disabled!r}; `sweagent run --slm` is not entered"
        yield Finding("hook", "hint", said, "unset SLM_EXT_DISABLE")
        return
    pth = Path(sysconfig.get_path("purelib")) / PTH
    if not pth.is_file():
        yield Finding("hook", "hint", f"{pth} is missing; `sweagent run --slm` is not entered", "pip install slm-ext")
        return
    with tempfile.TemporaryDirectory() as folder:
        program = Path(folder) / "sweagent"
        program.write_text(_ENTERED)
        code, said = ask([sys.executable, str(program)])
    if code != 0 or said != "True":
        yield Finding(
            "hook", "problem", f"{pth} does not enter SWE-agent: {said}", "pip install --force-reinstall slm-ext"
        )
        return
    yield _script()


def _script() -> Finding:
    """Whether the `sweagent` that a shell finds is the one of this environment."""
    found, own = shutil.which("sweagent"), Path(sysconfig.get_path("scripts")) / "sweagent"
    if found is None:
        step = f"activate {sys.prefix}" if own.is_file() else f"{sys.executable} -m sweagent run --slm NAME"
        return Finding("hook", "hint", "active, but no `sweagent` is on PATH", step)
    if own.is_file() and not own.samefile(found):
        said = f"active for {own}, but `sweagent` on PATH is {found}, of another environment"
        return Finding("hook", "hint", said, f"activate {sys.prefix}, or install slm-ext there too")
    return Finding("hook", "ok", f"active: `sweagent run --slm NAME` is entered, by {PTH}")


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return ""


def _commit(package: str) -> str:
    """The commit that a package was installed from, or that its editable checkout stands at; empty where unknown."""
    try:
        source = json.loads(importlib.metadata.distribution(package).read_text("direct_url.json") or "{}")
    except (ValueError, importlib.metadata.PackageNotFoundError):
        return ""
    if commit := source.get("vcs_info", {}).get("commit_id"):
        return commit[:7]
    parts = urlsplit(source.get("url", ""))
    if parts.scheme != "file" or not source.get("dir_info", {}).get("editable"):
        return ""
    code, said = ask(["git", "-C", unquote(parts.path), "rev-parse", "--short=7", "HEAD"])
    return said if code == 0 else ""


CHECKS: list[Check] = [_mini, _sweagent]
