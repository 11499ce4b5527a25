"""Which issues are nearly the same, though the prompts around them are alike everywhere."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import combinations
from typing import Any

from slm_ext.datasets.fingerprints import SKETCHES

__all__ = ["similar_issues"]

_INSTRUCTIONS = 10
"""Words that stand in the prompts of more tasks than this are instructions, and no part of an issue."""
_WORDINGS = 4
"""Prompts of one task that are compared with other tasks'."""


def similar_issues(sketches: Sequence[bytes], tasks: Sequence[str], threshold: float) -> list[tuple[int, int]]:
    """Pairs of indices that join all issues which are nearly the same.

    Where a prompt marks no issue, its sketch is that of the whole prompt. What many tasks share is taken out before two
    are compared; among ten tasks or fewer nothing tells instructions from an issue that comes again, and prompts
    alike count as the same.

    Args:
        sketches: `Fingerprint.issue` of each; an empty one is like no other.
        tasks: the instance of each.
        threshold: Jaccard similarity from which two are nearly the same.
    """
    first: dict[bytes, int] = {}
    of_task: dict[str, dict[bytes, None]] = {}
    equal: list[tuple[int, int]] = []
    for i, sketch in enumerate(sketches):
        if not sketch:
            continue
        if first.setdefault(sketch, i) != i:
            equal.append((first[sketch], i))
        wordings = of_task.setdefault(tasks[i], {})
        if len(wordings) < _WORDINGS:
            wordings[sketch] = None
    return equal + [(first[one], first[other]) for one, other in _near(of_task, threshold)]


def _near(of_task: dict[str, dict[bytes, None]], threshold: float) -> list[tuple[bytes, bytes]]:
    """Sketches that differ, and have enough in common."""
    sketches = list(dict.fromkeys(sketch for wordings in of_task.values() for sketch in wordings))
    if len(sketches) < 2:
        return []
    instructions = _instructions(of_task)
    own = [_without(_numbers(sketch), instructions) for sketch in sketches]
    ends = [_end(sketch) for sketch in sketches]
    found = []
    for (one, other), shared in _shared(own).items():
        end = min(ends[one], ends[other])
        whole = int((own[one] <= end).sum() + (own[other] <= end).sum()) - shared
        if shared >= threshold * whole:
            found.append((sketches[one], sketches[other]))
    return found


def _instructions(of_task: dict[str, dict[bytes, None]]) -> Any:
    """Hashes, ascending, that stand in the prompts of many tasks."""
    import numpy

    parts = [numpy.unique(numpy.concatenate([_numbers(one) for one in wordings])) for wordings in of_task.values()]
    values, tasks = numpy.unique(numpy.concatenate(parts), return_counts=True)
    return values[tasks > _INSTRUCTIONS]


def _shared(own: list[Any]) -> Counter[tuple[int, int]]:
    """How many hashes each two have in common, for those that have one."""
    import numpy

    values = numpy.concatenate(own)
    owners = numpy.repeat(numpy.arange(len(own)), [len(part) for part in own])
    order = numpy.argsort(values, kind="stable")
    values, owners = values[order], owners[order]
    begins = numpy.flatnonzero(numpy.diff(values, prepend=-1)) if len(values) else []
    found: Counter[tuple[int, int]] = Counter()
    for begin, end in zip(begins, [*begins[1:], len(values)], strict=True):
        if end - begin > 1:
            found.update(combinations(owners[begin:end].tolist(), 2))
    return found


def _numbers(sketch: bytes) -> Any:
    import numpy

    return numpy.frombuffer(sketch, dtype="<u4").astype("int64")


def _without(values: Any, others: Any) -> Any:
    import numpy

    return values[~numpy.isin(values, others)]


def _end(sketch: bytes) -> int:
    """Up to where a sketch has all hashes of its text."""
    return int.from_bytes(sketch[-4:], "little") if len(sketch) // 4 in SKETCHES else 2**32
