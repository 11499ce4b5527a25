"""`slm dataset build`, `stats`, `check` and `atif`: flags to settings, results to text."""

from __future__ import annotations

import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from slm_ext.cli._common import at_least_one, emit, say, table
from slm_ext.errors import UsageError

__all__ = ["atif", "build", "check", "stats"]

_SHOWN = 10
"""Stretches of files that were passed over."""


def build(flags: Any) -> int:
    """Build a dataset, or give back the one that is there."""
    from slm_ext.cli._critic import ProviderCritic
    from slm_ext.datasets import build_dataset, executor_named

    at_least_one(workers=flags.workers)
    config = _config(flags)
    out = Path(flags.out).expanduser()
    done = not flags.json and (out / "manifest.json").is_file()
    executor = executor_named(flags.executor, flags.workers)
    try:
        manifest = build_dataset(
            flags.traj, out, config, labels=flags.labels or (), executor=executor,
            ask=ProviderCritic(config.critic) if config.critic else None,
            progress=_Progress(flags.quiet or flags.json),
        )  # fmt: skip
    finally:
        executor.close()
    for file, byte, cause in manifest.unreadable[:_SHOWN]:
        say(f"passed over: {file}, byte {byte}: {cause}")
    if (more := len(manifest.unreadable) - _SHOWN) > 0:
        say(f"… and {more} more, see {out / 'README.md'}")
    if flags.json:
        emit({"out": str(out), **manifest.model_dump(mode="json")})
        return 0
    if done:
        say(f"{out} was built before, of the same inputs; nothing was done")
    _show(manifest)
    _tell_of_verdicts(manifest.counts.get("verdicts") or {})
    if not flags.quiet:
        say(f"the card is {out / 'README.md'}; next: slm dataset check {out}")
    return 0


def _tell_of_verdicts(counts: dict[str, int]) -> None:
    """What of `--labels` was of no use."""
    if counts.get("given") and not counts.get("taken by a run"):
        say(f"none of the {counts['given']} verdicts of --labels is of one of these runs, or each has its own")
    for what, number in counts.items():
        if what.startswith("differ"):
            say(f"{number} verdicts of --labels {what}")


def stats(flags: Any) -> int:
    """Show what is in a dataset."""
    from slm_ext.datasets.manifest import require_manifest

    manifest = require_manifest(Path(flags.dir).expanduser(), f"read the dataset {flags.dir}")
    if flags.json:
        emit(manifest.model_dump(mode="json"))
        return 0
    _show(manifest)
    for title, stage in (
        ("TOOL", "tools"),
        ("KIND OF WORK", "subtasks"),
        ("SOURCE", "sources"),
        ("LICENCE", "licenses"),
    ):
        found = manifest.counts.get(stage) or {}
        print()
        table(
            (title, "TRAINED TURNS"),
            [(name, str(number)) for name, number in sorted(found.items(), key=lambda i: -i[1])],
        )
    return 0


def check(flags: Any) -> int:
    """Read every row as its trainer will; 1 where something is wrong."""
    from slm_ext.datasets import check_dataset
    from slm_ext.datasets.manifest import require_manifest

    at_least_one(batch_size=flags.batch_size, max_seq_length=flags.max_seq_length)
    report = check_dataset(
        Path(flags.dir).expanduser(), flags.tokenizer, batch_size=flags.batch_size, max_seq_length=flags.max_seq_length
    )
    if flags.json:
        findings = [vars(finding) for finding in report.findings]
        emit({
            "ok": report.ok, "rows": report.rows, "tokens": report.tokens, "trained_tokens": report.trained,
            "loader": report.loader, "findings": findings, "total": report.total,
            "omitted": report.total - len(findings),
        })  # fmt: skip
        return 0 if report.ok else 1
    rows = ", ".join(f"{number} {name}" for name, number in report.rows.items())
    form = require_manifest(Path(flags.dir).expanduser(), f"check the dataset {flags.dir}").config.format
    print(f"{rows}; {report.trained} of {report.tokens} tokens carry loss; {_reader(form, report.loader)}")
    for finding in report.findings:
        place = f"{finding.file}:{finding.line}" if finding.line else finding.file
        print(f"{place}: {finding.rule}: {finding.said}")
    if report.total > len(report.findings):
        print(f"… and {report.total - len(report.findings)} more")
    print("ok" if report.ok else f"refused: {report.total} findings")
    return 0 if report.ok else 1


def atif(flags: Any) -> int:
    """Write runs as ATIF."""
    from slm_ext.traces import Problem, find_files, iter_traces
    from slm_ext.traces.atif import atif_name, write_atif

    out = Path(flags.out).expanduser()
    files = find_files(flags.traj)
    with _writing(out):
        out.mkdir(parents=True, exist_ok=True)
        held = sum(1 for _ in out.glob("*.json"))
    if held:
        raise UsageError(
            f"write runs as ATIF into {out}", seen=f"{held} file{'s' * (held != 1)} *.json in it",
            allowed="a new folder, or one without *.json",
            next_step=f"name another --out, or remove {out}",
        )  # fmt: skip
    problems: list[Problem] = []
    written: list[str] = []
    for trace in iter_traces(files, problems.append):
        name = atif_name(len(written), trace.instance_id)
        with _writing(out):
            write_atif(trace, out / name)
        written.append(name)
    for problem in problems:
        say(f"passed over: {problem}")
    if flags.json:
        emit({"out": str(out), "files": written, "unreadable": [str(problem) for problem in problems]})
    else:
        print(f"{len(written)} {'trajectory' if len(written) == 1 else 'trajectories'} in {out}")
    return 0 if written else 1


