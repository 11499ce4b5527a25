"""How many rows went into each stage, came out, and why the others did not."""

from __future__ import annotations

from collections import Counter
from typing import Any

__all__ = ["Counts"]


class Counts:
    """Counts of stages, in the order in which they first counted. Adding two gives the counts of both parts."""

    def __init__(self, data: dict[str, dict[str, int]] | None = None):
        self._stages: dict[str, Counter[str]] = {name: Counter(given) for name, given in (data or {}).items()}

    def add(self, stage: str, what: str, number: int = 1) -> None:
        """Count `what`: `in`, `out`, or the reason for which something was left out."""
        if number:
            self._stages.setdefault(stage, Counter())[what] += number

    def merge(self, other: Counts) -> None:
        """Add another part's counts."""
        for stage, counts in other._stages.items():
            self._stages.setdefault(stage, Counter()).update(counts)

    def get(self, stage: str, what: str) -> int:
        """One count."""
        return self._stages.get(stage, Counter())[what]

    def to_dict(self) -> dict[str, dict[str, int]]:
        """Stages in their order; in each `in`, the reasons by name, and `out`."""

        def rank(item: tuple[str, int]) -> tuple[int, str]:
            return {"in": 0, "out": 2}.get(item[0], 1), item[0]

        return {stage: dict(sorted(counts.items(), key=rank)) for stage, counts in self._stages.items()}

    def dropped(self) -> dict[str, dict[str, int]]:
        """Stage → reason → number."""
        found: dict[str, Any] = {}
        for stage, counts in self.to_dict().items():
            reasons = {what: number for what, number in counts.items() if what not in ("in", "out")}
            if reasons:
                found[stage] = reasons
        return found
