"""The recorded runs in `tests/data/runs` that show rejected replies, cut prompts, limits and cut replies, made again.

    python scripts/record_runs.py [RUN…]     e.g. mini-requery sweagent-cost; none: all of them

Each is a run of our own code, on flywheel-tiny by our engine; the `scripted` ones are on a fake server on loopback.
The Python needs mini-swe-agent, mlx-lm and, for `sweagent-…`, SWE-agent; the machine bubblewrap. What is recorded
names folders, so everything happens below /tmp/slm-runs, in a copy of this package: nothing is edited afterwards. A
run that does not show what it is for, or names a folder of this machine, is not kept. Seeds are fixed; a machine with
other arithmetic may need others.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import yaml
from demo import prepare

from slm_ext.testing.openai_server import FakeOpenAI, tool_call
from slm_ext.testing.task_python import make_task_python

__all__ = ["KINDS", "cost", "elided", "main", "requery", "scripted", "truncated"]

ROOT = Path(__file__).resolve().parent.parent
KEPT_IN = ROOT / "tests" / "data" / "runs"
PLACE = Path("/tmp/slm-runs")
CODE, HOME, VENV, OUT = PLACE / "slm-ext", PLACE / "home", PLACE / "venv", PLACE / "task"
PYTHON = PLACE / "task-python"  # not `python`: SWE-agent writes words that are files here down as paths
HOSTS = ("mini", "sweagent")
KEPT = ("run.json", "calls.jsonl", "*.traj", "*.traj.json", "*.patch", "blobs/*")
MOST_BYTES = 300_000


def requery(host: str) -> Seen:
    """Replies that hold no usable call, twice in a row; the third try is another provider's, and the bug is fixed."""
    hot = {"extends": "flywheel-tiny", "temperature": 2.3, "seed": 95, "constraints": "off", "resample": None}
    seen = slm_run(host, "inventory", "flywheel-crew", crew("flywheel-hot", hot, after=2, edit="flywheel-tiny"))
    seen.require(seen.rules, ["unknown_argument", "malformed"])
    return seen.resolved()


def elided(host: str) -> Seen:
    """A window of 480 tokens: results are truncated or become one line, and exchanges go. The bug is fixed."""
    strategies = [
        {"name": "truncate", "max_chars": 300},
        {"name": "elide", "keep_last": 1},
        {"name": "keep_ends", "keep_last": 1},
    ]
    entry = {
        "extends": "flywheel-tiny", "temperature": 1.6, "seed": 15, "constraints": "calls", "max_input_tokens": 480,
        "context": {"strategies": strategies, "target": 0.9},
    }  # fmt: skip
    seen = slm_run(host, "inventory", "flywheel-tiny", {"flywheel-tiny": entry})
    seen.require(seen.left_out, {"truncated", "elided", "dropped"})
    return seen.resolved()


def cost(host: str) -> Seen:
    """Four calls and no more, after an edit that does not fix it. SWE-agent, started by its own command here, hands in
    what is there; mini does not."""
    if host == "mini":
        seen = slm_run(host, "playlist", "flywheel-tiny", {}, "--max-steps", "4")
        seen.require((seen.outcome["exit_status"], seen.outcome["submitted"]), ("LimitsExceeded", False))
    else:
        seen = sweagent_run("playlist", "--agent.model.per_instance_call_limit=4")
        seen.require((seen.outcome["exit_status"], seen.outcome["submitted"]), ("submitted (exit_cost)", True))
    return seen


def truncated(host: str) -> Seen:
    """A provider that may say 24 tokens: reading and editing take more, so the reply is cut off and another provider is
    asked again. The first tool result is longer than the tools may show, too."""
    settings = PLACE / "short-results.yaml"
    settings.write_text(yaml.safe_dump({"environment": {"env": {"SLM_TOOL_MAX_CHARS": "323"}}}))
    brief = {"extends": "flywheel-tiny", "max_output_tokens": 24, "resample": None}
    seen = slm_run(host, "inventory", "flywheel-crew", crew("flywheel-brief", brief, after=1), "--config", settings)
    seen.require(seen.rules, ["truncated", "truncated"])
    seen.require([call["finish_reason"] for call in seen.calls if call["validation"]["rejection"]], ["length"] * 2)
    seen.require(any((one["tool_report"] or {}).get("truncated") for one in seen.observations), True)
    return seen.resolved()


