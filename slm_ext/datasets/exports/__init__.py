"""Further files of a dataset, in `exports/`: what teaches by comparison instead of by imitation.

    fixes       a rejected reply and the one that was taken in its place, on the same prompt
    pairs       a run that solved a task and one that did not
    step_pairs  two runs of a task that went apart after the same prompt: the step of the one that solved it is better
    kto         single steps with a label
    verifier    whole runs with a judgement

Pairs are `{prompt, chosen, rejected}`, single steps `{prompt, completion, label}`. For mlx and trl these are rendered
texts, TRL's standard type; mlx-lm-lora renders them as if a user had said the prompt, so it needs a copy of the model's
folder with `exports/chat_template.jinja`, which writes texts as they are. For openai and axolotl they are messages,
arguments of calls as text. Only tasks whose rows are in `train` are used.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from slm_ext.datasets.config import BuildConfig
from slm_ext.datasets.counts import Counts
from slm_ext.datasets.episode import Episode
from slm_ext.datasets.exports.judging import kto_rows, verifier_rows
from slm_ext.datasets.exports.pairing import fix_pairs, run_pairs, step_pairs
from slm_ext.datasets.rendering.formats import TRL_TEMPLATE
from slm_ext.datasets.rendering.row import Renderer

__all__ = ["CONTRAST", "write_exports"]

CONTRAST = frozenset({"pairs", "step_pairs", "kto", "verifier"})
"""Exports that also need runs that did not solve their task."""
RENDERED = ("mlx", "trl")
"""Formats with which they are texts."""


def write_exports(
    out: Path, work: Path, runs: Iterable[list[Episode]], renderer: Renderer, config: BuildConfig, counts: Counts
) -> dict[str, str]:
    """Write the files that were asked for.

    Args:
        work: where they lie until they are whole.
        runs: the episodes of one task at a time, in a fixed order.

    Returns:
        file → SHA-256.
    """
    files = {name: _Output(out / "exports" / f"{name}.jsonl", work) for name in config.exports}
    judged = {True: 0, False: 0}
    try:
        for episodes in runs:
            for name, output in files.items():
                for row in _rows(name, episodes, renderer, config, judged):
                    output.write(row)
    finally:
        for output in files.values():
            output.close()
    for name, output in files.items():
        counts.add("exports", name, output.rows)
    for reason, number in sorted(renderer.refusals.items()):
        counts.add("exports left out", reason, number)
    found = {f"exports/{name}.jsonl": output.finish() for name, output in files.items()}
    if config.format in RENDERED and files:
        (out / "exports" / "chat_template.jinja").write_text(TRL_TEMPLATE, encoding="utf-8")
        found["exports/chat_template.jinja"] = hashlib.sha256(TRL_TEMPLATE.encode()).hexdigest()
    return found


def _rows(
    name: str, episodes: list[Episode], renderer: Renderer, config: BuildConfig, judged: dict[bool, int]
) -> Iterator[dict[str, Any]]:
    strings = config.format in RENDERED
    if name == "fixes":
        yield from fix_pairs(episodes, renderer, strings)
    elif name == "pairs":
        yield from run_pairs(episodes, renderer, strings)
    elif name == "step_pairs":
        yield from step_pairs(episodes, renderer, strings)
    elif name == "kto":
        yield from kto_rows(episodes, renderer, strings)
    else:
        yield from verifier_rows(episodes, renderer, config.negatives, judged)


class _Output:
    """A file that is there when it is whole."""

    def __init__(self, path: Path, work: Path):
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path, self._part = path, work / f"exported-{path.name}"
        self._file, self._digest, self.rows = self._part.open("wb"), hashlib.sha256(), 0

    def write(self, row: dict[str, Any]) -> None:
        line = json.dumps(row, ensure_ascii=False).encode("utf-8", "replace") + b"\n"
        self._file.write(line)
        self._digest.update(line)
        self.rows += 1

    def close(self) -> None:
        self._file.close()

    def finish(self) -> str:
        self._part.replace(self._path)
        return self._digest.hexdigest()
