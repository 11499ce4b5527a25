"""`slm dataset check`: every row the way its trainer will load it.

For mlx-lm a row is loaded by mlx-lm's own `ChatDataset` where mlx-lm is installed, else by the same arithmetic on the
same template and tokenizer. What makes a training run fail, or teach nothing, is an error: a row without loss; one
longer than the trainer's sequence, whose end mlx-lm would cut off (an offset behind the cut divides by zero); a split
smaller than a batch; rows of several formats, of which mlx-lm looks at the first; files changed after they were built.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from slm_ext.datasets.manifest import Manifest, require_manifest
from slm_ext.datasets.rendering.formats import marked_text
from slm_ext.datasets.rendering.target import Target

__all__ = ["CheckReport", "Finding", "check_dataset"]

_SHOWN = 50
_OPTIONAL = frozenset({"tools", "parallel_tool_calls"})
"""What some rows of a format have and others have not."""


@dataclass(frozen=True)
class Finding:
    """Something that is wrong."""

    file: str
    line: int
    """From 1; 0: the file as a whole."""
    rule: str
    said: str


@dataclass
class CheckReport:
    """What a check found."""

    rows: dict[str, int] = field(default_factory=dict)
    tokens: int = 0
    trained: int = 0
    findings: list[Finding] = field(default_factory=list)
    """The first 50."""
    total: int = 0
    loader: str = ""
    """`mlx-lm VERSION`, or `pure Python`."""

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong."""
        return not self.total and any(self.rows.values())

    def add(self, finding: Finding) -> None:
        """Count a finding, and keep it while there are few."""
        self.total += 1
        if len(self.findings) < _SHOWN:
            self.findings.append(finding)


Loader = Callable[[dict[str, Any]], tuple[int, int]]
"""Row → (tokens, tokens of them without loss)."""


def check_dataset(
    folder: Path, tokenizer: str | None = None, *, batch_size: int | None = None, max_seq_length: int | None = None
) -> CheckReport:
    """Read every row of a dataset.

    Args:
        tokenizer: the model's folder; None: the one it was built for.
        batch_size: rows of a step; None: 4 for mlx-lm, which refuses a split that is smaller, and 1 for others.
        max_seq_length: tokens that the trainer takes; None: those the dataset was built for.

    Raises:
        UsageError: the folder is no dataset, or there is no such tokenizer.
    """
    manifest = require_manifest(folder, f"check the dataset {folder}")
    target = Target(tokenizer or manifest.config.tokenizer)
    batch_size = batch_size or (4 if manifest.config.format == "mlx" else 1)
    limit = max_seq_length or min(manifest.config.max_tokens or target.window, target.window)
    report = CheckReport()
    load, report.loader = _loader(manifest.config.format, target)
    for name in ("train", "valid", "test"):
        path = folder / f"{name}.jsonl"
        if path.exists():
            _check_file(path, manifest.config.format, load, limit, batch_size, report)
    _check_manifest(folder, manifest, target, report)
    return report


def _check_file(path: Path, form: str, load: Loader, limit: int, batch_size: int, report: CheckReport) -> None:
    first: list[str] | None = None
    count = 0
    for number, row in _rows(path, report):
        count += 1
        found = sorted(set(row) - _OPTIONAL)
        first = found if first is None else first
        if found != first:
            said = f"{', '.join(found) or 'nothing'}; the first row has {', '.join(first) or 'nothing'}"
            report.add(Finding(path.name, number, "mixed_formats", said))
            continue
        if form == "mlx" and not _answered(row):
            report.add(Finding(path.name, number, "no_answer", "the last message, which is trained on, is no answer"))
            continue
        try:
            tokens, offset = load(row)
        except Exception as error:  # templates and loaders raise what they like
            said = " ".join(f"{type(error).__name__}: {error}".split())[:200]
            report.add(Finding(path.name, number, "unreadable", said))
            continue
        report.tokens += tokens
        report.trained += max(0, tokens - offset)
        if offset >= tokens:
            report.add(Finding(path.name, number, "no_loss", f"{tokens} tokens, {offset} of them masked"))
        elif offset >= limit:
            report.add(Finding(path.name, number, "nan", f"{offset} masked tokens fill all {limit} that are taken"))
        elif tokens > limit:
            report.add(
                Finding(path.name, number, "too_long", f"{tokens} tokens; {limit} are taken, the end is cut off")
            )
    report.rows[path.stem] = count
    if count < batch_size:
        said = f"{count} rows for batches of {batch_size}"
        report.add(Finding(path.name, 0, "below_batch_size", said + "; train with a smaller --batch-size, or add runs"))


