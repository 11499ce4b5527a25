"""The first half of a build, for one shard of input files: read, label, filter, mask; nothing is known of other shards.

Writes `episodes-N.jsonl` (an episode a line) and, when that is whole, `gathered-N.msgpack` (a summary of each, and the
counts). A shard whose second file is there is done.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from slm_ext.datasets.config import BuildConfig
from slm_ext.datasets.counts import Counts
from slm_ext.datasets.critic import Critic, reject_mistakes
from slm_ext.datasets.decontamination import Tasks, contamination
from slm_ext.datasets.episode import Episode
from slm_ext.datasets.exports import CONTRAST
from slm_ext.datasets.labels import Verdicts, label
from slm_ext.datasets.manifest import write_whole
from slm_ext.datasets.masking import mask_episode
from slm_ext.datasets.reading import read_episode
from slm_ext.datasets.rules import filter_episode
from slm_ext.datasets.summary import Summary, summarize
from slm_ext.datasets.toolsets import offer_tools
from slm_ext.traces import Problem, Trace, read_file
from slm_ext.traces.readers.decoding import WRONG_SHAPE, cause_of

__all__ = ["Gathered", "Shard", "gather", "read_episode_at", "read_episodes"]


_ENCODER = msgspec.json.Encoder()
_DECODER = msgspec.json.Decoder(Episode)


class Shard(msgspec.Struct):
    """A part of the input files."""

    number: int
    files: list[tuple[str, str]]
    """(path, name among the inputs)."""
    work: str
    """Folder of the build's own files."""


class Gathered(msgspec.Struct):
    """What the first half found in a shard."""

    summaries: list[Summary]
    """Of the episodes in the file, in the order of their lines. `contrast` ones are there for comparison only."""
    counts: dict[str, dict[str, int]]
    problems: list[tuple[str, int, str]]
    """(file, byte, cause) of what could not be read."""
    inputs: list[tuple[str, int, str]]
    """(file, bytes, SHA-256)."""


class Gatherer:
    """What the first half needs, made once in each process."""

    def __init__(self, config: BuildConfig, verdicts: Verdicts, tasks: Tasks, ask: Callable[[str], str] | None = None):
        self.config, self.verdicts, self.tasks = config, verdicts, tasks
        self.critic = Critic(ask) if ask else None

    def __call__(self, shard: Shard) -> Gathered:
        return gather(shard, self.config, self.verdicts, self.tasks, self.critic)


def gather(
    shard: Shard, config: BuildConfig, verdicts: Verdicts, tasks: Tasks, critic: Critic | None = None
) -> Gathered:
    """Do the first half for a shard, or read what was done."""
    work = Path(shard.work)
    done = work / f"gathered-{shard.number:05d}.msgpack"
    if done.exists():
        return msgspec.msgpack.decode(done.read_bytes(), type=Gathered)
    counts, found = Counts(), Gathered([], {}, [], [])
    part = work / f".episodes-{shard.number:05d}.{os.getpid()}"
    with part.open("wb") as file:
        for place, name in shard.files:
            path = Path(place)
            try:
                found.inputs.append((name, path.stat().st_size, _sha(path)))
            except OSError as error:
                _pass_over(name, 0, str(error), counts, found)
                continue
            for trace in read_file(path):
                if isinstance(trace, Problem):
                    _pass_over(name, trace.offset, trace.cause, counts, found)
                    continue
                own = Counts()
                try:
                    episode = _judged(_episode(trace, name, config, own), config, verdicts, critic, own)
                    summary = summarize(episode, contamination(episode, tasks))
                    line = _encoded(episode)
                except WRONG_SHAPE as error:
                    _pass_over(name, trace.offset, cause_of(error), counts, found)
                    continue
                counts.merge(own)
                if not episode.dropped or _compared(episode, config):
                    found.summaries.append(summary)
                    file.write(line + b"\n")
    part.replace(work / f"episodes-{shard.number:05d}.jsonl")
    found.counts = counts.to_dict()
    write_whole(done, msgspec.msgpack.encode(found))
    return found


def read_episodes(work: Path, number: int) -> Iterator[Episode]:
    """The episodes of a shard, one by one."""
    with (work / f"episodes-{number:05d}.jsonl").open("rb") as file:
        for line in file:
            yield _DECODER.decode(line)


def read_episode_at(work: Path, number: int, offset: int) -> Episode:
    """One episode of a shard."""
    with (work / f"episodes-{number:05d}.jsonl").open("rb") as file:
        file.seek(offset)
        return _DECODER.decode(file.readline())


def _encoded(episode: Episode) -> bytes:
    """A line, which can be decoded again.

    Raises:
        ValueError: a field of another type, which an odd record may bring.
    """
    try:
        line = _ENCODER.encode(episode)
    except UnicodeEncodeError:  # half a surrogate: serving cannot send it either, and sends a question mark
        line = json.dumps(msgspec.to_builtins(episode), ensure_ascii=False).encode("utf-8", "replace")
    _DECODER.decode(line)
    return line


def _pass_over(name: str, offset: int, cause: str, counts: Counts, found: Gathered) -> None:
    counts.add("read", "in")
    counts.add("read", "unreadable")
    found.problems.append((name, offset, cause))


def _episode(trace: Trace, name: str, config: BuildConfig, counts: Counts) -> Episode:
    counts.add("read", "in")
    counts.add("read", "out")
    episode = read_episode(trace, name)
    if config.bundles and trace.extra.get("bundles"):
        episode = offer_tools(episode, trace.extra["bundles"], Path(config.bundles))
    return episode


def _judged(
    episode: Episode, config: BuildConfig, verdicts: Verdicts, critic: Critic | None, counts: Counts
) -> Episode:
    counts.add("label", "in")
    counts.add("label", "out")
    counts.add("verdicts", "taken by a run", int(episode.chosen and verdicts.of(episode) is not None))
    episode = label(episode, verdicts)
    counts.add("labels", {True: "resolved", False: "unresolved", None: "nobody judged"}[episode.verdict])
    counts.add("filter", "in")
    episode = filter_episode(episode, config)
    if episode.dropped:
        counts.add("filter", episode.dropped)
        return episode
    counts.add("filter", "out")
    if critic is not None:
        unread = critic.unread
        reject_mistakes(episode, critic(episode))
        counts.add("critic", "asked")
        counts.add("critic", "unread", critic.unread - unread)
    counts.add("steps", "in", len(episode.steps))
    for step in episode.steps:
        if step.bad:
            counts.add("steps", step.bad[0])
    episode = mask_episode(episode, config)
    counts.add("steps", "not_chosen", sum(not step.bad and not step.train for step in episode.steps))
    counts.add("steps", "out", len(episode.trained))
    counts.add("mask", "in")
    if not episode.trained:
        episode.dropped = "no_good_step"
        counts.add("mask", episode.dropped)
    else:
        counts.add("mask", "out")
    return episode


def _compared(episode: Episode, config: BuildConfig) -> bool:
    """Whether a run that is left out is kept for comparison with those that are in."""
    return episode.dropped in ("unresolved", "no_good_step") and bool(CONTRAST & set(config.exports))


def _sha(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