def _config(flags: Any):
    from pydantic import ValidationError

    from slm_ext.datasets import BuildConfig

    given = _file(flags.config) if flags.config else {}
    for name in (
        "format", "tokenizer", "tool_mode", "bundles", "seed", "max_tokens", "unresolved", "unlabelled", "turns",
        "subtasks", "exports", "order", "max_audit_drops", "critic",
    ):  # fmt: skip
        if (value := getattr(flags, name)) is not None:
            given[name] = value
    tasks = given.get("decontamination") or {}
    if flags.decontaminate and isinstance(tasks, dict):  # what is no mapping is refused below
        given["decontamination"] = tasks | {"files": flags.decontaminate}
    try:
        return BuildConfig.model_validate(given)
    except ValidationError as error:
        seen, allowed = _complaint(error.errors()[0], BuildConfig)
        raise UsageError(
            "read the settings of slm dataset build", seen=seen, allowed=allowed,
            next_step="slm dataset build --help",
        ) from None  # fmt: skip


def _complaint(error: Any, settings: Any) -> tuple[str, str]:
    """(seen, allowed) of what pydantic does not take."""
    place = ".".join(map(str, error["loc"]))
    if error["type"] == "extra_forbidden":
        for name in error["loc"][:-1]:  # into `split` and the like
            settings = settings.model_fields[name].annotation
        return f"{place}: no such setting", ", ".join(settings.model_fields)
    value = f"{place}: {str(error['input'])[:100]!r}"
    if expected := error.get("ctx", {}).get("expected"):
        return value, expected
    return f"{value}; {error['msg'].removeprefix('Value error, ')}", ""


def _file(name: str) -> dict[str, Any]:
    import yaml

    attempted = f"read the settings {name}"
    try:
        data = yaml.safe_load(Path(name).read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError) as error:  # ValueError: no UTF-8, or no date though it looks like one
        raise UsageError(attempted, seen=str(error), allowed="a YAML mapping of settings") from None
    if not isinstance(data, dict):
        seen = "an empty file" if data is None else type(data).__name__
        raise UsageError(attempted, seen=seen, allowed="a YAML mapping of settings")
    return data


def _reader(form: str, loader: str) -> str:
    """How the rows were read."""
    if form != "mlx":
        return f"read as {form} rows"
    name, _, version = loader.partition(" ")
    if name != "mlx-lm":
        return "mlx-lm is not installed: read with our own reader"
    return f"read with mlx-lm's loader ({version})"


@contextmanager
def _writing(out: Path) -> Generator[None]:
    try:
        yield
    except OSError as error:
        raise UsageError(
            f"write runs as ATIF into {out}", seen=str(error), allowed="a folder that can be written, with room left",
            next_step="name another --out",
        ) from None  # fmt: skip


def _show(manifest: Any) -> None:
    from slm_ext.datasets.card import in_order, left_out, runs_told

    counts = manifest.counts
    rows, tokens = in_order(counts.get("rows") or {}), counts.get("tokens") or {}
    split = ", ".join(f"{number} {name}" for name, number in rows.items())
    print(f"{sum(rows.values())} rows ({split}); {tokens.get('trained', 0)} tokens carry loss; {runs_told(counts)}")
    if found := left_out(counts):
        print()
        table(("STAGE", "LEFT OUT", "NUMBER"), [(stage, reason, str(number)) for stage, reason, number in found])


class _Progress:
    """A bar on a terminal, a line every few seconds in a pipe."""

    def __init__(self, quiet: bool):
        self._quiet, self._said, self._bar, self._task = quiet, 0.0, None, None
        self._stage = ""

    def __call__(self, stage: str, done: int, total: int) -> None:
        if self._quiet:
            return
        if sys.stderr.isatty():
            self._draw(stage, done, total)
        elif done < total and time.monotonic() - self._said > 5:
            self._said = time.monotonic()
            say(f"{stage}: {done} of {total} parts")

    def _draw(self, stage: str, done: int, total: int) -> None:
        from rich.console import Console
        from rich.progress import Progress

        if self._bar is None:
            self._bar = Progress(console=Console(stderr=True), transient=True)
            self._bar.start()
        if stage != self._stage:
            if self._task is not None:
                self._bar.remove_task(self._task)
            self._stage, self._task = stage, self._bar.add_task(stage, total=total)
        if self._task is not None:
            self._bar.update(self._task, completed=done)
        if stage == "write" and done == total:
            self._bar.stop()
