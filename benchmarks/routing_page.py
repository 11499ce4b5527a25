"""Writes docs/reference/routing-figures.md from what the benchmark of routing printed.

python benchmarks/routing.py --json > routing.json
python benchmarks/routing_page.py routing.json --on "2 x86-64 cores, 16 GB"
"""

from __future__ import annotations

import argparse
import json
import os
import platform
from pathlib import Path
from typing import Any

PAGE = Path(__file__).resolve().parents[1] / "docs" / "reference" / "routing-figures.md"

_HEAD = """# Figures of routing and fitting

Written by `python benchmarks/routing_page.py` from the output of the commands below. Measured on {on}.

## Before a request is sent

`python benchmarks/routing.py --only calls`

A router over three providers, in one process: from `Completion.complete` to the HTTP request, ready to be sent, at the
client's transport. The conversations are made of this package's source, with results of 200 to 3,000 characters; each
call has one exchange more than the one before. Milliseconds of wall clock.

"""

_CALLS = """
- **Nothing to cut**: the windows hold the conversation. **A cut in force**: an earlier call made it. **A cut is made**:
  by this call, of a conversation that was whole so far.
- **Tokenizer**: every provider counts with flywheel-tiny's, and has counted all but the last exchange before.
  **Each its own**: a provider that is asked again has to count what it was not shown meanwhile.
- **Of that**: the steps of a call with nothing to cut, with the tokenizer. *Count* is the size of the whole
  conversation, for the router; *client and JSON* writes the body and takes it through the HTTP client.
- What is above the goal is the tokenizer: a result of 3,000 characters takes flywheel-tiny's 2 ms. What came since the
  server's last count is weighed by its bytes where it is less than a tenth of the prompt, so most calls do without.
- **The record** is written when the answer is in.

## Tokens prefilled over a run

`python benchmarks/routing.py --only prefill` needs the extra `mlx`.

The 60 steps of `benchmarks/routing_parts/recorded.json`: a change of this repository. The calls were written by hand,
each result is what the tools and programs answered. Before each step the whole prompt is sent to a random model, served
by our engine with a window that holds the run; what it generates is not used. *Prefilled* is the prompt's tokens
without those that `usage` reports as cached.

"""

_PREFILL = """
- **One prefill per token**: with nothing left out, no server can compute less than the last prompt once. It is the
  limit for every view that keeps everything.
- **`last_n_observations`** sends fewer tokens, but changes an old message with each step: all behind it is computed
  again, five exchanges a step. Of a run of 60 equal steps these are 275 exchanges against 59, 4.66 times as many; the
  longer the run, the nearer to 5.
- **`cache_control`** marks messages for servers that cache on demand. It leaves nothing out, and our engine caches in
  any case.
- SWE-agent's processors are written anew in the benchmark, from their code. Compared with SWE-agent's own: {checked}.
- **Window of 40 %**: the limit is that part of the last prompt; each cut costs a prefill of what is left.

## Kinds of work

`python benchmarks/routing.py --only subtasks`; `python scripts/subtask_accuracy.py` prints it kind by kind.

"""


def page(figures: list[dict[str, Any]], on: str) -> str:
    """The page's Markdown.

    Args:
        figures: list of rows that `routing.py --json` prints; all parts.
        on: the machine, in words.
    """
    prefill = [figure for figure in figures if "60 steps" in figure["name"]]
    subtasks = [figure for figure in figures if figure["name"].startswith("subtasks: ")]
    calls = [figure for figure in figures if figure not in prefill and figure not in subtasks]
    checked = next((figure["sweagent"] for figure in prefill if "sweagent" in figure), "not checked")
    return "".join(
        [
            _HEAD.format(on=on),
            _times(calls),
            _CALLS,
            _table(prefill),
            _PREFILL.format(checked=checked),
            _table(subtasks),
        ]
    )


def _times(figures: list[dict[str, Any]]) -> str:
    lines = ["| figure | p50 | p99 | goal | calls |", "| --- | --- | --- | --- | --- |"]
    for figure in figures:
        wall, name = figure["wall_ms"], figure["name"].removesuffix(", p99")
        missed = " (missed)" if figure["ok"] is False else ""
        lines.append(f"| {name} | {wall['p50']:.2f} | {wall['p99']:.2f}{missed} | {_goal(figure)} | {wall['calls']} |")
    return "\n".join(lines) + "\n"


def _table(figures: list[dict[str, Any]]) -> str:
    lines = ["| figure | measured | goal |", "| --- | --- | --- |"]
    for figure in figures:
        missed = " (missed)" if figure["ok"] is False else ""
        lines.append(f"| {figure['name']} | {_number(figure['value'])} {figure['unit']}{missed} | {_goal(figure)} |")
    return "\n".join(lines) + "\n"


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:g}"


def _goal(figure: dict[str, Any]) -> str:
    if figure["goal"] is None:
        return "for comparison"
    return f"{'≥' if figure['better'] == 'higher' else '≤'} {figure['goal']:g}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("figures", type=Path)
    parser.add_argument("--on", default=f"{os.cpu_count()} {platform.machine()} cores, {platform.system()}",
                        help="the machine, in words; default: %(default)s")  # fmt: skip
    options = parser.parse_args()
    PAGE.write_text(page(json.loads(options.figures.read_text(encoding="utf-8")), options.on), encoding="utf-8")


if __name__ == "__main__":
    main()
