"""Rules on edits: those that were taken back teach nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from slm_ext.datasets.episode import Episode, Step
from slm_ext.datasets.rules.commands import git_commands, shell_texts
from slm_ext.routing.reading.actions import shell_work

__all__ = ["reverted"]


def reverted(episode: Episode) -> Iterator[int]:
    """An edit that a later step takes back: by `undo_edit`, by git, or by the opposite replacement. Taking it back is
    what a good model does then, and stays."""
    edits = _Edits()
    for index, step in enumerate(episode.steps):
        if step.status == "ok" and step.outcome != "error":
            edits.see(index, step)
    return iter(sorted(edits.taken | {index for index, _ in edits.aside}))


class _Edits:
    """The edits that stand, those that `git stash` put aside, and those that were taken back."""

    def __init__(self) -> None:
        self.standing: list[tuple[int, Step]] = []
        self.aside: list[tuple[int, Step]] = []
        self.taken: set[int] = set()

    def see(self, index: int, step: Step) -> None:
        """A step that worked."""
        before = list(self.standing)
        if step.tool == "undo_edit" or step.arguments.get("command") == "undo_edit":
            self._take([entry for entry in self.standing if _meet(entry[1].paths, step.paths)][-1:])
            return
        if (pair := _pair(step)) is not None:
            alike = (e for e in self.standing if _meet(e[1].paths, step.paths))
            self._take([entry for entry in alike if _pair(entry[1]) == pair[::-1]][-1:])
        for text in shell_texts(step):
            for words in git_commands(text):
                self._git(words)
        if step.kind == "edit" and step.changed and self.standing == before and not _git_only(step):
            self.standing.append((index, step))

    def _take(self, entries: list[tuple[int, Step]]) -> None:
        self.taken |= {index for index, _ in entries}
        self.standing = [entry for entry in self.standing if entry not in entries]

    def _git(self, words: list[str]) -> None:
        verb, rest = words[0], words[1:]
        if verb == "stash":
            kind = next((word for word in rest if not word.startswith("-")), "push")
            if kind in ("push", "save"):
                self.standing, self.aside = [], self.aside + self.standing
            elif kind in ("pop", "apply"):
                self.standing, self.aside = self.aside + self.standing, []
        elif verb == "reset" and "--hard" in rest:
            self._take(self.standing)
        elif verb in ("checkout", "restore"):
            index_only = verb == "restore" and {"-S", "--staged"} & set(rest) and not {"-W", "--worktree"} & set(rest)
            if not index_only:
                self._take([entry for entry in self.standing if _named(entry[1].paths, rest)])


def _git_only(step: Step) -> bool:
    """Whether a step is an edit only because git took something back, or brought it again."""
    work = shell_work(step.tool, step.arguments)
    return work is not None and work.undo


def _named(paths: Iterable[str], words: list[str]) -> bool:
    """Whether words after `git checkout` name one of the files, a folder of it, or everything."""
    names = [word.removeprefix("./").rstrip("/") for word in words if not word.startswith("-")]
    return "-f" in words or any(
        name in (".", "") or path == name or path.endswith("/" + name) or name.endswith("/" + path)
        or f"/{path}".rfind(f"/{name}/") >= 0
        for name in names
        for path in paths
    )  # fmt: skip


def _meet(some: Iterable[str], others: Iterable[str]) -> bool:
    """Whether two steps name the same file, from whatever folder."""
    return any(a == b or a.endswith("/" + b) or b.endswith("/" + a) for a in some for b in others)


def _pair(step: Step) -> tuple[str, str] | None:
    """What a step replaces by what."""
    for old, new in (("old", "new"), ("old_str", "new_str")):
        before, after = step.arguments.get(old), step.arguments.get(new)
        if isinstance(before, str) and isinstance(after, str):
            return before.strip(), after.strip()
    return None
