"""How long `slm` takes to answer, in Python starts, and what `slm_ext_sweagent.pth` costs a Python that is not ours.

    python benchmarks/startup.py [--quick] [--json]

A ratio is taken between two neighbouring processes, command and `python -c pass`, and the median of the pairs is
reported; so a busy machine slows both. The cost of the `.pth` is a difference: starts with the site folder that holds
it and starts with one that does not, taken in turn.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from slm_ext.cli.main import VERBS

PTH = Path(__file__).resolve().parents[1] / "slm_ext_sweagent.pth"
SLM = [sys.executable, "-m", "slm_ext.cli.main"]


def seconds(command: list[str], env: dict[str, str] | None = None) -> float:
    """Wall time of one process, which must succeed."""
    began = time.perf_counter()
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True, env=env)
    return time.perf_counter() - began


def command(*words: str) -> list[str]:
    """`slm` as it is installed, or as a module where it is not."""
    installed = Path(sys.executable).with_name("slm")
    return [str(installed), *words] if installed.exists() else [*SLM, *words]


def ratio(words: list[str], pairs: int) -> float:
    """Median of command ÷ `python -c pass`, after one unmeasured start of each."""
    bare, ours = [sys.executable, "-c", "pass"], command(*words)
    seconds(bare), seconds(ours)
    return statistics.median(seconds(ours) / seconds(bare) for _ in range(pairs))


def pth_cost_ms(starts: int) -> float:
    """Median difference, in milliseconds, of starts with and without the `.pth` in an otherwise empty site folder."""
    with tempfile.TemporaryDirectory() as folder:
        envs = []
        for name, holds in (("with", True), ("without", False)):
            site = Path(folder, name)
            site.mkdir()
            if holds:
                (site / PTH.name).write_bytes(PTH.read_bytes())
            envs.append({**os.environ, "SLM_BENCHMARK_SITE": str(site)})
        # `-S` leaves the real site folders out; `addsitedir` is what reads a .pth at every start.
        bare = [sys.executable, "-S", "-c", "import os, site; site.addsitedir(os.environ['SLM_BENCHMARK_SITE'])"]
        for env in envs:
            seconds(bare, env)
        differences = []
        for turn in range(starts // 2):
            first, second = envs if turn % 2 else envs[::-1]
            times = {id(env): seconds(bare, env) for env in (first, second)}
            differences.append(times[id(envs[0])] - times[id(envs[1])])
        return 1000 * statistics.median(differences)


def rows(quick: bool) -> list[dict]:
    """Every figure of this benchmark."""
    pairs = 11 if quick else 41
    found = [row("slm --help", ratio(["--help"], pairs), "python starts", 4)]
    found += [row(f"slm {verb} --help", ratio([verb, "--help"], pairs), "python starts", 12) for verb in VERBS]
    if PTH.exists():
        found.append(row("slm_ext_sweagent.pth", pth_cost_ms(200), "ms", 1))
    else:
        found.append({**row("slm_ext_sweagent.pth", None, "ms", 1), "skipped": f"no {PTH.name} in this checkout"})
    return found


def row(name: str, value: float | None, unit: str, goal: float) -> dict:
    """One figure; smaller is better, `ok` is None where it was not measured."""
    ok = None if value is None else value <= goal
    shown = None if value is None else round(value, 3)
    return {"name": name, "value": shown, "unit": unit, "goal": goal, "better": "lower", "ok": ok}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="fewer pairs; ends within a minute")
    parser.add_argument("--json", action="store_true", help="print one JSON list")
    options = parser.parse_args()
    found = rows(options.quick)
    if options.json:
        print(json.dumps(found, indent=1))
    else:
        for figure in found:
            value = figure.get("skipped") or f"{figure['value']:g} {figure['unit']} (goal ≤ {figure['goal']:g})"
            mark = {True: "ok", False: "MISSED", None: "skipped"}[figure["ok"]]
            print(f"{mark:<8} {figure['name']:<24} {value}")
    return 1 if any(figure["ok"] is False for figure in found) else 0


if __name__ == "__main__":
    sys.exit(main())
