"""Trajectories as SWE-agent 1.1 writes them, made up: every step repeats the history before it.

The usual run has 24 steps with 3.5 kB of text each, which is what the five samples of SWE-smith's runs in
agent-data-protocol have in the mean (16 to 39 steps, 2.2 to 5.6 kB a step), so a file has about 1.3 MB.
Runs look at the numbered lines of their project's files, so that lines come again, as they do when an agent works.
"""

from __future__ import annotations

import json
import random
from functools import lru_cache
from pathlib import Path
from typing import Any

__all__ = ["model_folder", "write"]

_WORDS = [
    "def",
    "return",
    "self",
    "value",
    "import",
    "path",
    "test",
    "class",
    "error",
    "line",
    "assert",
    "for",
    "in",
    "if",
    "else",
    "None",
    "True",
    "False",
    "index",
    "items",
    "result",
    "config",
    "parser",
    "token",
    "message",
    "request",
    "response",
    "update",
    "handle",
    "read",
    "write",
    "file",
    "open",
    "close",
    "raise",
    "except",
    "with",
    "as",
    "yield",
    "lambda",
    "module",
    "package",
    "version",
    "data",
    "model",
    "field",
    "schema",
    "encode",
    "decode",
    "buffer",
    "stream",
    "cache",
    "lock",
    "queue",
    "worker",
    "thread",
]


def write(folder: Path, count: int, *, steps: int = 24, step_chars: int = 3500, tasks: int = 1000) -> None:
    """`count` runs below `folder/trajs`, and a verdict on each below `folder/eval`, as SWE-agent and swebench do."""
    for number in range(count):
        rng = random.Random(number)
        task = number % tasks
        name = f"owner{task % 50}__project{task % 50}.{task:08x}.bug__{number:05d}"
        here = folder / "trajs" / name
        here.mkdir(parents=True, exist_ok=True)
        length = max(3, round(steps * rng.uniform(0.6, 1.5)))
        (here / f"{name}.traj").write_text(json.dumps(_run(rng, _project(task % 50), length, step_chars), indent=2))
        verdict = folder / "eval" / name
        verdict.mkdir(parents=True, exist_ok=True)
        (verdict / "report.json").write_text(json.dumps({name: {"resolved": True}}))


def model_folder(folder: Path) -> Path:
    """A model's tokenizer and chat template, for a model of 32,768 tokens: the 65,000 token BPE that litellm brings,
    with ChatML's marks and flywheel-tiny's template."""
    from importlib.util import find_spec

    from tokenizers import AddedToken, Tokenizer

    from slm_ext import paths

    found = find_spec("litellm")  # importing it takes seconds
    source = Path(str(found and found.origin)).parent / "litellm_core_utils" / "tokenizers" / "anthropic_tokenizer.json"
    tokenizer = Tokenizer.from_file(str(source))
    marks = ["<|im_start|>", "<|im_end|>", "<tool_call>", "</tool_call>"]
    tokenizer.add_tokens([AddedToken(mark, normalized=False, special=mark.startswith("<|")) for mark in marks])
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(folder / "tokenizer.json"))
    config = json.loads((paths.tiny_model_dir() / "tokenizer_config.json").read_text())
    (folder / "tokenizer_config.json").write_text(json.dumps(config))
    (folder / "config.json").write_text(json.dumps({"max_position_embeddings": 32_768}))
    return folder


class _Project:
    """Ten modules of 400 lines; what a run looks at are ranges of their numbered lines, as editors show them."""

    def __init__(self, number: int):
        rng = random.Random(f"project {number}")
        texts = [_text(rng, 16_000).split("\n")[:400] for _ in range(10)]
        self.modules = [[f"{i:6}\t{line}" for i, line in enumerate(lines, start=1)] for lines in texts]

    def view(self, rng: random.Random, module: int, chars: int) -> str:
        lines = self.modules[module]
        count = min(len(lines), max(3, chars // 60))
        begin = rng.randint(0, len(lines) - count)
        shown = "\n".join(lines[begin : begin + count])
        return f"Here's the result of running `cat -n` on /testbed/src/module{module}.py:\n{shown}"


@lru_cache(maxsize=64)
def _project(number: int) -> _Project:
    return _Project(number)


def _run(rng: random.Random, project: _Project, steps: int, step_chars: int) -> dict[str, Any]:
    system = f"You are a helpful assistant that can use a computer to solve tasks.\n{_text(random.Random(0), 900)}"
    issue = f"<pr_description>\n{_text(rng, 1200)}\n</pr_description>\n{_text(random.Random(1), 1500)}"
    history: list[dict[str, Any]] = [
        {"role": "system", "content": system, "agent": "main", "message_type": "system_prompt"},
        {"role": "user", "content": [{"type": "text", "text": issue}], "agent": "main", "message_type": "observation"},
    ]
    trajectory = []
    for number in range(steps):
        module = rng.randint(0, 9)
        thought, arguments = _text(rng, rng.randint(80, 400)), _arguments(rng, number, module)
        ident, text = f"call_{rng.randint(0, 10**9)}", json.dumps(arguments)
        action = f"str_replace_editor {text}"
        observation = project.view(rng, module, int((step_chars - 500) * rng.uniform(0.2, 1.8)))
        trajectory.append({
            "action": action, "observation": observation, "response": thought, "thought": thought,
            "execution_time": 0.3, "state": {"working_dir": "/testbed"}, "query": list(history), "extra_info": {},
        })  # fmt: skip
        call = {"id": ident, "type": "function", "function": {"name": "str_replace_editor", "arguments": text}}
        history += [
            {"role": "assistant", "content": thought, "thought": thought, "action": action, "agent": "main",
             "tool_calls": [call], "message_type": "action"},
            {"role": "tool", "content": [{"type": "text", "text": observation}], "agent": "main",
             "tool_call_ids": [ident], "message_type": "observation"},
        ]  # fmt: skip
    return {
        "environment": "swe_main", "trajectory": trajectory, "history": history,
        "info": {"exit_status": "submitted", "submission": "diff --git a/a.py b/a.py\n"},
        "replay_config": json.dumps({"agent": {"model": {"name": "gpt-4o"}}}),
    }  # fmt: skip


def _arguments(rng: random.Random, number: int, module: int) -> dict[str, Any]:
    path = f"/testbed/src/module{module}.py"
    if number % 3:
        return {"command": "view", "path": path, "view_range": [rng.randint(1, 200), 300]}
    return {"command": "str_replace", "path": path, "old_str": _text(rng, 200), "new_str": _text(rng, 220)}


def _text(rng: random.Random, chars: int) -> str:
    lines, size = [], 0
    while size < chars:
        words = " ".join(rng.choice(_WORDS) for _ in range(rng.randint(3, 12)))
        line = "    " * rng.randint(0, 3) + words + rng.choice([":", "", "()", f" = {rng.randint(0, 999)}"])
        lines.append(line)
        size += len(line) + 1
    return "\n".join(lines)[
        :chars
    ].strip()  # blanks at the ends of answers and values do not survive every model's format
