"""Writes docs/reference/serving-figures.md from what the benchmark and the soak of the server printed and wrote.

python benchmarks/serving.py --json > serving.json
python benchmarks/soak.py --out soak.json
python benchmarks/serving_page.py serving.json soak.json --on "2 x86-64 cores, 16 GB"
"""

from __future__ import annotations

import argparse
import json
import os
import platform
from pathlib import Path
from typing import Any

PAGE = Path(__file__).resolve().parents[1] / "docs" / "reference" / "serving-figures.md"

_HEAD = """# Figures of the model server

Written by `python benchmarks/serving_page.py` from the output of the two commands below. Measured on {on}.

## Speed, grammars, memory of earlier prompts

`python benchmarks/serving.py` needs the extra `mlx` and nothing else. Ratios are taken between neighbouring
measurements in one run, the order alternated; the median of the pairs is shown, with the pairs' range. Where a row
names no model, the weights are random.

"""

_MEANING = """
- **Throughput** counts generated tokens over the time from the first request to the last answer, prefill of prompts of
  about 80 tokens included. Both servers have the same folder, prompts, limits, width of the batch and OpenBLAS.
- **Constrained vs free**: one tool call that goes on to the last token, against text of the same length without a
  grammar. With 120,000 entries the embedding is most of the model.
- **Required calls**: `tool_choice: required` at temperature 1, every schema of `slm_ext.testing.schemas` in every wire
  format, alone and offered together, one call or several. Two of the tools take text of any length, so some answers
  reach the limit of tokens. What ends by itself is checked against the tool's JSON schema.
- **Tokens computed** are those that went through the model, in prefill and in decoding; every token of the final
  conversation has to once.
- **OpenBLAS**: tokens of a prompt a second until the first token of the answer.
"""

_SOAK = """
## Soak

`python benchmarks/soak.py`: {minutes:g} minutes, 8 client processes, a random model of {parameters} parameters.
Prompts and answers of random sizes, streamed or not, with grammars or not; clients that go away in the middle of an
answer or of the prefill, clients that are killed, requests that have to be refused.
Settings: {settings}.

"""

_AFTER_SOAK = """
Memory is the engine's resident set, the median of the last tenth of the time against that of the tenth after warm-up
(the first fifth); {median_mb} MB at the median, {most_mb} MB at the most. Requests by outcome: {outcomes}. `left`: the
client went away; `refused`: a 4xx that it asked for; `busy`: 429, the queue being full. Clients killed: {killed}.
Seconds of an answer, median and 95th percentile: {seconds}.
"""


def page(figures: list[dict[str, Any]], soak: dict[str, Any], on: str) -> str:
    """The page's Markdown.

    Args:
        figures: list of rows that `serving.py --json` prints.
        soak: document that `soak.py` writes.
        on: the machine, in words.
    """
    rows = {row["name"]: row for row in soak["figures"]}
    memory, answered = rows["memory growth after warm-up"], rows["requests answered"]
    counted = lambda counts: ", ".join(f"{count:,} {name}" for name, count in sorted(counts.items()))  # noqa: E731
    return "".join(
        [
            _HEAD.format(on=on),
            _table(figures),
            _MEANING,
            _SOAK.format(
                minutes=soak["minutes"],
                parameters=soak["parameters"],
                settings=", ".join(f"`{name}: {value}`" for name, value in soak["settings"].items()),
            ),
            _table(soak["figures"]),
            _AFTER_SOAK.format(
                median_mb=memory["median_mb"],
                most_mb=memory["most_mb"],
                outcomes=counted(answered["outcomes"]),
                killed=answered["clients_killed"],
                seconds=" and ".join(map(str, answered["seconds_p50_p95"])),
            ),
        ]
    )


def _table(figures: list[dict[str, Any]]) -> str:
    lines = ["| figure | measured | goal |", "| --- | --- | --- |"]
    for figure in figures:
        sign = {"higher": "≥", "lower": "≤"}[figure["better"]]
        value = figure.get("skipped") or f"{figure['value']:g} {figure['unit']}"
        if ratios := figure.get("ratios"):
            value += f" ({min(ratios):g} to {max(ratios):g})"
        goal = "for comparison" if figure["ok"] is None else f"{sign} {figure['goal']:g}"
        missed = " (missed)" if figure["ok"] is False else ""
        lines.append(f"| {figure['name']} | {value}{missed} | {goal} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("figures", type=Path)
    parser.add_argument("soak", type=Path)
    parser.add_argument("--on", default=f"{os.cpu_count()} {platform.machine()} cores, {platform.system()}",
                        help="the machine, in words; default: %(default)s")  # fmt: skip
    options = parser.parse_args()
    read = lambda path: json.loads(path.read_text(encoding="utf-8"))  # noqa: E731
    PAGE.write_text(page(read(options.figures), read(options.soak), options.on), encoding="utf-8")


if __name__ == "__main__":
    main()
