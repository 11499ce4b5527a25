"""What a run changed, as one patch against the clone's baseline, and putting such a patch somewhere."""

from __future__ import annotations

import importlib
import shutil
from pathlib import Path

from slm_ext.errors import RepositoryError
from slm_ext.runs.clone import Clone
from slm_ext.runs.git import git, paths, try_git

__all__ = ["apply_patch", "changed_paths", "ignored", "reset_to", "worktree_patch"]


def worktree_patch(clone: Clone) -> bytes:
    """The difference between the baseline and the clone's working tree, made as the tool `submit` makes it.

    Raises:
        RepositoryError: the clone is no git repository any more.
    """
    from slm_ext.bundles import tool_library

    tool_library()
    patches = importlib.import_module("slm_tools.patches")
    try:
        return patches.make(str(clone.path), clone.baseline)[0]
    except patches.ToolError as error:
        raise RepositoryError("collect what the agent changed", seen=str(error)) from None


def changed_paths(clone: Clone, patch: bytes) -> list[str]:
    """Paths a patch touches."""
    if not patch.strip():
        return []
    fields = paths(git(clone.path, "apply", "--numstat", "-z", stdin=patch))
    return [f.split("\t", 2)[-1] for f in fields]


def apply_patch(folder: Path, patch: bytes) -> str:
    """Apply `patch` to the files in `folder`, wholly or not at all; the reason as text, empty when applied."""
    for check in ("--check",), ():
        code, _, errors = try_git(folder, "apply", *check, "--whitespace=nowarn", stdin=patch)
        if code:
            return errors.decode("utf-8", errors="replace").strip() or f"git apply ended with status {code}"
    return ""


def ignored(clone: Clone) -> set[str]:
    """Ignored files and folders of the clone, whole folders as one entry."""
    return set(paths(git(clone.path, "ls-files", "-o", "-i", "--exclude-standard", "--directory", "-z")))


def reset_to(clone: Clone, patch: bytes, keep_ignored: set[str]) -> str:
    """Bring the clone to its baseline plus `patch`; what `--setup` made (`keep_ignored`) stays.

    Returns:
        Why the patch does not apply, or an empty text.
    """
    git(clone.path, "reset", "-q", "--hard", clone.baseline)
    git(clone.path, "clean", "-q", "-ffd")
    for path in ignored(clone) - keep_ignored:
        target = clone.path / path.rstrip("/")
        shutil.rmtree(target) if target.is_dir() and not target.is_symlink() else target.unlink()
    return apply_patch(clone.path, patch) if patch.strip() else ""
