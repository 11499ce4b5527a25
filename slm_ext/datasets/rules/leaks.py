"""Rules on what a run must not have seen: the history of the future, which holds the answer."""

from __future__ import annotations

import re

from slm_ext.datasets.config import BuildConfig
from slm_ext.datasets.episode import Episode
from slm_ext.datasets.rules.commands import git_commands, shell_texts, simple_commands

__all__ = ["future_history"]


def future_history(episode: Episode, config: BuildConfig) -> bool:
    """A command that reads other branches, remotes, the reflog or the project's site worked: what followed may rest on
    the answer. See SWE-bench issue 465 for how runs found their fix so."""
    return any(
        _reads_future(text)
        for step in episode.steps
        if step.status == "ok" and step.outcome != "error" and (step.observation or "").strip()
        for text in shell_texts(step)
    )


_ABOUT = re.compile(r"git|\bgh\b")
"""Without one of these there is nothing to look for."""
_SITE = re.compile(r"\b(?:github\.com|githubusercontent\.com|gitlab\.com)/")
_ELSEWHERE = {"fetch", "pull", "clone", "ls-remote", "reflog", "fsck"}
"""Subcommands that bring, or show, commits which are not ancestors of HEAD."""
_SHOWING = {
    "log", "rev-list", "shortlog", "show", "diff", "whatchanged", "format-patch", "archive", "grep", "checkout",
    "switch", "restore", "merge", "rebase", "cherry-pick", "cat-file", "reset",
}  # fmt: skip
_ALL = {"--all", "--branches", "--remotes", "--tags", "--reflog", "--walk-reflogs", "-g", "--batch-all-objects"}
_OTHER = re.compile(
    r"--(?:branches|remotes|tags|glob)=|(?:.*\.\.)?(?:(?:refs/)?remotes/|(?:origin|upstream)/)|.*(?:HEAD|^|\.)@\{|FETCH_HEAD"
)
"""How a word names a commit of elsewhere."""


def _reads_future(text: str) -> bool:
    if not _ABOUT.search(text):
        return False
    return any(map(_downloads, simple_commands(text))) or any(map(_of_elsewhere, git_commands(text)))


def _downloads(words: list[str]) -> bool:
    """Whether it brings something from where projects are kept."""
    program = words[0].rsplit("/", 1)[-1]
    if program == "gh":
        return words[1:2] in (["pr"], ["issue"], ["api"], ["repo"])
    return program in ("curl", "wget") and any(_SITE.search(word) for word in words[1:])


def _of_elsewhere(words: list[str]) -> bool:
    verb, rest = words[0], words[1:]
    if verb in _ELSEWHERE:
        return True
    if verb not in _SHOWING:
        return False
    if "--" in rest:
        rest = rest[: rest.index("--")]
    all_ = _ALL - {"-g"} if verb == "grep" else _ALL
    return any(word in all_ or _OTHER.match(word) for word in rest)
