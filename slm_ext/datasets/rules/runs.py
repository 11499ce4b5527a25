"""Rules on whole runs: who was judged, how it ended."""

from __future__ import annotations

from slm_ext.datasets.config import BuildConfig
from slm_ext.datasets.episode import Episode

__all__ = ["exit_status", "license", "no_steps", "no_verdict", "not_chosen", "tainted", "unresolved"]

_SUBMITTED = ("submitted", "resolved")


def no_steps(episode: Episode, config: BuildConfig) -> bool:
    """No model answered."""
    return not episode.steps


def tainted(episode: Episode, config: BuildConfig) -> bool:
    """The model behind a name changed during the run."""
    return episode.tainted


def not_chosen(episode: Episode, config: BuildConfig) -> bool:
    """A try of a RetryAgent whose patch was not submitted: who judged, judged another one. Its good steps are used
    where those of unresolved runs are."""
    return not episode.chosen and config.unresolved == "drop"


def no_verdict(episode: Episode, config: BuildConfig) -> bool:
    """Nobody judged it."""
    return episode.verdict is None and episode.chosen and config.unlabelled == "drop"


def unresolved(episode: Episode, config: BuildConfig) -> bool:
    """Its task was not solved."""
    return episode.verdict is False and config.unresolved == "drop"


def exit_status(episode: Episode, config: BuildConfig) -> bool:
    """Nobody judged it and it did not end by itself: cost, window, time or steps ran out. (DeepSWE's compact filtering;
    a verdict says more than how a run ended.) Where no exit status is recorded, its last call says whether it ended."""
    if episode.verdict is not None or config.unlabelled != "keep" or not episode.chosen:
        return False
    if episode.exit_status:
        return episode.exit_status.lower() not in _SUBMITTED
    return not episode.submitted and episode.steps[-1].kind != "finish"


def license(episode: Episode, config: BuildConfig) -> bool:
    """Its repository has none of the licences that were asked for."""
    return bool(config.licenses) and episode.license not in config.licenses
