"""`slm dataset build`, `stats`, `check` and `atif`: flags to settings, results to text."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import Any

from slm_ext.cli._common import at_least_one, emit, say, table
from slm_ext.errors import UsageError

__all__ = ["atif", "build", "check", "stats"]


def build(flags: Any) -> int:
    """Build a dataset, or give back the one that is there."""
    from slm_ext.cli._critic import ProviderCritic
    from slm_ext.datasets import build_dataset, executor_named

    at_least_one(workers=flags.workers)
    out = Path(flags.out).expanduser()
    done = not flags.json and (out / "manifest.json").is_file()
    executor = executor_named(flags.executor, flags.workers)
    try:
        manifest = build_dataset(
            flags.traj, out, _config(flags), labels=flags.labels or (), executor=executor,
            ask=ProviderCritic(flags.critic) if flags.critic else None,
            progress=_Progress(flags.quiet or flags.json),
        )  # fmt: skip
    finally:
        executor.close()
    if flags.json:
        emit({"out": str(out), **manifest.model_dump(mode="json")})
        return 0
    if done:
        say(f"{out} was built before, of the same inputs; nothing was done")
    _show(manifest)
    if not flags.quiet:
        say(f"the card is {out / 'README.md'}; next: slm dataset check {out}")
    return 0


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
        table((title, "ROWS"), [(name, str(number)) for name, number in sorted(found.items(), key=lambda i: -i[1])])
    return 0


def check(flags: Any) -> int:
    """Read every row as its trainer will; 1 where something is wrong."""
    from slm_ext.datasets import check_dataset

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
    print(f"{rows}; {report.trained} of {report.tokens} tokens carry loss ({report.loader})")
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
    from slm_ext.traces.atif import write_atif

    out = Path(flags.out).expanduser()
    out.mkdir(parents=True, exist_ok=True)
    problems: list[Problem] = []
    written: list[str] = []
    for trace in iter_traces(find_files(flags.traj), problems.append):
        name = f"{len(written):05d}-{Path(trace.instance_id).name}.json"
        write_atif(trace, out / name)
        written.append(name)
    for problem in problems:
        say(f"passed over: {problem}")
    if flags.json:
        emit({"out": str(out), "files": written, "unreadable": [str(problem) for problem in problems]})
    else:
        print(f"{len(written)} trajectories in {out}")
    return 0 if written else 1


def _config(flags: Any):
    from pydantic import ValidationError

    from slm_ext.datasets import BuildConfig

    given = _file(flags.config) if flags.config else {}
    for name in (
        "format", "tokenizer", "bundles", "seed", "max_tokens", "unresolved", "unlabelled", "turns", "subtasks",
        "exports", "order", "max_audit_drops", "critic",
    ):  # fmt: skip
        if (value := getattr(flags, name)) is not None:
            given[name] = value
    if flags.decontaminate:
        given["decontamination"] = (given.get("decontamination") or {}) | {"files": flags.decontaminate}
    try:
        return BuildConfig.model_validate(given)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise UsageError(
            "read the settings of slm dataset build", seen=f"{place}: {first['msg']}",
            allowed=", ".join(BuildConfig.model_fields), next_step="slm dataset build --help",
        ) from None  # fmt: skip


def _file(name: str) -> dict[str, Any]:
    import yaml

    attempted = f"read the settings {name}"
    try:
        data = yaml.safe_load(Path(name).read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError) as error:
        raise UsageError(attempted, seen=str(error), allowed="a YAML mapping of settings") from None
    if not isinstance(data, dict):
        raise UsageError(attempted, seen=type(data).__name__, allowed="a YAML mapping of settings")
    return data


def _show(manifest: Any) -> None:
    counts = manifest.counts
    rows, tokens = counts.get("rows") or {}, counts.get("tokens") or {}
    runs = (counts.get("read") or {}).get("in", 0)
    split = ", ".join(f"{number} {name}" for name, number in rows.items())
    print(f"{sum(rows.values())} rows ({split}) of {runs} runs; {tokens.get('trained', 0)} tokens carry loss")
    left_out = [
        (stage, reason, str(number))
        for stage, found in counts.items()
        if stage in ("read", "filter", "steps", "mask", "dedup", "decontaminate", "render", "check")
        for reason, number in found.items()
        if reason not in ("in", "out", "files")
    ]
    if left_out:
        print()
        table(("STAGE", "LEFT OUT", "NUMBER"), left_out)


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
