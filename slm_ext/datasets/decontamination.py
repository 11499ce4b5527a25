"""Stage `decontaminate`: what an evaluation will ask is not trained on.

An episode is kept out where its instance, its commit or its repository is one of those tasks', where it shares a run of
words with an issue or a patch of them, or where the patch that solves its own task stands in what the model was shown
before it changed one of the patch's files, and was not written by itself.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from slm_ext.datasets.config import DecontaminationConfig
from slm_ext.datasets.episode import Episode
from slm_ext.datasets.fingerprints import ngrams, words_of
from slm_ext.errors import UsageError

__all__ = ["SWE_BENCH_REPOSITORIES", "Solution", "Tasks", "contamination", "read_tasks"]

SWE_BENCH_REPOSITORIES = frozenset({
    "astropy/astropy", "django/django", "matplotlib/matplotlib", "mwaskom/seaborn", "pallets/flask", "psf/requests",
    "pydata/xarray", "pylint-dev/pylint", "pytest-dev/pytest", "scikit-learn/scikit-learn", "sphinx-doc/sphinx",
    "sympy/sympy",
})  # fmt: skip
"""Where the test tasks of SWE-bench, Lite and Verified come from (Jimenez et al. 2024, table of repositories)."""
_LEAST_LINES, _LEAST_CHARS = 2, 40
"""Of a patch: fewer new lines, or fewer characters in them, may be seen by chance."""
ALLOWED = "JSON or JSONL of tasks with instance_id, repo, base_commit, problem_statement or patch; or ids, one a line"


class Tasks:
    """Tasks to keep out.

    Args:
        rows: `{instance_id?, repo?, base_commit?, problem_statement?, patch?}`.
        ngram: words; so many in a row that are the same are too many.
        repositories: further ones to keep out as a whole.
        whole_repositories: keep out those of the rows as a whole too.
        solved: rows of tasks that may be trained on, whose `patch` a run must not have been shown.
    """

    def __init__(
        self,
        rows: Iterable[dict[str, Any]] = (),
        *,
        ngram: int = 13,
        repositories: Iterable[str] = (),
        whole_repositories: bool = True,
        solved: Iterable[dict[str, Any]] = (),
    ):
        self.ngram = ngram
        self.repositories = {name.lower() for name in repositories}
        self.instances: set[str] = set()
        self.commits: set[str] = set()
        self.solutions: dict[str, Solution] = {}
        self._grams: set[int] = set()
        for row in rows:
            if name := row.get("instance_id"):
                self.instances.add(str(name).lower())
            if commit := row.get("base_commit"):
                self.commits.add(str(commit))
            if whole_repositories and (repository := row.get("repo")):
                self.repositories.add(str(repository).lower())
            for text in (row.get("problem_statement"), _new_text(row.get("patch"))):
                if isinstance(text, str) and len(words_of(text)) >= ngram:
                    self._grams |= ngrams(text, ngram)
        for row in solved:
            if isinstance(row.get("patch"), str) and row.get("instance_id"):
                self.solutions[str(row["instance_id"])] = Solution(row["patch"])

    def shares_words(self, texts: Iterable[str]) -> bool:
        """Whether one of the texts has a run of words of an issue or a patch."""
        return bool(self._grams) and any(not self._grams.isdisjoint(ngrams(text, self.ngram)) for text in texts)


class Solution:
    """What a patch brings that was not there before.

    Args:
        patch: a unified diff.
    """

    def __init__(self, patch: str):
        added, removed = _lines(patch, "+"), {_bare(line) for line in _lines(patch, "-")}
        self._lines = {line for line in map(_bare, added) if line and line not in removed}
        self._files = re.findall(r"^(?:\+\+\+ b|--- a)/(.+?)\s*$", patch, re.MULTILINE)

    def shown(self, episode: Episode) -> bool:
        """Whether all of it stood in what the model was shown before it worked on a file of the patch. What the model
        wrote before it saw it is its own."""
        if len(self._lines) < _LEAST_LINES or sum(map(len, self._lines)) < _LEAST_CHARS:
            return False
        missing = set(self._lines)
        for message in _before(episode, self._files):
            text = message["content"] or ""
            if message["role"] == "assistant":
                written = "\n".join(
                    [text, *_texts([call["function"]["arguments"] for call in message.get("tool_calls", ())])]
                )
                if any(line in written for line in missing):
                    return False
            else:
                missing -= {_bare(line) for line in text.splitlines()}
        return not missing


def contamination(episode: Episode, tasks: Tasks) -> str:
    """Why an episode is kept out; empty: it may stay."""
    if episode.instance.lower() in tasks.instances:
        return "benchmark_instance"
    if episode.commit and episode.commit in tasks.commits:
        return "benchmark_commit"
    if episode.repo and episode.repo.lower() in tasks.repositories:
        return "benchmark_repository"
    if tasks.shares_words([episode.issue, _new_text(episode.patch) or ""]):
        return "benchmark_words"
    solution = tasks.solutions.get(episode.instance)
    if solution is not None and solution.shown(episode):
        return "gold_patch"
    return ""


def read_tasks(config: DecontaminationConfig) -> Tasks:
    """The tasks of a configuration.

    Raises:
        UsageError: a file that is not there, or holds none.
    """
    return Tasks(
        [row for name in config.files for row in _rows(Path(name))],
        ngram=config.ngram,
        repositories=SWE_BENCH_REPOSITORIES if config.benchmarks else (),
        whole_repositories=config.repositories,
        solved=[row for name in config.solutions for row in _rows(Path(name))],
    )


def _rows(path: Path) -> list[dict[str, Any]]:
    attempted = f"read the tasks {path}"
    try:
        text = path.read_text(encoding="utf-8-sig")
        rows = [row for item in _items(text) for row in _task(item)]
    except (OSError, ValueError, RecursionError) as error:
        raise UsageError(attempted, seen=str(error), allowed=ALLOWED) from None
    if not rows:
        raise UsageError(attempted, seen="no task in it", allowed=ALLOWED)
    return rows


_ID = re.compile(r"[\w.@:/+#-]+")
_FIELDS = ("instance_id", "repo", "base_commit", "problem_statement", "patch")


def _items(text: str) -> list[Any]:
    """The tasks of a whole document, or of one with a task a line."""
    try:
        data = json.loads(text)
    except ValueError:
        lines = [line.strip() for line in text.split("\n") if line.strip()]
        found = [json.loads(line) if line.startswith(("{", '"')) else line for line in lines]
        for item in found:
            if isinstance(item, str) and not _ID.fullmatch(item):
                raise ValueError(f"{item[:60]!r} is no instance id") from None
        return found
    if isinstance(data, list):
        return data
    if not isinstance(data, dict):
        return [text.strip().strip('"')]
    if any(isinstance(data.get(field), str) for field in _FIELDS):
        return [data]
    return [{"instance_id": name, **value} for name, value in data.items() if isinstance(value, dict)]


def _task(item: Any) -> list[dict[str, Any]]:
    if isinstance(item, str):
        return [{"instance_id": item}]
    return [item] if isinstance(item, dict) and any(item.get(field) for field in _FIELDS) else []


def _before(episode: Episode, files: list[str]) -> list[dict[str, Any]]:
    """The messages of the prompts up to the first change of one of the files; of all prompts where there is none."""
    last = next((i for i, step in enumerate(episode.steps) if step.changed and _touches(step.paths, files)), None)
    steps = episode.steps if last is None else episode.steps[: last + 1]
    return [episode.messages[index] for index in sorted({index for step in steps for index in step.prompt})]


def _touches(paths: list[str], files: list[str]) -> bool:
    """Whether one of the paths is one of the files; a change that names no file may be one of any."""
    return not paths or any(path == file or path.endswith("/" + file) for path in paths for file in files)


def _texts(arguments: list[str]) -> list[str]:
    """The texts in calls' arguments, with their own line ends."""
    found: list[str] = []
    for text in arguments:
        try:
            values = json.loads(text)
        except ValueError:
            values = text
        found += [str(value) for value in (values.values() if isinstance(values, dict) else [values])]
    return found


def _new_text(patch: Any) -> str | None:
    return "\n".join(_lines(patch, "+")) if isinstance(patch, str) else None


def _lines(patch: str, sign: str) -> list[str]:
    """The lines that a patch adds (`+`) or removes (`-`)."""
    heads = ("+++ ", "--- ")
    return [line[1:] for line in patch.splitlines() if line.startswith(sign) and not line.startswith(heads)]


_MARGIN = re.compile(r"\s*(?:\d+\s*[:|\t ]\s?)?\s*[+-]?\s*")


def _bare(line: str) -> str:
    """A line without what tools write before it: its number, the sign of a patch, blanks."""
    return _MARGIN.sub("", line, count=1).rstrip()
