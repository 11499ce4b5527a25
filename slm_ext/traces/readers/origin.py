"""Which repository a run worked on, and at which commit: `repo` and `base_commit` of `Trace.extra`."""

from __future__ import annotations

import re
from typing import Any

from slm_ext.traces.readers.values import mapping, text

__all__ = ["origin", "origin_of_config", "origin_of_run", "origin_of_task"]

_URL = re.compile(r"(?:[a-z][a-z0-9+.-]*://(?:[^/@\s]*@)?[^/\s]*/|[\w.-]+@[\w.-]+:)(?P<path>\S+)", re.IGNORECASE)
_OWNED = re.compile(r"[\w-][\w.-]*/[\w.-]+")
_ONE_WORD = re.compile(r"(?P<owner>[\w.-]+?)__(?P<name>[\w.-]+?)(?:\.[0-9a-f]{8})?")
"""`owner__name`, as SWE-bench and SWE-smith write it where no slash may stand."""
_ANYWHERE = {"", ".", "..", "app", "code", "home", "repo", "root", "src", "testbed", "work", "workspace"}
"""Folders of containers and clones: whose repository lies there, their names do not say."""


def origin(repo: Any, commit: Any, instance: str = "", *, folder: bool = False) -> dict[str, str]:
    """`repo` and `base_commit`, as far as they are told.

    Args:
        repo: `owner/name`, a URL, or a folder.
        commit: a hash; `HEAD` says nothing.
        instance: id of the task. Where it tells owner and name, the name of a folder would say less.
        folder: what is no URL is a folder, even if it looks like `owner/name`.
    """
    name = _repository(text(repo) or "", folder=folder)
    if "/" not in name and "__" in instance:
        name = ""
    told = (text(commit) or "").strip()
    found = {"repo": name, "base_commit": "" if told.upper() == "HEAD" else told}
    return {key: value for key, value in found.items() if value}


def origin_of_task(fields: dict[str, Any], instance: str) -> dict[str, str]:
    """Of a record that carries the fields of a SWE-bench task."""
    named = (fields.get(key) for key in ("repo", "repository", "repo_name"))
    commits = (fields.get(key) for key in ("base_commit", "commit"))
    return origin(next(filter(text, named), None), next(filter(text, commits), None), instance)


def origin_of_config(config: dict[str, Any], instance: str) -> dict[str, str]:
    """Of SWE-agent's configuration."""
    repo = mapping((mapping(config.get("env")) or {}).get("repo")) or {}
    commit = repo.get("base_commit")
    for key in ("github_url", "repo_name", "path"):
        if text(repo.get(key)):
            return origin(repo[key], commit, instance, folder=key == "path")
    return origin(None, commit)


def origin_of_run(run: dict[str, Any], instance: str) -> dict[str, str]:
    """Of our own `run.json`."""
    asked, clone = mapping(run.get("request")) or {}, mapping(run.get("clone")) or {}
    return origin(asked.get("repo"), clone.get("head"), instance, folder=True)


def _repository(told: str, *, folder: bool) -> str:
    """`owner/name`, or the name of a folder; empty where it says nothing."""
    told = told.strip().replace("\\", "/").rstrip("/").removesuffix(".git")
    if (url := _URL.fullmatch(told)) and not told.lower().startswith("file:"):
        told, folder = "/".join(url["path"].split("/")[:2]), False
    if not folder and _OWNED.fullmatch(told):
        return told
    name = told.rpartition("/")[2]
    if one_word := _ONE_WORD.fullmatch(name):
        return f"{one_word['owner']}/{one_word['name']}"
    return "" if name.lower() in _ANYWHERE or name.startswith("~") else name
