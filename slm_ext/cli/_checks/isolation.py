"""What can keep a task's commands apart from this machine: bubblewrap, and containers."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from slm_ext.cli._checks.finding import Check, Finding, ask

__all__ = ["CHECKS"]

_APPARMOR = Path("/proc/sys/kernel/apparmor_restrict_unprivileged_userns")
_CLONE = Path("/proc/sys/kernel/unprivileged_userns_clone")


def _bubblewrap() -> Iterator[Finding]:
    """It is tried: it is installed on many machines whose kernel does not let it work."""
    if sys.platform != "linux":
        yield Finding("sandbox", "hint", "bubblewrap is there for Linux only", "use Docker for tasks you do not trust")
        return
    if not shutil.which("bwrap"):
        yield Finding("sandbox", "hint", "bubblewrap is not installed", "apt install bubblewrap, or your system's way")
        return
    code, said = ask(["bwrap", "--ro-bind", "/", "/", "--unshare-net", "true"])
    if code == 0:
        _, version = ask(["bwrap", "--version"])
        yield Finding("sandbox", "ok", f"{version} works")
    else:
        said = said.removeprefix("bwrap: ") or f"exit code {code}"
        yield Finding("sandbox", "hint", f"bubblewrap cannot be used: {said}", _allow())


def _allow() -> str:
    """What lets an ordinary user make namespaces."""
    for path, forbids, setting in (
        (_APPARMOR, "1", "kernel.apparmor_restrict_unprivileged_userns=0"),
        (_CLONE, "0", "kernel.unprivileged_userns_clone=1"),
    ):
        try:
            if path.read_text().strip() == forbids:
                return f"sudo sysctl -w {setting}"
        except OSError:
            continue
    return "let this user make namespaces; within a container, start that with --security-opt seccomp=unconfined"


def _containers() -> Iterator[Finding]:
    """Docker and Podman: SWE-agent runs a task in a container unless it is told otherwise."""
    there = [program for program in ("docker", "podman") if shutil.which(program)]
    if not there:
        yield Finding("docker", "hint", "neither docker nor podman is installed", "install one for SWE-agent's images")
    for program in there:
        code, said = ask([program, "version", "--format", "{{.Server.Version}}"])
        if code == 0 and said:
            yield Finding("docker", "ok", f"{program} {said} answers")
        elif "permission denied" in said.lower():
            step = "add yourself to the group docker: sudo usermod -aG docker $USER, then log in again"
            yield Finding("docker", "hint", f"{program} may not be used: {said}", step)
        else:
            step = "start it: sudo systemctl start docker, or Docker Desktop"
            if program == "podman":
                step = "podman machine start"
            yield Finding("docker", "hint", f"{program} does not answer: {said or f'exit code {code}'}", step)


CHECKS: list[Check] = [_bubblewrap, _containers]
