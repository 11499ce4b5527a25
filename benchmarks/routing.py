"""Figures of routing and fitting: what a call takes before it is sent, and how many tokens of a run are prefilled.

    python benchmarks/routing.py [--quick] [--json] [--only PART]

The part `prefill` serves a random model on loopback, in a state folder of its own, and needs the extra `mlx`; `calls`
and `subtasks` need nothing but slm-ext. Times are of wall clock, each with the thread's own time beside it in the JSON:
where the two differ much, the machine had other work.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Callable
from typing import Any

PARTS = {
    "calls": "milliseconds from a call to its request, 200 messages, and of its record",
    "prefill": "tokens prefilled over a run of 60 steps, against SWE-agent's history processors",
    "subtasks": "how often the next step's kind of work is classified as labelled",
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="fewer calls; ends within a minute")
    parser.add_argument("--json", action="store_true", help="print one JSON list")
    listed = "; ".join(f"{name}: {what}" for name, what in PARTS.items())
    parser.add_argument("--only", action="append", choices=PARTS, metavar="PART", help=f"may be repeated. {listed}")
    parser.add_argument("--sweagent-python", metavar="PATH", default=sys.executable,
                        help="a Python with SWE-agent, to compare its history processors with those here; "
                        "default: this one")  # fmt: skip
    options = parser.parse_args()
    began = time.monotonic()

    def tell(text: str) -> None:
        load = os.getloadavg()[0]
        print(f"[{time.monotonic() - began:5.0f} s, load {load:.1f}] {text}", file=sys.stderr, flush=True)

    found = []
    for part in options.only or PARTS:
        found += _rows(part, options, tell)
    tell("done")
    print(json.dumps(found, indent=1) if options.json else "\n".join(map(_line, found)))
    return 1 if any(figure["ok"] is False for figure in found) else 0


def _rows(part: str, options: argparse.Namespace, tell: Callable[[str], None]) -> list[dict[str, Any]]:
    if part == "calls":
        from routing_parts.calls import rows

        return rows(options.quick, tell)
    if part == "subtasks":
        from routing_parts.subtasks import rows

        return rows()
    from routing_parts.prefill import rows

    return rows(tell, options.sweagent_python)


def _line(figure: dict[str, Any]) -> str:
    value = f"{figure['value']:g} {figure['unit']}"
    if figure["goal"] is not None:
        value += f" (goal {'≥' if figure['better'] == 'higher' else '≤'} {figure['goal']:g})"
    if wall := figure.get("wall_ms"):
        own = f", of its own p99 {figure['cpu_ms']['p99']:g}" if "cpu_ms" in figure else ""
        value += f"; median {wall['p50']:g}{own}, {wall['calls']} calls"
    mark = {True: "ok", False: "MISSED", None: "-"}[figure["ok"]]
    return f"{mark:<8} {figure['name']:<84} {value}"


if __name__ == "__main__":
    sys.exit(main())
