"""A build from beginning to end.

    files ─ shards ─▶ read ▶ label ▶ filter ▶ mask            each shard for itself, in parallel: `gathering`
                                      │ a summary of each episode
                                      ▼
                      dedup ▶ decontaminate ▶ split           over all of them, in this process
                                      │ a decision on each episode
                                      ▼
                              render ▶ check                  each shard for itself, in parallel: `emitting`
                                      │ where each row lies
                                      ▼
                                    write                     in the final order, with card and manifest

What a shard brought lies in `OUT/.work/` until the end. A build that was killed goes on with the shards that are left;
the end is one rename for each file, the manifest last.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from slm_ext.datasets.auditing import audit
from slm_ext.datasets.config import BuildConfig
from slm_ext.datasets.counts import Counts
from slm_ext.datasets.decontamination import read_tasks
from slm_ext.datasets.deduplication import deduplicate
from slm_ext.datasets.emitting import Decided, Line, Rendered, RenderTask
from slm_ext.datasets.episode import Episode
from slm_ext.datasets.executors import Executor, LocalExecutor
from slm_ext.datasets.exports import write_exports
from slm_ext.datasets.folder import DatasetFolder, identity_of
from slm_ext.datasets.gathering import Gathered, Gatherer, Shard, read_episode_at
from slm_ext.datasets.labels import label_files, read_verdicts
from slm_ext.datasets.manifest import Manifest, versions, write_json
from slm_ext.datasets.rendering.formats import TRL_TEMPLATE
from slm_ext.datasets.rendering.row import Renderer
from slm_ext.datasets.rendering.target import Target
from slm_ext.datasets.splitting import split
from slm_ext.datasets.summary import Summary
from slm_ext.errors import MissingExtra, UsageError
from slm_ext.traces import find_files

__all__ = ["Progress", "build"]

SPLITS = ("train", "valid", "test")
_SHARD_FILES, _SHARD_BYTES = 64, 64 * 1024 * 1024
Progress = Callable[[str, int, int], None]
"""(stage, done, total)."""


@dataclass
class _Found:
    """What all shards brought, put together."""

    summaries: list[Summary]
    sizes: list[int]
    counts: Counts
    problems: list[tuple[str, int, str]]
    inputs: list[tuple[str, int, str]]


def build(
    paths: Sequence[Path | str],
    out: Path,
    config: BuildConfig,
    *,
    labels: Iterable[Path | str] = (),
    executor: Executor | None = None,
    ask: Callable[[str], str] | None = None,
    progress: Progress = lambda stage, done, total: None,
) -> Manifest:
    """Build a dataset; the same command again continues it, and gives a finished one back as it is.

    Args:
        paths: runs, or folders of them.
        out: a folder, made; another dataset there is refused.
        labels: verdicts, see `labels`.
        ask: a model's answer to a prompt, for the critic; each process of the executor gets a copy.

    Raises:
        MissingExtra: the extra `data` is not installed.
        UsageError: inputs that are not there, a folder with something else in it, no row left, or more rows than
            `max_audit_drops` that cannot be rendered.
    """
    for package in ("numpy", "regex"):
        if find_spec(package) is None:
            raise MissingExtra(package, "data", "build a dataset")
    own = executor is None
    executor = executor or LocalExecutor()
    try:
        return _build(paths, out, config, labels, executor, ask, progress)
    except OSError as error:
        raise UsageError(
            f"build a dataset in {out}", seen=str(error), allowed="a folder that can be written, with room for it",
            next_step="the same command again goes on where it ended, or name another --out",
        ) from error  # fmt: skip
    finally:
        if own:
            executor.close()


def _build(
    paths: Sequence[Path | str],
    out: Path,
    config: BuildConfig,
    labels: Iterable[Path | str],
    executor: Executor,
    ask: Callable[[str], str] | None,
    progress: Progress,
) -> Manifest:
    target = Target(config.tokenizer)
    labels = [Path(path) for path in labels]
    files, names = _named_files(paths)
    folder = DatasetFolder(out, _identity(files, names, labels, config, target))
    if (known := folder.finished()) is not None:
        return known
    if config.bundles and not any(Path(config.bundles).glob("*/config.yaml")):
        raise UsageError(
            "read the tool bundles of the runs", seen=f"none in {config.bundles}",
            allowed="a folder of bundles, SWE-agent's tools/", next_step="name it with --bundles",
        )  # fmt: skip
    verdicts = read_verdicts(labels)
    gatherer = Gatherer(config, verdicts, read_tasks(config.decontamination), ask)
    with folder.building() as work:
        shards = [
            Shard(number, [(str(file), names[file]) for file in part], str(work))
            for number, part in enumerate(_parts(files))
        ]
        found = _together(_watched(executor.map(gatherer, shards), "read", len(shards), progress))
        found.counts.add("verdicts", "given", len(verdicts))
        found.counts.add("verdicts", "differ from another of the same, and count as none", verdicts.differing)
        decisions = _decide(found, config)
        decided, at = [], 0
        for shard, size in zip(shards, found.sizes, strict=True):
            decided.append(Decided(shard.number, str(work), decisions[at : at + size]))
            at += size
        rendered = list(_watched(executor.map(RenderTask(config), decided), "render", len(decided), progress))
        for one in rendered:
            found.counts.merge(Counts(one.counts))
        audit(found.counts, found.problems, rendered, config, paths)
        progress("write", 0, 1)
        manifest = _write(folder, work, rendered, found, decisions, labels, config, target)
        progress("write", 1, 1)
        return manifest


def _named_files(paths: Sequence[Path | str]) -> tuple[list[Path], dict[Path, str]]:
    """The input files in their order, and what each is called in the dataset: its place below the folder that was
    given, behind that folder's name where several were."""
    names: dict[Path, str] = {}
    used: set[str] = set()
    for number, given in enumerate(map(Path, paths), start=1):
        for file in find_files([given]):
            inside = file.relative_to(given).as_posix() if file.is_relative_to(given) and file != given else file.name
            name = inside if len(paths) == 1 or file == given else f"{given.resolve().name}/{inside}"
            name = f"{number}-{name}" if name in used else name
            if file.resolve() not in names:
                names[file.resolve()] = name
                used.add(name)
    return sorted(names), names


