"""What is kept of every episode while a dataset is built: enough to decide on it among all others."""

from __future__ import annotations

import msgspec

from slm_ext.datasets.episode import Episode
from slm_ext.datasets.fingerprints import Fingerprint, fingerprint

__all__ = ["Summary", "summarize"]


class Summary(msgspec.Struct):
    """An episode in less than a kilobyte; in three where it is long and its prompt marks no issue."""

    id: str
    instance: str
    repo: str | None
    verdict: bool | None
    steps: int
    rejected: int
    trained: int
    chars: int
    """Of the replies that become targets."""
    fingerprint: Fingerprint
    contaminated: str = ""
    """Why it must be kept out, see `decontamination`."""
    contrast: bool = False
    """Whether it is there only to be compared with others."""

    @property
    def quality(self) -> tuple:
        """Best first: not kept out by a benchmark, solved, nothing rejected, few steps; the id settles the rest."""
        return bool(self.contaminated), self.verdict is not True, self.rejected > 0, self.steps, self.id


def summarize(episode: Episode, contaminated: str = "") -> Summary:
    """The summary of an episode."""
    return Summary(
        id=episode.id,
        instance=episode.instance,
        repo=episode.repo,
        verdict=episode.verdict,
        steps=len(episode.steps),
        rejected=sum(step.status == "rejected" for step in episode.steps),
        trained=len(episode.trained),
        chars=sum(len(str(step.reply.get("content") or "")) for step in episode.trained),
        fingerprint=fingerprint(episode),
        contaminated=contaminated,
        contrast=bool(episode.dropped),
    )
