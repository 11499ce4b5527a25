"""The tools that a run of SWE-agent offered, from the bundles it names: their schemas stand in no trajectory."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from slm_ext.datasets.episode import Episode
from slm_ext.errors import UsageError

__all__ = ["offer_tools", "schemas_of"]

_BASH = {
    "type": "function",
    "function": {
        "name": "bash",
        "description": "runs the given command directly in bash",
        "parameters": {
            "type": "object",
            "properties": {"command": {"type": "string", "description": "The bash command to execute."}},
            "required": ["command"],
        },
    },
}  # as SWE-agent 1.1 offers it (sweagent/tools/commands.py)


def offer_tools(episode: Episode, bundles: Sequence[str], folder: Path) -> Episode:
    """The episode with the schemas of its tools, where its calls are calls and it does not have them yet.

    Args:
        bundles: as the run's configuration names them; the last part of a path counts.
        folder: of bundles, SWE-agent's `tools/`.
    """
    if episode.tools or not any(step.native and step.tool for step in episode.steps):
        return episode
    tools = schemas_of(tuple(Path(name).name for name in bundles), folder)
    if any(step.tool == "bash" for step in episode.steps):
        tools = [_BASH, *tools]
    if tools:
        sha = hashlib.sha256(json.dumps(tools, sort_keys=True).encode()).hexdigest()
        episode.tools = {sha: tools}
        for step in episode.steps:
            step.tools = sha
    return episode


@lru_cache(maxsize=64)
def schemas_of(names: tuple[str, ...], folder: Path) -> list[dict[str, Any]]:
    """OpenAI's `tools` of bundles, key by key as SWE-agent makes them.

    Raises:
        UsageError: a bundle that is not in the folder, or cannot be read.
    """
    found = []
    for name in names:
        file = folder / name / "config.yaml"
        try:
            data = yaml.safe_load(file.read_text(encoding="utf-8"))
            found += [_schema(tool, given) for tool, given in (data.get("tools") or {}).items()]
        except (OSError, yaml.YAMLError, AttributeError, KeyError, TypeError) as error:
            raise UsageError(
                f"read the tool bundle {name} of a run", seen=str(error), allowed=f"a bundle in {folder}",
                next_step="name the folder that holds it with --bundles",
            ) from None  # fmt: skip
    return found


def _schema(name: str, tool: dict[str, Any]) -> dict[str, Any]:
    parameters: dict[str, Any] = {"type": "object"}
    if arguments := tool.get("arguments"):
        parameters["properties"] = {
            argument["name"]: {
                key: argument[key] for key in ("type", "description", "items", "enum") if argument.get(key)
            }
            for argument in arguments
        }
        parameters["required"] = [argument["name"] for argument in arguments if argument.get("required")]
    return {
        "type": "function",
        "function": {"name": name, "description": tool.get("docstring") or "", "parameters": parameters},
    }
