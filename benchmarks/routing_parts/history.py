"""Long conversations as a host keeps them, made of this package's own source: no two seeds give the same texts."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import slm_ext
from slm_ext.bundles import load_bundles, tool_schemas

__all__ = ["TOOLS", "exchanges", "opening"]

BASH = {
    "type": "function",
    "function": {
        "name": "bash",
        "description": "Run a command in the repository.",
        "parameters": {"type": "object", "properties": {"command": {"type": "string"}}, "required": ["command"]},
    },
}
TOOLS = [BASH, *tool_schemas(load_bundles(["slm_edit", "slm_python_quality", "slm_finish"]))]
"""What a host offers: a shell and our bundles."""

_SYSTEM = (
    "You are a software engineer who fixes one issue in a Python repository. You act only by calling the tools you are "
    "given, one call in each reply. The tools work in the repository; paths are relative to it."
)
_LEAST, _MOST = 200, 3000
"""Characters of a result."""


def opening(seed: int) -> list[dict[str, Any]]:
    """System text and task."""
    task = f"Fix issue {seed}: `total` counts the last order twice. Find the cause, fix it, and run the tests."
    return [{"role": "system", "content": _SYSTEM}, {"role": "user", "content": task}]


def exchanges(seed: int) -> Iterator[list[dict[str, Any]]]:
    """Calls and their results, without end: [assistant's message, tool's message]."""
    rng = random.Random(seed)
    files = sorted(Path(slm_ext.__file__).parent.glob("*/*.py"))
    texts = {file: file.read_text(encoding="utf-8").splitlines() for file in files}
    number = 0
    while True:
        number += 1
        file = rng.choice(files)
        make = rng.choices([_reads, _searches, _edits, _tests], [5, 2, 2, 2])[0]
        tool, arguments, result = make(rng, str(file.relative_to(file.parents[2])), texts[file])
        call = {"id": f"call_{seed}_{number}", "type": "function"}
        call["function"] = {"name": tool, "arguments": json.dumps(arguments)}
        said = rng.choice(["", "I look at that.", "Next, the part of it that the failure points to."])
        yield [
            {"role": "assistant", "content": said, "tool_calls": [call]},
            {"role": "tool", "tool_call_id": call["id"], "content": result},
        ]


def _reads(rng: random.Random, path: str, lines: list[str]) -> tuple[str, dict, str]:
    size, most = rng.randint(_LEAST, _MOST), max(1, len(lines))
    start = rng.randrange(most)
    shown, chars = [f"{path}: lines {start + 1}-… of {len(lines)}"], 0
    for i in range(10 * most):
        at = (start + i) % most
        shown.append(f"{at + 1:>4} {lines[at] if lines else ''}")
        chars += len(shown[-1])
        if chars > size:
            break
    return "read_file", {"path": path, "start": start + 1, "end": start + len(shown)}, "\n".join(shown)[:_MOST]


def _searches(rng: random.Random, path: str, lines: list[str]) -> tuple[str, dict, str]:
    word = rng.choice([word for line in lines for word in line.split() if word.isidentifier()] or ["total"])
    found = [f"{path}:{i + 1}:{line}" for i, line in enumerate(lines) if word in line]
    command = f"grep -rn {word} {path.rpartition('/')[0]}"
    return "bash", {"command": command}, "\n".join((found * 20)[: rng.randint(4, 30)])[:_MOST].ljust(_LEAST)


def _edits(rng: random.Random, path: str, lines: list[str]) -> tuple[str, dict, str]:
    at = rng.randrange(max(1, len(lines)))
    old = lines[at].strip() if lines else "pass"
    new = f"{old}  # {rng.randrange(10**6)}"
    shown = "\n".join(f"{i + 1:>4} {lines[i]}" for i in range(max(0, at - 4), min(len(lines), at + 5)))
    arguments = {"path": path, "line": at + 1, "old": old, "new": new}
    return "edit_line", arguments, f"edited {path} line {at + 1}\n{shown}"[:_MOST].ljust(_LEAST)


def _tests(rng: random.Random, path: str, lines: list[str]) -> tuple[str, dict, str]:
    target = "tests/" + path.rpartition("/")[2]
    if rng.random() < 0.6:
        text = f"pass: {rng.randint(3, 90)} passed"
    else:
        shown = "\n".join(f"    {line}" for line in lines[: rng.randint(5, 40)])
        text = f"fail: 1 failed, {rng.randint(3, 90)} passed\nFAILED {target}::test_total\n{shown}\nE   assert 1 == 2"
    return "pytest_run", {"targets": [target]}, text[:_MOST].ljust(_LEAST)