def _identity(
    files: list[Path], names: dict[Path, str], labels: list[Path], config: BuildConfig, target: Target
) -> str:
    """What a build in progress depends on: a changed input or setting begins anew."""
    beside = [file.with_name("run.json") for file in files if file.name == "calls.jsonl"]
    tasks = map(Path, [*config.decontamination.files, *config.decontamination.solutions])
    bundles = sorted(Path(config.bundles).glob("*/config.yaml")) if config.bundles else []
    every = [*files, *beside, *tasks, *(file for _, file in label_files(labels)), *bundles]
    settings = [config.model_dump(mode="json"), target.template_sha, target.tokenizer_sha, versions()]
    return identity_of(every, [*settings, list(names.values())])


def _parts(files: list[Path]) -> list[list[Path]]:
    parts: list[list[Path]] = []
    size = 0
    for file in files:
        size += file.stat().st_size
        if not parts or len(parts[-1]) >= _SHARD_FILES or (size > _SHARD_BYTES and parts[-1]):
            parts.append([])
            size = file.stat().st_size
        parts[-1].append(file)
    return parts


def _watched(results: Iterable[Any], stage: str, total: int, progress: Progress) -> Iterable[Any]:
    progress(stage, 0, total)
    for number, result in enumerate(results, start=1):
        progress(stage, number, total)
        yield result


def _together(gathered: Iterable[Gathered]) -> _Found:
    found = _Found([], [], Counts(), [], [])
    for one in gathered:
        found.summaries += one.summaries
        found.sizes.append(len(one.summaries))
        found.counts.merge(Counts(one.counts))
        found.problems += one.problems
        found.inputs += one.inputs
    return found


def _decide(found: _Found, config: BuildConfig) -> list[str]:
    """The split of every episode; empty for those left out."""
    summaries, counts = found.summaries, found.counts
    given = [index for index, summary in enumerate(summaries) if not summary.contrast]
    counts.add("dedup", "in", len(given))
    dropped = deduplicate([summaries[index] for index in given], config.near_duplicates, config.per_instance)
    for reason in dropped.values():
        counts.add("dedup", reason)
    counts.add("dedup", "out", len(given) - len(dropped))
    clean = []
    for place, index in enumerate(given):
        summary = summaries[index]
        if place in dropped:
            continue
        counts.add("decontaminate", "in")
        if summary.contaminated:
            counts.add("decontaminate", summary.contaminated)
        else:
            counts.add("decontaminate", "out")
            clean.append(index)
    decisions = [""] * len(summaries)
    splits = split([summaries[index] for index in clean], config.split, config.seed)
    counts.add("split", "in", len(clean))
    counts.add("split", "out", len(clean))
    for index, name in zip(clean, splits, strict=True):
        decisions[index] = name
        counts.add("splits", f"{name} episodes")
    return decisions


