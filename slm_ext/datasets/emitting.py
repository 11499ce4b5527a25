"""The second half of a build, for one shard: render and check the episodes that the comparison of all left in.

Writes `rows-N.jsonl` and `provenance-N.jsonl`, a line a row in each, and, when these are whole, `rendered-N.msgpack`.
"""

from __future__ import annotations

import hashlib
import os
from itertools import starmap
from pathlib import Path
from typing import Any

import msgspec

from slm_ext.datasets.config import BuildConfig
from slm_ext.datasets.counts import Counts
from slm_ext.datasets.episode import Episode, Step
from slm_ext.datasets.gathering import read_episodes
from slm_ext.datasets.manifest import write_whole
from slm_ext.datasets.rendering.formats import written
from slm_ext.datasets.rendering.row import Renderer, Row, RowRefused
from slm_ext.datasets.rendering.target import Target

__all__ = ["Decided", "Line", "Rendered", "render"]


class Decided(msgspec.Struct):
    """A shard, and what became of its episodes."""

    number: int
    work: str
    splits: list[str]
    """Of each episode; empty: it is left out."""


class TurnFacts(msgspec.Struct, array_like=True, frozen=True):
    """What the card tells of a trained turn."""

    tool: str
    subtask: str
    prompt_tokens: int
    target_tokens: int
    as_served: bool | None
    fitted: bool


class Line(msgspec.Struct, array_like=True):
    """Where a row lies, and what its place in the dataset depends on."""

    split: str
    offset: int
    length: int
    provenance_offset: int
    provenance_length: int
    sha: bytes
    """Of what is shown and trained: rows whose calls differ in their ids only are one."""
    tokens: int
    difficulty: int
    """Steps of its run."""
    license: str
    form: str
    turns: list[TurnFacts]

    def count(self, counts: Counts) -> None:
        """Add what is in it."""
        for turn in self.turns:
            counts.add("prompts", {True: "byte for byte as served", None: "not comparable"}[turn.as_served])
            counts.add("prompts", "fitted into the window", int(turn.fitted))
            counts.add("tokens", "prompt", turn.prompt_tokens)
            counts.add("tokens", "trained", turn.target_tokens)
            counts.add("tools", turn.tool)
            counts.add("subtasks", turn.subtask)
            counts.add("licenses", self.license)
            counts.add("sources", self.form)


class Rendered(msgspec.Struct):
    """What the second half made of a shard."""

    lines: list[Line]
    counts: dict[str, dict[str, int]]
    refused: list[tuple[str, int, str]]
    """(file, step, why) of the first rows that could not be rendered."""


_SHOWN = 20


class RenderTask:
    """What the second half needs, made once in each process."""

    def __init__(self, config: BuildConfig):
        self.config = config
        self._renderer: Renderer | None = None

    def __getstate__(self) -> dict[str, Any]:
        return {"config": self.config, "_renderer": None}

    def __call__(self, decided: Decided) -> Rendered:
        return render(decided, self.config, _renderer(self.config))


_RENDERERS: dict[BuildConfig, Renderer] = {}


def _renderer(config: BuildConfig) -> Renderer:
    if config not in _RENDERERS:
        _RENDERERS[config] = Renderer(Target(config.tokenizer), config)
    return _RENDERERS[config]


def render(decided: Decided, config: BuildConfig, renderer: Renderer) -> Rendered:
    """Do the second half for a shard, or read what was done."""
    work = Path(decided.work)
    done = work / f"rendered-{decided.number:05d}.msgpack"
    if done.exists():
        return msgspec.msgpack.decode(done.read_bytes(), type=Rendered)
    counts, found = Counts(), Rendered([], {}, [])
    parts = {name: work / f".{name}-{decided.number:05d}.{os.getpid()}" for name in ("rows", "provenance")}
    encoder = msgspec.json.Encoder()
    with parts["rows"].open("wb") as rows_file, parts["provenance"].open("wb") as provenance_file:
        for episode, split in zip(read_episodes(work, decided.number), decided.splits, strict=True):
            if not split:
                continue
            made, hasher = _rows(episode, renderer, counts, found), _Hasher()
            for group, line in written(config.format, made):
                raw = encoder.encode(line) + b"\n"
                shas = [hasher.sha(row.prompt) for _, row in group]
                about = encoder.encode(_provenance(episode, group, shas, split)) + b"\n"
                said = b"".join(sha + _sha(row.target) for sha, (_, row) in zip(shas, group, strict=True))
                found.lines.append(
                    Line(
                        split, rows_file.tell(), len(raw), provenance_file.tell(), len(about),
                        hashlib.sha256(said).digest()[:16], _tokens(group), len(episode.steps),
                        episode.license or "not recorded", episode.form, list(starmap(_facts, group)),
                    )
                )  # fmt: skip
                rows_file.write(raw)
                provenance_file.write(about)
    for name, part in parts.items():
        part.replace(work / f"{name}-{decided.number:05d}.jsonl")
    found.counts = counts.to_dict()
    write_whole(done, msgspec.msgpack.encode(found))
    return found


class _Hasher:
    """SHA-256 of texts that go on from each other, as prompts do: what they share is hashed once."""

    def __init__(self) -> None:
        self._text, self._begun = "", hashlib.sha256()

    def sha(self, text: str) -> bytes:
        if not text.startswith(self._text):
            self._text, self._begun = "", hashlib.sha256()
        self._begun.update(text[len(self._text) :].encode("utf-8", "surrogatepass"))
        self._text = text
        return self._begun.digest()


def _sha(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()


def _facts(step: Step, row: Row) -> TurnFacts:
    return TurnFacts(
        step.tool or "(no call)", step.subtask or "unknown", row.prompt_tokens, row.target_tokens, row.same_prompt,
        row.fitted,
    )  # fmt: skip


def _tokens(group: list[tuple[Step, Row]]) -> int:
    """Of a line of the dataset."""
    return group[-1][1].prompt_tokens + group[-1][1].target_tokens


def _rows(episode: Episode, renderer: Renderer, counts: Counts, found: Rendered) -> list[tuple[Step, Row]]:
    made = []
    renderer.begin(episode)
    for step in episode.trained:
        counts.add("render", "in")
        try:
            row = renderer.row(episode, step)
        except RowRefused as refusal:
            counts.add("render", refusal.reason)
            if len(found.refused) < _SHOWN:
                found.refused.append((episode.source, step.number, str(refusal)))
            continue
        counts.add("render", "out")
        made.append((step, row))
    return made


def _provenance(episode: Episode, group: list[tuple[Step, Row]], shas: list[bytes], split: str) -> dict[str, Any]:
    """Where a row comes from; one object a line, beside the rows, since trainers want none of it."""
    return {
        "episode": episode.id, "source": episode.source, "form": episode.form, "instance": episode.instance,
        "repo": episode.repo, "run_id": episode.run_id or None, "model": episode.model, "license": episode.license,
        "verdict": episode.verdict, "split": split,
        "steps": [
            {
                "step": step.number, "attempt": step.attempt, "tool": step.tool, "subtask": step.subtask,
                "prompt_tokens": row.prompt_tokens, "target_tokens": row.target_tokens, "fitted": row.fitted,
                "as_served": row.same_prompt,
                "prompt_sha": sha.hex(),
            }
            for sha, (step, row) in zip(shas, group, strict=True)
        ],
    }  # fmt: skip
