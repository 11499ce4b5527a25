"""Episodes for tests: made step by step, or read from the recorded runs."""

from __future__ import annotations

import json
from pathlib import Path

from slm_ext.datasets.config import BuildConfig
from slm_ext.datasets.episode import Episode, Step
from slm_ext.datasets.reading import read_episode
from slm_ext.datasets.rules import filter_episode
from slm_ext.routing.reading.actions import read_actions
from slm_ext.traces import read_traces

RUNS = Path(__file__).parents[1] / "data" / "runs"
ALL = BuildConfig(unresolved="steps", unlabelled="keep")


def recorded(name: str) -> Episode:
    """The episode of a folder in `tests/data/runs`."""
    (trace,) = read_traces(RUNS / name)
    return read_episode(trace, f"{trace.source.parent.name}/{trace.source.name}")


def step(tool: str = "", observation: str | None = "", said: str = "", **more) -> Step:
    """A step; what its call is for is read from the call as it is for recorded ones. `more`: fields of `Step`, and
    further names are arguments of the call."""
    fields = {name: more.pop(name) for name in list(more) if name in Step.__struct_fields__}
    arguments = fields.pop("arguments", more)
    calls = [_call(tool, arguments)] if tool else []
    reply = {"role": "assistant", "content": said} | ({"tool_calls": calls} if calls else {})
    result = {"role": "tool", "tool_call_id": "1", "content": observation or ""}
    made = read_actions([reply, result])[0] if tool else None
    read = (
        {"kind": made.kind, "outcome": made.status, "changed": made.changed, "paths": list(made.paths)} if made else {}
    )
    given = {"status": "ok", "reply": reply, "observation": observation, **read, **fields}
    return Step(number=0, attempt=1, prompt=[], tool=tool, arguments=arguments, **given)


def bash(command: str, observation: str = "done", **more) -> Step:
    """A shell command."""
    return step("bash", observation, command=command, **more)


def episode(*steps: Step, issue: str = "The sum is wrong.", **fields) -> Episode:
    """A run of these steps, each after all that was before."""
    messages = [{"role": "system", "content": "You fix bugs."}, {"role": "user", "content": issue}]
    for number, one in enumerate(steps, start=1):
        one.number = number
        one.prompt = list(range(len(messages)))
        messages += [one.reply, {"role": "tool", "tool_call_id": "1", "content": one.observation or ""}]
    instance = fields.pop("instance", "sums-1")
    made = {"id": instance, "source": f"{instance}.traj", "form": "made", "verdict": True, **fields}
    return Episode(instance=instance, messages=messages[: len(messages) - 2 if steps else 2], steps=list(steps), **made)


def reasons(run: Episode, config: BuildConfig = ALL) -> list[list[str]]:
    """What speaks against each step."""
    return [one.bad for one in filter_episode(run, config).steps]


def bad(rule: str, *steps: Step, **fields) -> list[int]:
    """Indices of the steps that a rule speaks against."""
    return [index for index, found in enumerate(reasons(episode(*steps, **fields))) if rule in found]


def _call(tool: str, arguments: dict) -> dict:
    return {"id": "1", "type": "function", "function": {"name": tool, "arguments": json.dumps(arguments)}}
