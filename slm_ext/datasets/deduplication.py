"""Stage `dedup`: of episodes that are the same, or nearly, the best one; of one task, the best few."""

from __future__ import annotations

from collections.abc import Sequence

from slm_ext.datasets.fingerprints import PERMUTATIONS
from slm_ext.datasets.summary import Summary

__all__ = ["deduplicate"]


def deduplicate(summaries: Sequence[Summary], threshold: float | None, per_instance: int | None) -> dict[int, str]:
    """Index → reason, for each episode that is left out.

    Args:
        summaries: of the episodes that are still in, in the order of the input.
        threshold: Jaccard similarity from which two are nearly the same; None: only equal ones count.
        per_instance: most of one task.
    """
    dropped: dict[int, str] = {}
    best = sorted(range(len(summaries)), key=lambda i: summaries[i].quality)
    seen: set[bytes] = set()
    known = _Known(threshold) if threshold is not None else None
    of_task: dict[str, int] = {}
    for i in best:
        summary = summaries[i]
        mark = summary.fingerprint.exact
        if mark in seen:
            dropped[i] = "duplicate"
            continue
        if known is not None and summary.fingerprint.actions in known:
            dropped[i] = "near_duplicate"
            continue
        if per_instance is not None and of_task.get(summary.instance, 0) >= per_instance:
            dropped[i] = "instance_cap"
            continue
        seen.add(mark)
        of_task[summary.instance] = of_task.get(summary.instance, 0) + 1
        if known is not None:
            known.add(summary.fingerprint.actions)
    return dropped


class _Known:
    """Signatures, found again by those that are nearly the same.

    Pairs are looked for in bands (Leskovec et al., Mining of Massive Datasets, 3.4) with so many that of pairs at the
    threshold one in a hundred is missed, and counted then.
    """

    def __init__(self, threshold: float):
        self._least = threshold * PERMUTATIONS - 1e-9
        number, size = _bands(threshold)
        self._spans = [(4 * size * band, 4 * size * (band + 1)) for band in range(number)]
        self._alike: dict[tuple[int, bytes], list[bytes]] = {}

    def __contains__(self, signature: bytes) -> bool:
        alike = {known for part in self._parts(signature) for known in self._alike.get(part, ())}
        return any(_equal(signature, known) >= self._least for known in alike)

    def add(self, signature: bytes) -> None:
        for part in self._parts(signature):
            self._alike.setdefault(part, []).append(signature)

    def _parts(self, signature: bytes) -> list[tuple[int, bytes]]:
        """What is looked for; nothing of an empty signature."""
        return [(begin, signature[begin:end]) for begin, end in self._spans] if signature else []


def _bands(threshold: float) -> tuple[int, int]:
    """(number of bands, numbers in each)."""
    for size in range(PERMUTATIONS // 2, 1, -1):
        number = PERMUTATIONS // size
        if 1 - (1 - threshold**size) ** number >= 0.99:
            return number, size
    return PERMUTATIONS, 1


def _equal(one: bytes, other: bytes) -> int:
    return sum(one[i : i + 4] == other[i : i + 4] for i in range(0, len(one), 4))
