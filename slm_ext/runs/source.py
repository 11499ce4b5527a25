"""Where a task's repository comes from: a checkout on this machine, or a URL. Looks, and writes nothing."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path

from slm_ext.errors import RepositoryError
from slm_ext.runs.git import try_git

__all__ = ["Source", "find_source"]

_URL = re.compile(r"^(?:[a-z][a-z0-9+.-]*://|[\w.-]+@[\w.-]+:)", re.IGNORECASE)
_CREDENTIALS = re.compile(r"(?<=://)[^/@\s]+@")


@dataclass(frozen=True)
class Source:
    """`location` is what git clones; `checkout` is None for a URL; `shown` carries no credentials."""

    location: str
    checkout: Path | None
    shown: str
    name: str


def find_source(repo: str) -> Source:
    """The source named by `--repo`. Raises `RepositoryError` for anything that is not a git repository's own folder."""
    attempted = f"take {_CREDENTIALS.sub('', repo)!r} as the repository"
    if not repo.strip():
        raise RepositoryError("take a repository", seen="an empty --repo", allowed="a git checkout, or a URL")
    if _URL.match(repo):
        shown = _CREDENTIALS.sub("", repo)
        return Source(repo, None, shown, _slug(re.split(r"[/:]", shown.rstrip("/"))[-1].removesuffix(".git")))
    path = Path(repo).expanduser()
    allowed = "a folder with a git repository in it, or a URL"
    if not path.exists():
        raise RepositoryError(attempted, seen="no such folder", allowed=allowed, next_step="check the path")
    if not path.is_dir():
        raise RepositoryError(attempted, seen="a file, not a folder", allowed=allowed)
    path = path.resolve()
    code, output, errors = try_git(path, "rev-parse", "--show-toplevel")
    if code:
        bare = try_git(path, "rev-parse", "--is-bare-repository")[1].strip() == b"true"
        if bare:
            return Source(str(path), None, str(path), _slug(path.name.removesuffix(".git")))
        words = errors.decode("utf-8", errors="replace").strip()
        seen = "a folder that is not a git repository" if "not a git repository" in words else words
        raise RepositoryError(
            attempted,
            seen=seen,
            allowed=allowed,
            next_step=f"cd {path} && git init && git add . && git commit -m start" if "not a git" in seen else "",
        )
    top = Path(os.fsdecode(output.rstrip(b"\n")))
    if not top.samefile(path):
        raise RepositoryError(
            attempted, seen=f"a folder inside the repository {top}", allowed=allowed, next_step=f"--repo {top}"
        )
    return Source(str(path), path, str(path), _slug(path.name))


def _slug(name: str) -> str:
    return re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-.") or "repo"