def scripted(host: str) -> Seen:
    """Every kind of reply that is asked again, and a thought beside a call. No model: a fake server says it."""
    read = tool_call("read_file", path="app/inventory.py", symbol="items_below")
    edit = {"path": "app/inventory.py", "line": 15, "old": "pieces <= minimum", "new": "pieces < minimum"}
    two = read | {"tool_calls": [*read["tool_calls"], *tool_call("pytest_run")["tool_calls"]]}
    replies: list[str | dict] = [
        "I would look at the tests first.",
        tool_call("pytest_run"),
        tool_call("open_file", path="app/inventory.py"),
        tool_call("read_file", symbol="items_below"),
        read,
        two,
        tool_call("edit_line", **edit | {"line": "fifteen"}),
        tool_call("edit_line", **edit) | {"content": "The comparison takes in the minimum itself."},
        tool_call("pytest_run"),
        "",
        tool_call("submit"),
    ]
    with FakeOpenAI(replies, model="scripted-model") as server:
        entry = {"model": "scripted-model", "api_base": server.base_url, "max_input_tokens": 2048, "profile": "tiny"}
        seen = slm_run(host, "inventory", "scripted", {"scripted": entry})
    rules = ["no_call", "unknown_tool", "missing_argument", "several_calls", "wrong_type", "empty_reply"]
    seen.require(seen.rules, rules)
    return seen.resolved()


KINDS: dict[str, Callable[[str], Seen]] = {
    "requery": requery,
    "elided": elided,
    "cost": cost,
    "truncated": truncated,
    "scripted": scripted,
}


def main(argv: list[str] | None = None) -> int:
    """Record and keep; returns 1 where a run was not kept."""
    words = sys.argv[1:] if argv is None else argv
    known = [f"{host}-{kind}" for host in HOSTS for kind in KINDS]
    if unknown := [name for name in words if name not in known]:
        print(f"record {', '.join(unknown)}\n  allowed: {', '.join(known)}", file=sys.stderr)
        return 2
    prepare_place()
    failed = False
    for name in words or known:
        host, kind = name.split("-")
        try:
            print(f"{name}: {KINDS[kind](host).keep(KEPT_IN / name)}", flush=True)
        except NotShown as error:
            print(f"{name}: not kept: {error}", file=sys.stderr, flush=True)
            failed = True
    return int(failed)


class NotShown(Exception):
    """A run that is not what it should be."""


@dataclass
class Seen:
    """What a run left in a folder."""

    folder: Path

    def __post_init__(self) -> None:
        lines = (self.folder / "calls.jsonl").read_text(encoding="utf-8").splitlines()
        records = [json.loads(line) for line in lines]
        self.calls, self.observations = ([r for r in records if r["kind"] == kind] for kind in ("call", "observation"))
        self.outcome = records[-1]

    @property
    def rules(self) -> list[str]:
        """The rules that rejected replies broke, in their order."""
        return [c["validation"]["rejection"]["rule"] for c in self.calls if c["validation"]["status"] == "rejected"]

    @property
    def left_out(self) -> set[str]:
        """The ways in which something was left out of a prompt."""
        return {item["kind"] for call in self.calls if call["context"] for item in call["context"]["dropped"]}

    def require(self, seen: object, wanted: object) -> None:
        if seen != wanted:
            raise NotShown(f"{seen}, not {wanted}; see {self.folder}")

    def resolved(self) -> Seen:
        self.require(self.outcome["resolved"], True)
        return self

    def keep(self, target: Path) -> str:
        """Copy what belongs to the test data; returns a line about it."""
        files = sorted(file for pattern in KEPT for file in self.folder.glob(pattern))
        size = sum(file.stat().st_size for file in files)
        if size > MOST_BYTES:
            raise NotShown(f"{size} bytes; see {self.folder}")
        if told := sorted({f"{file.name}: {word}" for file in files for word in of_this_machine(file.read_text())}):
            raise NotShown("; ".join(told))
        shutil.rmtree(target, ignore_errors=True)
        for file in files:
            place = target / file.relative_to(self.folder)
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, place)
        ended = f"{self.outcome['exit_status']}, resolved {self.outcome['resolved']}"
        views = sum(call["context"] is not None for call in self.calls)
        return f"{len(self.calls)} calls, {len(self.rules)} rejected, {views} cut prompts, {ended}, {size // 1000} kB"


