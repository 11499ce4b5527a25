"""The dataset card: what is in it, where it comes from, what was left out and why. `README.md` and `lengths.svg`."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

from slm_ext.datasets.emitting import Line
from slm_ext.datasets.manifest import Manifest

__all__ = ["REASONS", "STAGES", "card_text", "in_order", "left_out", "length_plot", "runs_told", "write_card"]

STAGES = {
    "read": "runs", "filter": "runs", "steps": "steps", "mask": "runs", "dedup": "runs", "decontaminate": "runs",
    "render": "turns", "check": "rows",
}  # fmt: skip
"""Stages that leave something out, and what they count."""

REASONS = {
    "read": {"unreadable": "a stretch of a file that is no run"},
    "filter": {
        "no_steps": "no model answered",
        "tainted": "the model behind a name changed during the run",
        "not_chosen": "a try of a RetryAgent whose patch was not submitted",
        "no_verdict": "nobody judged it",
        "unresolved": "its task was not solved",
        "exit_status": "nobody judged it and it did not end by itself",
        "license": "its repository has none of the licences asked for",
        "future_history": "it read other branches, remotes or the reflog, where the answer may stand",
    },
    "steps": {
        "format_error": "the host rejected the reply",
        "announce_only": "a text without a call",
        "several_calls": "more than one call in a reply",
        "unknown_tool": "a call of a tool that was not offered",
        "bad_arguments": "a call whose arguments its tool does not allow",
        "unparsable_code": "a program or a whole Python file with a syntax error",
        "unknown_field": "a program that asks for what is not there",
        "tool_error": "the tool answered with an error",
        "unsafe_command": "a command that the policy of `shell` refuses",
        "loop": "the same call and result as shortly before",
        "reverted_edit": "an edit that was taken back later",
        "critic": "the critic called it a mistake",
        "not_chosen": "good, but beyond `per_episode`, or not of the kinds asked for",
    },
    "mask": {"no_good_step": "no step of the run is left"},
    "dedup": {
        "duplicate": "the same issue and actions as a better run",
        "near_duplicate": "nearly the same actions as a better run",
        "instance_cap": "its task has better runs, as many as `per_instance` allows",
    },
    "decontaminate": {
        "benchmark_instance": "its task is one to keep out",
        "benchmark_repository": "its repository is one to keep out",
        "benchmark_commit": "it began at the commit of a task to keep out",
        "benchmark_words": "its issue or patch shares many words in a row with a task to keep out",
        "gold_patch": "it was shown the patch that solves its own task",
    },
    "render": {
        "template_refuses": "the chat template raised an error",
        "no_prefix": "the template writes the prompt differently once the answer is there",
        "no_token_prefix": "one token holds the end of the prompt and the start of the answer",
        "no_end": "the answer does not end with the end of a turn",
        "no_loss": "no token to be trained",
        "no_text": "the template leaves out what the answer says beside its call",
        "bad_arguments": "a call whose arguments are no JSON",
        "other_action": "the rendered answer would be read as another call",
        "unknown_wire": "the form in which the model writes calls cannot be read back",
        "other_prompt": "the rendered prompt is not the served one",
        "too_long": "too many tokens, and fitting does not help or was not asked for",
    },
    "check": {"duplicate_row": "the same prompt and answer as another row"},
}
"""Stage → reason → what it means."""


def write_card(out: Path, manifest: Manifest, lines: Sequence[Line]) -> dict[str, str]:
    """Write the card; (file → SHA-256)."""
    files = {"README.md": card_text(manifest, lines), "lengths.svg": length_plot([line.tokens for line in lines])}
    for name, text in files.items():
        (out / name).write_text(text, encoding="utf-8")
    return {name: hashlib.sha256(text.encode()).hexdigest() for name, text in files.items()}


def card_text(manifest: Manifest, lines: Sequence[Line]) -> str:
    """The card as Markdown."""
    counts = manifest.counts
    rows = in_order(counts.get("rows", {}))
    parts = [
        "# Dataset",
        f"{sum(rows.values()):,} rows for {manifest.config.format}. {runs_told(counts).capitalize()}. "
        f"{_total(counts, 'tokens', 'trained'):,} tokens carry loss.",
        _table(("split", "rows", "runs taken"), [
            (name, number, _total(counts, "splits", f"{name} episodes")) for name, number in rows.items()
        ]),
        "A run that was taken has no row of its own where `render` or `check` leaves out all of its turns.",
        "## Lengths",
        "![tokens of a row](lengths.svg)",
        _table(("tokens of a row", ""), _quantiles([line.tokens for line in lines])),
        "## What was left out",
        "Every run, step, turn and row that was left out has one reason. Steps stay in the prompts of later ones.",
        _table(("stage", "reason", "what it means", "number"), [
            (stage, reason, REASONS.get(stage, {}).get(reason, ""), number)
            for stage, reason, number in left_out(counts)
        ]),
        "## Stages",
        "A turn is a step that is trained on. Turns of runs that `dedup` or `decontaminate` leaves out do not come to "
        "`render`. `read` counts an unreadable stretch of a file like a run.",
        _table(("stage", "counts", "in", "out"), [
            (stage, unit, counts[stage].get("in", 0), counts[stage].get("out", 0))
            for stage, unit in STAGES.items() if stage in counts
        ]),
        "## Sources, licences, labels",
        _table(("source", "trained turns"), _items(counts, "sources")),
        _table(("licence", "trained turns"), _items(counts, "licenses")),
        _table(("verdict", "runs that were read"), _items(counts, "labels")),
        _table(("verdicts of `--labels`", "number"), _items(counts, "verdicts")),
        "## Tools and kinds of work",
        _table(("tool", "trained turns"), _items(counts, "tools")),
        _table(("kind of work", "trained turns"), _items(counts, "subtasks")),
        "## Prompts",
        _table(("prompt", "trained turns"), [item for item in _items(counts, "prompts") if item[0] != _FITTED]),
        _prompts(counts),
        "## Training",
        _training(manifest, lines),
        _table(("further file", "rows"), _items(counts, "exports")),
        _table(("left out of further files", "what it means", "answers"), [
            (reason, REASONS["render"].get(reason, ""), number) for reason, number in _items(counts, "exports left out")
        ]),
        "## Reproduction",
        f"Seed {manifest.config.seed}; settings, versions, inputs and outputs with their hashes stand in "
        f"`manifest.json`. Chat template {manifest.tokenizer['template_sha'][:16]}, tokenizer "
        f"{manifest.tokenizer['tokenizer_sha'][:16]}. Where each row comes from stands in `provenance/`, line by line.",
    ]  # fmt: skip
    if manifest.unreadable:
        parts += ["## Unreadable", _table(("file", "byte", "cause"), manifest.unreadable)]
    return "\n\n".join(part for part in parts if part) + "\n"


def in_order(rows: dict[str, int]) -> dict[str, int]:
    """The rows of train, valid and test, in this order."""
    return {name: rows[name] for name in ("train", "valid", "test") if name in rows}


def runs_told(counts: dict[str, dict[str, int]]) -> str:
    """How many runs were read, and how many went on to `render`."""
    read, used = _total(counts, "read", "out"), sum(counts.get("splits", {}).values())
    return f"of {read:,} run{'s' * (read != 1)} that {_were(read)} read, {used:,} {_were(used)} taken"


def left_out(counts: dict[str, dict[str, int]]) -> list[tuple[str, str, int]]:
    """(stage, reason, number), in the order of the stages."""
    return [
        (stage, reason, number)
        for stage in STAGES
        for reason, number in counts.get(stage, {}).items()
        if reason not in ("in", "out", "files")
    ]


def _prompts(counts: dict[str, dict[str, int]]) -> str:
    """What the words on prompts mean."""
    compared, fitted = counts.get("prompts", {}), _total(counts, "prompts", _FITTED)
    said = []
    if "not comparable" in compared:
        said.append(
            "Not comparable: the record has no hash of the served prompt, another template rendered it, `tool_mode` "
            "writes its calls in another way, a secret was "
            "taken out of the record, or the prompt was fitted here."
        )
    if fitted:
        said.append(
            f"{fitted:,} of these {_were(fitted)} fitted into the window: parts of the prompt were left out, as "
            "serving leaves them out."
        )
    return " ".join(said)


def _were(number: int) -> str:
    return "was" if number == 1 else "were"


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


_FITTED = "fitted into the window"
"""Counted beside the two kinds of prompts that it is a part of."""


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
