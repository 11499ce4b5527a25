"""Figures of dataset building: how fast, beside the only comparable public converter, and in how much memory.

    python benchmarks/datasets.py [--quick] [--json] [--only PART]

The other converter is SWE-smith's `swesmith/train/traj_mgr`: set SWESMITH_ROOT to a checkout (it needs pyyaml
and tqdm); without it these figures are skipped. It loads each file with `json`, takes the last step and checks nothing.
Both read the same files, each side in a process of its own, in neighbouring pairs.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

PARTS = {
    "speed": "runs a second: reading and converting alone, and the whole pipeline, over SWE-smith's conversion",
    "memory": "peak memory from 200 to 20,000 files of about 100 kB",
}
# A further part is one line here and a module datasets_parts/PART.py with `rows(quick, tell)`.


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="fewer files and pairs; ends within a minute")
    parser.add_argument("--json", action="store_true", help="print one JSON list")
    listed = "; ".join(f"{name}: {what}" for name, what in PARTS.items())
    parser.add_argument("--only", action="append", choices=PARTS, metavar="PART", help=f"may be repeated. {listed}")
    options = parser.parse_args()
    began = time.monotonic()

    def tell(text: str) -> None:
        load = os.getloadavg()[0]
        print(f"[{time.monotonic() - began:5.0f} s, load {load:.1f}] {text}", file=sys.stderr, flush=True)

    sys.path.insert(0, str(Path(__file__).resolve().parent))
    found: list[dict[str, Any]] = []
    for part in options.only or PARTS:
        tell(f"{part}: {PARTS[part]}")
        rows = importlib.import_module(f"datasets_parts.{part}").rows(options.quick, tell)
        found += [{**figure, "part": part} for figure in rows]
    tell("done")
    print(json.dumps(found, indent=1) if options.json else "\n".join(map(_line, found)))
    return 1 if any(figure["ok"] is False for figure in found) else 0


def _line(figure: dict[str, Any]) -> str:
    value = figure.get("skipped") or f"{figure['value']:g} {figure['unit']}"
    if figure["goal"] is not None:
        value += f" (goal {'≥' if figure['better'] == 'higher' else '≤'} {figure['goal']:g})"
    mark = {True: "ok", False: "MISSED", None: "skipped" if "skipped" in figure else "-"}[figure["ok"]]
    return f"{mark:<8} {figure['name']:<72} {value}"


if __name__ == "__main__":
    sys.exit(main())