def crew(name: str, entry: dict, *, after: int, edit: str = "") -> dict:
    """A router over that provider and flywheel-tiny, which is asked after so many rejected replies in a row."""
    router: dict = {"default": name, "fallback": ["flywheel-tiny"]}
    router["escalate"] = {"format_errors": after, "return_after": 1, "cooldown_steps": 0}
    return {name: entry, "flywheel-crew": router | ({"subtasks": {"edit": edit}} if edit else {})}


def slm_run(host: str, demo: str, slm: str, providers: dict, *more: object) -> Seen:
    """`slm run` on a project of eval/demo."""
    words: list[object] = ["-m", "slm_ext.cli.main", "run", "--slm", slm, "--host", host, "--sandbox", "auto"]
    words += ["--repo", demo, "--issue-file", issue(demo), "--python", PYTHON / "bin" / "python"]
    words += ["--test", "python -m pytest -q", "--out", OUT, "--quiet"]
    run([*words, *more], providers)
    return Seen(OUT)


def sweagent_run(demo: str, *more: str) -> Seen:
    """`sweagent run --slm flywheel-tiny` on a project of eval/demo."""
    words: list[object] = [VENV / "bin" / "sweagent", "run", "--slm", "flywheel-tiny", f"--output_dir={OUT}"]
    words += [f"--env.repo.path={PLACE / demo}", f"--problem_statement.path={issue(demo)}"]
    words.append(f"--problem_statement.id={demo}")
    run([*words, *more], {})
    return Seen(OUT / demo)


def run(words: list[object], providers: dict) -> None:
    """Run this Python, as `VENV`, on the copy of the package; 0 and 1 are both answers."""
    shutil.rmtree(OUT, ignore_errors=True)
    (HOME / "providers.yaml").write_text(yaml.safe_dump({"slm_providers": providers}, sort_keys=False))
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(("SLM_", "SWE_AGENT_", "MSWEA_"))}
    more = [path for path in inherited.get("PYTHONPATH", "").split(os.pathsep) if path and Path(path).resolve() != ROOT]
    environ = inherited | {
        "PYTHONPATH": os.pathsep.join([str(CODE), *more]),
        "SLM_HOME": str(HOME),
        "MSWEA_SILENT_STARTUP": "1",
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",
    }
    python = VENV / "bin" / Path(sys.executable).name
    with (PLACE / "log").open("wb") as log:
        done = subprocess.run([python, *map(str, words)], cwd=PLACE, env=environ, stdout=log, stderr=subprocess.STDOUT)
    if done.returncode not in (0, 1) or not any(OUT.rglob("calls.jsonl")):
        raise NotShown((PLACE / "log").read_text(errors="replace")[-2000:])


def issue(demo: str) -> Path:
    return CODE / "eval" / "demo" / demo / "issue.md"


def prepare_place() -> None:
    """A new `PLACE`, with copies of this package and of the projects, and a Python for their tests."""
    shutil.rmtree(PLACE, ignore_errors=True)
    HOME.mkdir(parents=True)
    for name in ("slm_ext", "config", "tool_bundles", "eval"):
        shutil.copytree(ROOT / name, CODE / name, ignore=shutil.ignore_patterns("__pycache__"))
    VENV.symlink_to(sys.prefix)
    os.environ |= dict.fromkeys(("GIT_AUTHOR_DATE", "GIT_COMMITTER_DATE"), "2026-01-01T00:00:00+00:00")
    for demo in ("inventory", "playlist"):
        prepare(demo, PLACE)
    make_task_python(PYTHON)


def of_this_machine(text: str) -> Iterator[str]:
    """Names in a text that are this machine's own. `/root` is none: it is everybody's home inside a sandbox."""
    homes = [str(Path.home())] if Path.home() != Path("/root") else []
    for name in (str(ROOT), sys.prefix, sys.base_prefix, *homes):
        if name.rstrip("/") not in ("", "/usr", "/usr/local") and name in text:
            yield name
    if re.search(rf"\b{re.escape(socket.gethostname())}\b", text):
        yield socket.gethostname()


if __name__ == "__main__":
    sys.exit(main())