def _ordered(rendered: list[Rendered], config: BuildConfig, counts: Counts) -> dict[str, list[tuple[int, Line]]]:
    """The rows of each split in their order, each once: (shard, line)."""
    seen: set[bytes] = set()
    rows: dict[str, list[tuple[int, Line]]] = {name: [] for name in SPLITS}
    for shard, one in enumerate(rendered):
        for line in one.lines:
            counts.add("check", "in")
            if line.sha in seen:
                counts.add("check", "duplicate_row")
                continue
            seen.add(line.sha)
            counts.add("check", "out")
            line.count(counts)
            rows[line.split].append((shard, line))

    def shuffled(row: tuple[int, Line]) -> Any:
        return hashlib.sha256(f"{config.seed} ".encode() + row[1].sha).digest()

    def easy_first(row: tuple[int, Line]) -> Any:
        return row[1].difficulty, row[1].tokens, row[1].sha

    key = {"shuffled": shuffled, "curriculum": easy_first}.get(config.order)
    return {name: sorted(part, key=key) if key else part for name, part in rows.items()}


def _write(
    folder: DatasetFolder,
    work: Path,
    rendered: list[Rendered],
    found: _Found,
    decisions: list[str],
    labels: list[Path],
    config: BuildConfig,
    target: Target,
) -> Manifest:
    from slm_ext.datasets.card import write_card

    out = folder.path
    folder.clear()
    rows = _ordered(rendered, config, found.counts)
    outputs: dict[str, str] = {}
    (out / "provenance").mkdir(exist_ok=True)
    for name in SPLITS:
        if name != "train" and not rows[name]:
            continue
        for kind, place in (("rows", f"{name}.jsonl"), ("provenance", f"provenance/{name}.jsonl")):
            outputs[place] = _copied(work, kind, rows[name], out / place)
        found.counts.add("rows", name, len(rows[name]))
    if config.exports:
        runs = _by_task(work, found, decisions)
        outputs |= write_exports(out, work, runs, Renderer(target, config), config, found.counts)
    if config.format == "trl":
        (out / "chat_template.jinja").write_text(TRL_TEMPLATE, encoding="utf-8")
        outputs["chat_template.jinja"] = hashlib.sha256(TRL_TEMPLATE.encode()).hexdigest()
    manifest = Manifest(
        config=config,
        versions=versions(),
        tokenizer={"template_sha": target.template_sha, "tokenizer_sha": target.tokenizer_sha},
        counts=found.counts.to_dict(),
        inputs=sorted(found.inputs),
        labels=[_hashed(name, file) for name, file in label_files(labels)],
        tasks=[
            _hashed(Path(name).name, Path(name))
            for name in (*config.decontamination.files, *config.decontamination.solutions)
        ],
        unreadable=sorted(found.problems),
        outputs=outputs,
    )
    manifest.outputs |= write_card(out, manifest, [line for part in rows.values() for _, line in part])
    folder.mark()
    write_json(out / "manifest.json", manifest.model_dump(mode="json"))
    folder.finish()
    return manifest


def _hashed(name: str, file: Path) -> tuple[str, int, str]:
    data = file.read_bytes()
    return name, len(data), hashlib.sha256(data).hexdigest()


def _by_task(work: Path, found: _Found, decisions: list[str]) -> Iterator[list[Episode]]:
    """The episodes of each task that trains, the best first; those of contrast last."""
    places: dict[str, list[int]] = {}
    for index, (summary, split_) in enumerate(zip(found.summaries, decisions, strict=True)):
        if split_ == "train" or (summary.contrast and not summary.contaminated):
            places.setdefault(summary.instance, []).append(index)
    offsets = list(_offsets(work, found.sizes))
    for _, indices in sorted(places.items()):
        if any(decisions[index] for index in indices):
            indices.sort(key=lambda index: found.summaries[index].quality)
            yield [read_episode_at(work, *offsets[index]) for index in indices]


def _offsets(work: Path, sizes: list[int]) -> Iterator[tuple[int, int]]:
    """(shard, byte) of every episode."""
    for shard, _ in enumerate(sizes):
        at = 0
        with (work / f"episodes-{shard:05d}.jsonl").open("rb") as file:
            for line in file:
                yield shard, at
                at += len(line)


def _copied(work: Path, kind: str, rows: list[tuple[int, Line]], place: Path) -> str:
    """Write lines of the shards' files in their final order; the SHA-256 of all."""
    digest, files = hashlib.sha256(), {}
    part = work / f"written-{place.parent.name}-{place.name}"
    try:
        with part.open("wb") as output:
            for shard, line in rows:
                if shard not in files:
                    if len(files) > 200:
                        files.pop(next(iter(files))).close()
                    files[shard] = (work / f"{kind}-{shard:05d}.jsonl").open("rb")
                begin, size = (
                    (line.offset, line.length) if kind == "rows" else (line.provenance_offset, line.provenance_length)
                )
                files[shard].seek(begin)
                data = files[shard].read(size)
                digest.update(data)
                output.write(data)
    finally:
        for file in files.values():
            file.close()
    part.replace(place)
    return digest.hexdigest()
