"""A build that makes little of what it was given is refused, with the reasons and what helps."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from slm_ext.datasets.config import BuildConfig
from slm_ext.datasets.counts import Counts
from slm_ext.datasets.emitting import Rendered
from slm_ext.errors import UsageError

__all__ = ["audit"]


def audit(
    counts: Counts,
    problems: Sequence[tuple[str, int, str]],
    rendered: Sequence[Rendered],
    config: BuildConfig,
    paths: Sequence[Path | str],
) -> None:
    """A build most of whose rows cannot be used is a mistake of its settings, not of its data.

    Args:
        problems: (file, byte, cause) of what could not be read.
        paths: the inputs, for the message.

    Raises:
        UsageError: no row is left, or more than `max_audit_drops` cannot be used.
    """
    given, kept = counts.get("render", "in"), counts.get("render", "out")
    attempted = f"build a dataset from {', '.join(map(str, paths[:3]))}"
    shown = "; ".join(_examples(rendered))
    if not kept:
        reasons = {stage: reason for stage, reason in counts.dropped().items() if stage in _LOSING}
        told = [f"{stage}: {_told(reason)}" for stage, reason in reasons.items()]
        told += [f"{name}, byte {offset}: {cause}" for name, offset, cause in problems[:2]]
        seen = "no row is left: " + "; ".join([*told, *filter(None, [shown])])
        raise UsageError(attempted, seen=seen, allowed="at least one row", next_step=_advice(reasons))
    unusable = given - kept - counts.get("render", "too_long")
    if unusable / given > config.max_audit_drops:
        raise UsageError(
            attempted, seen=f"{unusable} of {given} rows cannot be used: {_told(counts.dropped()['render'])} ({shown})",
            allowed=f"at most {config.max_audit_drops:.0%}",
            next_step="is --tokenizer the model's folder? --max-audit-drops takes them out all the same",
        )  # fmt: skip


_LOSING = ("read", "filter", "steps", "mask", "dedup", "decontaminate", "render", "check")


def _told(reasons: dict[str, int]) -> str:
    return ", ".join(f"{number} {name}" for name, number in reasons.items())


def _examples(rendered: Sequence[Rendered]) -> list[str]:
    """One for each reason."""
    found: dict[str, str] = {}
    for one in rendered:
        for source, step, why in one.refused:
            found.setdefault(why.partition(":")[0], f"{source}, step {step}: {why[:200]}")
    return list(found.values())


def _advice(reasons: dict[str, dict[str, int]]) -> str:
    """What helps against the reason that most is lost for."""
    losses = [(number, stage, name) for stage, found in reasons.items() for name, number in found.items()]
    for _, stage, name in sorted(losses, reverse=True):
        if (stage, name) in _HELPS:
            return _HELPS[stage, name]
    return "slm dataset build --help"


_HELPS = {
    ("filter", "no_verdict"): "name verdicts with --labels, or use runs that nobody judged with --unlabelled keep",
    ("filter", "unresolved"): "use the good steps of unresolved runs with --unresolved steps",
    ("filter", "license"): "name other licences, or none",
    ("steps", "not_chosen"): "name other --subtasks, or --turns all",
    ("decontaminate", "benchmark_repository"): "train on other repositories than those of the exam",
    ("render", "too_long"): "a larger --max-tokens, or a model with a larger window",
    ("read", "unreadable"): "slm dataset atif RUNS --out DIR tells of each file why it cannot be read",
}
