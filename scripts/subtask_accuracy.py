"""How often the classifier of `slm_ext/routing/reading/subtasks.py` is right, and where it is not.

    python scripts/subtask_accuracy.py [--wrong]

Two kinds of cases. *Labelled*: conversations written by hand, each step with what a careful engineer would do next; a
third of them, by a hash of the conversation's name, is held out. *Recorded*: runs of both hosts, each step with the
kind of the action that came next. A run may do what no careful engineer would. Runs of `scripts/record_runs.py` are
not among them: they were made to go wrong.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import yaml

from slm_ext.routing.reading.actions import read_actions
from slm_ext.routing.reading.subtasks import classify
from slm_ext.traces import read_calls

__all__ = ["Case", "accuracy", "held_out", "labelled", "main", "recorded"]

DATA = Path(__file__).parents[1] / "tests" / "data"
RUNS = (
    "mini-bookings", "mini-inventory", "mini-playlist", "mini-redrawn", "mini-rejected", "mini-stalled",
    "sweagent-inventory", "sweagent-playlist",
)  # fmt: skip


@dataclass(frozen=True)
class Case:
    """A conversation up to some step, and what comes next."""

    name: str
    messages: list[dict]
    label: str

    @property
    def guess(self) -> str:
        return classify(read_actions(self.messages))


def labelled() -> list[Case]:
    """The cases written by hand, named CONVERSATION/INDEX."""
    cases = []
    for conversation in yaml.safe_load((DATA / "routing" / "labelled.yaml").read_text(encoding="utf-8")):
        messages = [{"role": "user", "content": conversation["task"]}]
        for index, step in enumerate(conversation["steps"]):
            if "next" in step:
                cases.append(Case(f"{conversation['name']}/{index}", list(messages), step["next"]))
            messages += _said(step, index, conversation["host"])
    return cases


def recorded() -> list[Case]:
    """The cases of the recorded runs, named RUN/STEP: every call that was taken."""
    cases = []
    for run in RUNS:
        for record in read_calls(DATA / "runs" / run):
            if record["kind"] == "call" and record["validation"]["status"] == "ok" and record["tool_calls"]:
                cases.append(_recorded(run, record))
    return cases


def held_out(case: Case) -> bool:
    """Whether the rules must not be tuned on it."""
    return hashlib.sha256(case.name.partition("/")[0].encode()).digest()[0] % 3 == 0


def accuracy(cases: list[Case]) -> float:
    """Part of the cases that is classified as labelled."""
    return sum(case.guess == case.label for case in cases) / len(cases)


def main(argv: list[str] | None = None) -> int:
    """Print everything; the return value is an exit code."""
    parser = argparse.ArgumentParser(description="Accuracy of the subtask classifier.")
    parser.add_argument("--wrong", action="store_true", help="list the wrong cases, without those held out")
    options = parser.parse_args(argv)
    hand = labelled()
    for title, cases, shown in (
        ("labelled, rules tuned on", [case for case in hand if not held_out(case)], True),
        ("labelled, held out", [case for case in hand if held_out(case)], False),
        ("recorded", recorded(), True),
    ):
        print("\n".join(_report(title, cases)), end="\n\n")
        for case in cases if options.wrong and shown else ():
            if case.guess != case.label:
                print(f"  {case.name}: {case.guess}, labelled {case.label}")
    return 0


def _report(title: str, cases: list[Case]) -> Iterator[str]:
    pairs = Counter((case.label, case.guess) for case in cases)
    names = sorted({name for pair in pairs for name in pair})
    right = sum(count for (label, guess), count in pairs.items() if label == guess)
    yield f"{title}: {right} of {len(cases)} ({right / len(cases):.1%})"
    yield f"{'label':>9} {'right':>9}  " + " ".join(f"{name:>7}" for name in names)
    for label in names:
        row = [pairs[label, guess] for guess in names]
        if sum(row):
            score = f"{pairs[label, label]}/{sum(row)}"
            yield f"{label:>9} {score:>9}  " + " ".join(f"{count or '.':>7}" for count in row)


def _said(step: dict, index: int, host: str) -> list[dict]:
    """The messages of one step: call and result, or text and what the host says to it."""
    if "say" in step:
        return [
            {"role": "assistant", "content": step["say"]},
            {"role": "user", "content": "error no_call: the reply has no tool call"},
        ]
    calls = {key: value for key, value in step.items() if key not in ("next", "out", "rc")}
    if not calls:
        return []
    (tool, arguments), *_ = calls.items()
    if tool == "bash":
        arguments = {"command": arguments}
    call = {"id": f"call_{index}", "type": "function"}
    call["function"] = {"name": tool, "arguments": json.dumps(arguments)}
    result = _wrapped(step.get("out", ""), step.get("rc", 0), host)
    return [
        {"role": "assistant", "content": "", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": call["id"], "content": result},
    ]


def _wrapped(out: str, code: int, host: str) -> str:
    if host == "mini":
        return f"<returncode>{code}</returncode>\n<output>\n{out}\n</output>"
    if host == "mini_json":
        return f'{{\n  "returncode": {code},\n  "output": {json.dumps(out)}\n}}'
    if host == "sweagent":
        return f"OBSERVATION:\n{out}" if out else "Your command ran successfully and did not produce any output."
    return out


def _recorded(run: str, record: dict) -> Case:
    call = record["tool_calls"][0]
    function = {"name": call["name"], "arguments": json.dumps(call["arguments"])}
    messages = record["request"]["messages"]
    reply = {"role": "assistant", "content": "", "tool_calls": [{"id": "next", "function": function}]}
    label = read_actions([reply])[0].kind if read_actions(messages) else "plan"
    return Case(f"{run}/{record['step']}", messages, label)


if __name__ == "__main__":
    sys.exit(main())