def _answered(row: dict[str, Any]) -> bool:
    """Whether a row ends with an answer: mlx-lm trains on the last message, whoever said it."""
    messages = row.get("messages")
    last = messages[-1] if isinstance(messages, list) and messages else None
    return not isinstance(last, dict) or last.get("role") == "assistant"


def _rows(path: Path, report: CheckReport) -> Iterator[tuple[int, dict[str, Any]]]:
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            try:
                row = json.loads(line)
            except ValueError as error:
                report.add(Finding(path.name, number, "unreadable", f"no JSON ({error})"))
                continue
            if not isinstance(row, dict):
                report.add(Finding(path.name, number, "unreadable", "no object"))
                continue
            yield number, row


def _check_manifest(folder: Path, manifest: Manifest, target: Target, report: CheckReport) -> None:
    for name, sha in manifest.outputs.items():
        path = folder / name
        if not path.is_file():
            report.add(Finding(name, 0, "missing", "it stands in the manifest"))
        else:
            with path.open("rb") as file:
                if hashlib.file_digest(file, "sha256").hexdigest() != sha:
                    report.add(Finding(name, 0, "changed", "not the file that was built"))
    there = [*folder.glob("*.jsonl"), *folder.glob("exports/*"), *folder.glob("provenance/*")]
    for name in sorted({path.relative_to(folder).as_posix() for path in there} - manifest.outputs.keys()):
        report.add(Finding(name, 0, "not_built", "it does not stand in the manifest, and a trainer may read it"))
    for what, found in (("template_sha", target.template_sha), ("tokenizer_sha", target.tokenizer_sha)):
        if manifest.tokenizer.get(what) != found:
            said = f"built for {manifest.tokenizer.get(what, '')[:12]}, checked with {found[:12]}"
            report.add(Finding("manifest.json", 0, f"other_{what.removesuffix('_sha')}", said))


def _loader(form: str, target: Target) -> tuple[Loader, str]:
    if form == "mlx":
        own = _mlx_loader(target)
        if own is not None:
            return own
        return _chat_loader(target), "pure Python"
    return (lambda row: _marked(row, form, target)), "pure Python"


def _mlx_loader(target: Target) -> tuple[Loader, str] | None:
    """mlx-lm's own loader, with `--mask-prompt`; None where mlx-lm cannot be imported."""
    try:
        from importlib.metadata import version

        from mlx_lm.tokenizer_utils import load as load_tokenizer
        from mlx_lm.tuner.datasets import ChatDataset
    except ImportError:
        return None
    tokenizer: Any = load_tokenizer(target.folder)
    dataset = ChatDataset([], tokenizer, mask_prompt=True)

    def load(row: dict[str, Any]) -> tuple[int, int]:
        tokens, offset = dataset.process(row)
        return len(tokens), offset

    return load, f"mlx-lm {version('mlx-lm')}"


def _chat_loader(target: Target) -> Loader:
    def load(row: dict[str, Any]) -> tuple[int, int]:
        messages, tools = row["messages"], row.get("tools")
        whole = target.tokens(target.render(messages, tools, answer=False))
        asked = messages[-1]["role"] == "assistant"
        return whole, target.tokens(target.render(messages[:-1], tools, answer=asked))

    return load


def _marked(row: dict[str, Any], form: str, target: Target) -> tuple[int, int]:
    """Tokens of a conversation whose answers are marked, and those of them that carry no loss."""
    parts = marked_text(form, row, target)
    whole = target.tokens("".join(text for text, _ in parts))
    return whole, whole - sum(target.tokens(text) for text, trained in parts if trained)
