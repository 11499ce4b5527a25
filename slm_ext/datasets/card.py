"""The dataset card: what is in it, where it comes from, what was left out and why. `README.md` and `lengths.svg`."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

from slm_ext.datasets.emitting import Line
from slm_ext.datasets.manifest import Manifest

__all__ = ["card_text", "length_plot", "write_card"]


def write_card(out: Path, manifest: Manifest, lines: Sequence[Line]) -> dict[str, str]:
    """Write the card; (file → SHA-256)."""
    files = {"README.md": card_text(manifest, lines), "lengths.svg": length_plot([line.tokens for line in lines])}
    for name, text in files.items():
        (out / name).write_text(text, encoding="utf-8")
    return {name: hashlib.sha256(text.encode()).hexdigest() for name, text in files.items()}


def card_text(manifest: Manifest, lines: Sequence[Line]) -> str:
    """The card as Markdown."""
    counts = manifest.counts
    rows, tokens = counts.get("rows", {}), counts.get("tokens", {})
    prompt, trained = tokens.get("prompt", 0), tokens.get("trained", 0)
    parts = [
        "# Dataset",
        f"{sum(rows.values()):,} rows for {manifest.config.format}, made of {_total(counts, 'read', 'in'):,} runs in "
        f"{len(manifest.inputs):,} files. {trained:,} tokens carry loss, of {prompt + trained:,} with their prompts.",
        _table(("split", "rows", "episodes"), [
            (name, number, counts.get("splits", {}).get(f"{name} episodes", 0)) for name, number in rows.items()
        ]),
        "## Lengths",
        "![tokens of a row](lengths.svg)",
        _table(("tokens of a row", ""), _quantiles([line.tokens for line in lines])),
        "## What was left out",
        "Of runs, then of steps, then of rows; every one has a reason.",
        _table(("stage", "reason", "number"), [
            (stage, reason, number)
            for stage, found in counts.items() if stage in _STAGES
            for reason, number in found.items() if reason not in ("in", "out", "files")
        ]),
        "## Stages",
        _table(("stage", "in", "out"), [
            (stage, found.get("in", 0), found.get("out", 0)) for stage, found in counts.items() if stage in _STAGES
        ]),
        "## Sources, licences, labels",
        _table(("", "rows"), _items(counts, "sources")),
        _table(("licence", "rows"), _items(counts, "licenses")),
        _table(("verdict", "runs"), _items(counts, "labels")),
        "## Tools and kinds of work",
        _table(("tool", "trained turns"), _items(counts, "tools")),
        _table(("kind of work", "trained turns"), _items(counts, "subtasks")),
        "## Prompts",
        _table(("", "rows"), _items(counts, "prompts")),
        "## Training",
        _training(manifest, lines),
        _table(("further file", "rows"), _items(counts, "exports")),
        "## Reproduction",
        f"Seed {manifest.config.seed}; settings, versions, inputs and outputs with their hashes stand in "
        f"`manifest.json`. Chat template {manifest.tokenizer['template_sha'][:16]}, tokenizer "
        f"{manifest.tokenizer['tokenizer_sha'][:16]}. Where each row comes from stands in `provenance/`, line by line.",
    ]  # fmt: skip
    if manifest.unreadable:
        parts += ["## Unreadable", _table(("file", "byte", "cause"), manifest.unreadable)]
    return "\n\n".join(part for part in parts if part) + "\n"


def _training(manifest: Manifest, lines: Sequence[Line]) -> str:
    """What to tell the trainer: its own defaults are others."""
    longest = max((line.tokens for line in lines), default=0)
    batch = min(4, *manifest.counts.get("rows", {"train": 4}).values())
    return {
        "mlx": f"`mlx_lm lora --train --mask-prompt --max-seq-length {longest} --batch-size {batch} --data THIS_FOLDER "
        "--model MODEL`. Each row is trained on its last message; a longer one would be cut at its end.",
        "openai": "Answers with weight 1 carry loss.",
        "axolotl": f"`type: chat_template`, `message_field_training: train`, `sequence_len: {longest}` or more.",
        "trl": f"`SFTConfig(assistant_only_loss=True, max_length={longest}, chat_template_path=…)`: "
        "`chat_template.jinja` writes the rendered texts as they are, and marks what carries loss.",
    }[manifest.config.format]


def length_plot(tokens: Sequence[int]) -> str:
    """A histogram of rows by their tokens as SVG, 24 bars."""
    if not tokens:
        return '<svg xmlns="http://www.w3.org/2000/svg" width="640" height="40"/>\n'
    bars, top = 24, max(tokens)
    width = max(1, -(-top // bars))
    heights = [0] * bars
    for number in tokens:
        heights[min(bars - 1, (number - 1) // width)] += 1
    most = max(heights)
    drawn = "".join(
        f'<rect x="{40 + 24 * i}" y="{150 - 120 * height / most:.1f}" width="22" height="{120 * height / most:.1f}">'
        f"<title>{i * width + 1}-{(i + 1) * width} tokens: {height} rows</title></rect>"
        for i, height in enumerate(heights)
    )
    labels = "".join(
        f'<text x="{40 + 24 * i}" y="166" text-anchor="middle">{i * width:,}</text>' for i in range(0, bars + 1, 6)
    )
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 640 190" font-family="sans-serif" font-size="11" '
        f'fill="#456"><g fill="#58a">{drawn}</g>{labels}'
        f'<text x="36" y="38" text-anchor="end">{most:,}</text><text x="328" y="184" text-anchor="middle">'
        "tokens of a row</text></svg>\n"
    )


_STAGES = ("read", "filter", "steps", "mask", "dedup", "decontaminate", "render", "check")


def _total(counts: dict[str, dict[str, int]], stage: str, what: str) -> int:
    return counts.get(stage, {}).get(what, 0)


def _items(counts: dict[str, dict[str, int]], stage: str) -> list[tuple[str, int]]:
    return sorted(counts.get(stage, {}).items(), key=lambda item: (-item[1], item[0]))


def _quantiles(tokens: Sequence[int]) -> list[tuple[str, int]]:
    if not tokens:
        return []
    ordered = sorted(tokens)
    places = (("shortest", 0.0), ("median", 0.5), ("95 %", 0.95), ("longest", 1.0))
    return [(name, ordered[min(len(ordered) - 1, int(part * len(ordered)))]) for name, part in places]


def _table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    if not rows:
        return ""
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    for row in rows:
        cells = (
            f"{cell:,}" if isinstance(cell, int) else str(cell).replace("|", "\\|").replace("\n", " ") for cell in row
        )
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)
