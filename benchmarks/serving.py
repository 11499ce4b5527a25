"""Figures of the model server: our engine against `mlx_lm.server` and against itself.

    python benchmarks/serving.py [--quick] [--json] [--only PART]

Needs the extra `mlx`. Servers run on loopback, with a state folder of their own, and end with the run. A ratio is taken
between neighbouring measurements inside the run, the order alternated, and the median of the pairs is reported; so a
busy machine slows both sides. Random weights everywhere but in the two parts whose figure depends on what is said.
"""

from __future__ import annotations

import argparse
import importlib
import json
import sys

PARTS = {
    "throughput": "tokens a second against mlx_lm.server, 1, 4 and 16 clients",
    "constrained": "tokens a second with a grammar against none, small and large vocabulary",
    "generations": "thousands of required calls of a random model, every wire format",
    "economy": "how often a token of a conversation goes through the model",
    "openblas": "prefill on Linux CPU with OpenBLAS against without",
    "first_token": "seconds from a second process's acquire to its first token",
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="smaller models, fewer pairs")
    parser.add_argument("--json", action="store_true", help="print one JSON list")
    listed = "; ".join(f"{name}: {what}" for name, what in PARTS.items())
    parser.add_argument("--only", action="append", choices=PARTS, metavar="PART", help=f"may be repeated. {listed}")
    options = parser.parse_args()

    from serving_parts.servers import Bench

    found = []
    with Bench(options.quick) as bench:
        for part in options.only or PARTS:
            found += importlib.import_module(f"serving_parts.{part}").rows(bench)
    print(json.dumps(found, indent=1) if options.json else "\n".join(map(_line, found)))
    return 1 if any(figure["ok"] is False for figure in found) else 0


def _line(figure: dict) -> str:
    sign = {"higher": "≥", "lower": "≤"}[figure["better"]]
    value = figure.get("skipped") or f"{figure['value']:g} {figure['unit']} (goal {sign} {figure['goal']:g})"
    mark = {True: "ok", False: "MISSED", None: "skipped" if "skipped" in figure else "-"}[figure["ok"]]
    return f"{mark:<8} {figure['name']:<78} {value}"


if __name__ == "__main__":
    sys.exit(main())
