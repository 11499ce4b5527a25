"""`slm run`: one task, from a repository and an issue to a patch. Flags here, everything else in `slm_ext/runs`."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

__all__ = ["main"]


def _takes(metavar: str, **more) -> dict:
    """Metadata of a flag that takes one value (simple-parsing would make the value optional)."""
    return {"custom_args": {"metavar": metavar, "nargs": None, **more}}


_SWITCH = {"custom_args": {"action": "store_true"}}


@dataclass
class RunFlags:
    """Let a small model fix an issue in a private clone of a repository."""

    slm: str = field(default="", metadata=_takes("NAME"))
    """provider, by its registry name (`slm providers` lists them)"""
    repo: str = field(default="", metadata=_takes("PATH|URL"))
    """git checkout, read and never written, or URL"""
    issue: str = field(default="", metadata=_takes("TEXT"))
    """the problem in words"""
    issue_file: Path | None = field(default=None, metadata=_takes("FILE"))
    """… or in a text file"""
    issue_url: str = field(default="", metadata=_takes("URL"))
    """… or as a GitHub issue"""
    host: Literal["auto", "sweagent", "mini"] = "auto"
    """the agent that does the work"""
    sandbox: Literal["auto", "bwrap", "docker", "none"] = "auto"
    """where its commands run"""
    config: list[Path] | None = field(default=None, metadata=_takes("YAML", nargs="+", action="extend", type=Path))
    """files with slm_providers, agent or environment sections; later ones win"""
    max_steps: int | None = field(default=None, metadata=_takes("N"))
    """model calls before the run ends (default: the profile's)"""
    python: str | None = field(default=None, metadata=_takes("PATH"))
    """the task's Python (default: .venv or venv of the checkout, else the one that runs slm)"""
    setup: str | None = field(default=None, metadata=_takes("CMD"))
    """shell command that runs once in the clone, before the agent starts"""
    test: str | None = field(default=None, metadata=_takes("CMD"))
    """shell command that decides: status 0 after the patch means resolved"""
    apply: bool = field(default=False, metadata=_SWITCH)
    """put the patch into the checkout, where it was submitted and the test passed"""
    out: Path | None = field(default=None, metadata=_takes("DIR"))
    """folder of the records (default: a new one under SLM_HOME/runs)"""
    quiet: bool = field(default=False, metadata=_SWITCH)
    """only the last lines"""
    json: bool = field(default=False, metadata=_SWITCH)
    """print one JSON document to stdout, people's text to stderr"""
    dry_run: bool = field(default=False, metadata=_SWITCH)
    """check everything, print the plan, start nothing"""


def main(argv: list[str]) -> int:
    """Run the verb; errors are the caller's to show."""
    flags = _parse(argv)
    from slm_ext.runs.plan import make_plan
    from slm_ext.runs.request import RunRequest
    from slm_ext.runs.task import run_task

    own = ("quiet", "json", "dry_run")
    request = RunRequest(**{k: v for k, v in vars(flags).items() if k not in own and v is not None})
    if flags.dry_run:
        plan = make_plan(request).document()
        print(json.dumps(plan, indent=1, ensure_ascii=False) if flags.json else _lines(plan))
        return 0
    from slm_ext.cli.screen import make_screen

    with make_screen(sys.stderr if flags.json else sys.stdout, quiet=flags.quiet) as screen:
        result = run_task(request, screen)
    if flags.json:
        print(json.dumps(result.document(), ensure_ascii=False))
    return result.exit_code


def _parse(argv: list[str]) -> RunFlags:
    from argparse import HelpFormatter

    from simple_parsing import ArgumentParser, DashVariant

    parser = ArgumentParser(
        prog="slm run",
        formatter_class=HelpFormatter,
        add_option_string_dash_variants=DashVariant.DASH,
        allow_abbrev=False,
    )
    parser.add_arguments(RunFlags, dest="flags")
    flags = parser.parse_args(argv).flags
    if flags.max_steps is not None and flags.max_steps < 1:
        parser.error(f"argument --max-steps: at least 1, got {flags.max_steps}")
    if not flags.slm:
        from slm_ext.errors import UsageError
        from slm_ext.registry import load_registry

        names = ", ".join(load_registry().names())
        raise UsageError("choose a model", seen="no --slm NAME", allowed=names, next_step="slm run --slm NAME …")
    return flags


def _lines(plan: dict) -> str:
    hidden = ("provider", "notes")
    shown = {k: v for k, v in plan.items() if k not in hidden and v not in (None, "", False)}
    lines = [f"{name.replace('_', ' '):<12} {_one_line(value)}" for name, value in shown.items()]
    return "\n".join([*lines, *(f"note: {note}" for note in plan["notes"]), "dry run: nothing was started"])


def _one_line(value) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value).split("\n")[0]
