"""git, asked so that neither the user's settings nor an outer repository change the answer."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

from slm_ext.errors import RepositoryError, UsageError
from slm_ext.sandbox.commands import run_command
from slm_ext.sandbox.environment import POINTING_GIT

__all__ = ["git", "git_version", "paths", "try_git"]

_SETTINGS = [
    "-c", "core.hooksPath=/dev/null", "-c", "core.fsmonitor=false", "-c", "core.quotePath=true",
    "-c", "gc.auto=0", "-c", "maintenance.auto=false", "-c", "advice.detachedHead=false",
    "-c", "user.name=slm", "-c", "user.email=slm@localhost", "-c", "commit.gpgSign=false",
]  # fmt: skip


def git(
    cwd: Path | str, *arguments: str, stdin: bytes = b"", attempted: str = "", env: dict[str, str] | None = None
) -> bytes:
    """Standard output of a git command; raises `RepositoryError` with git's own words when it fails."""
    code, output, errors = try_git(cwd, *arguments, stdin=stdin, env=env)
    if code:
        words = errors.decode("utf-8", errors="replace").strip() or f"git ended with status {code}"
        raise RepositoryError(attempted or f"git {arguments[0]}", seen=words)
    return output


def try_git(
    cwd: Path | str, *arguments: str, stdin: bytes = b"", env: dict[str, str] | None = None
) -> tuple[int, bytes, bytes]:
    """Exit status, output and errors of a git command. Locks, hooks, prompts and pagers stay out of it."""
    full = _environment() | (env or {})
    try:
        done = run_command(["git", *_SETTINGS, *arguments], cwd=cwd, env=full, stdin=stdin)
    except FileNotFoundError as error:
        if not Path(cwd).is_dir():
            raise
        raise UsageError("run git", seen="no `git` on PATH", next_step="install git") from error
    return done.returncode, done.output, done.errors


def _environment() -> dict[str, str]:
    """Ours, git's credentials included, without what points at another repository."""
    kept = {k: v for k, v in os.environ.items() if k not in POINTING_GIT}
    return kept | {"GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0", "GIT_PAGER": "cat", "LC_ALL": "C"}


def paths(output: bytes) -> list[str]:
    """Paths of a `-z` listing; bytes that are not UTF-8 survive a round trip through the file system."""
    return [os.fsdecode(item) for item in output.split(b"\0") if item]


def as_stdin(items: Sequence[str]) -> bytes:
    """Paths as a `-z --stdin` command takes them."""
    return b"".join(os.fsencode(item) + b"\0" for item in items)


def git_version() -> str:
    """`2.39.5`, or an empty text where git is missing."""
    try:
        words = subprocess.run(["git", "--version"], capture_output=True, text=True).stdout.split()
    except FileNotFoundError:
        return ""
    return words[2] if len(words) > 2 else ""
