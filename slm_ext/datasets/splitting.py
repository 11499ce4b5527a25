"""Stage `split`: train, valid and test, by repository or task, never by row."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from slm_ext.datasets.config import SplitConfig
from slm_ext.datasets.issues import similar_issues
from slm_ext.datasets.summary import Summary

__all__ = ["split"]

_SAME_ISSUE = 0.8
"""Jaccard similarity from which two issues count as one."""


def split(summaries: Sequence[Summary], config: SplitConfig, seed: int) -> list[str]:
    """The split of each episode. Groups go in the order of a hash of the seed to `test`, then `valid`, until these have
    their part of the rows.

    A group that is larger than what is left of a part is passed over; where all are, the smallest one is taken, unless
    it is more than half of all rows. One group at least trains.

    Args:
        summaries: of the episodes that are in.
    """
    groups = _groups(summaries, config)
    rows: dict[str, int] = {}
    for group, summary in zip(groups, summaries, strict=True):
        rows[group] = rows.get(group, 0) + summary.trained
    total = sum(rows.values())
    free = sorted(rows, key=lambda group: hashlib.sha256(f"{seed} {group}".encode("utf-8", "surrogatepass")).digest())
    of_group: dict[str, str] = {}
    for name, part in (("test", config.test), ("valid", config.valid)):
        for group in _taken({group: rows[group] for group in free}, part * total, total / 2):
            free.remove(group)
            of_group[group] = name
    return [of_group.get(group, "train") for group in groups]


def _taken(rows: dict[str, int], part: float, largest: float) -> list[str]:
    """The groups of a part of `part` rows, out of those that are left; never all of them."""
    if part <= 0:
        return []
    found: list[str] = []
    left = part
    for group, number in rows.items():
        if len(found) + 1 < len(rows) and number <= left:
            found.append(group)
            left -= number
    if not found and len(rows) > 1:
        smallest = min(rows, key=lambda group: rows[group])
        found = [smallest] if rows[smallest] <= largest else []
    return found


def _groups(summaries: Sequence[Summary], config: SplitConfig) -> list[str]:
    """The group of each episode: what has a repository or a task in common, or nearly the same issue, is one."""
    joined: dict[str, str] = {}

    def root(name: str) -> str:
        while (above := joined.get(name, name)) != name:
            joined[name] = joined.get(above, above)
            name = above
        return name

    def join(one: str, other: str) -> None:
        first, second = sorted((root(one), root(other)))
        joined[second] = first

    names = [f"task {summary.instance}" for summary in summaries]
    if config.by == "repository":
        for name, summary in zip(names, summaries, strict=True):
            if summary.repo:
                join(name, f"repository {summary.repo.lower()}")
    sketches = [summary.fingerprint.issue for summary in summaries]
    for one, other in similar_issues(sketches, [summary.instance for summary in summaries], _SAME_ISSUE):
        join(names[one], names[other])
    return [root(name) for name in names]
