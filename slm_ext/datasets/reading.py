"""Stage `read`: from a trace to an episode. What a run does not tell about itself is asked nowhere else."""

from __future__ import annotations

import hashlib
import json
import re
from typing import Any

from slm_ext.datasets.episode import Episode, Step
from slm_ext.routing.reading.actions import Action, read_actions
from slm_ext.routing.reading.subtasks import classify
from slm_ext.traces import Trace, Turn

__all__ = ["read_episode", "repository_of"]

_GITHUB = re.compile(r"^(?P<owner>[\w.-]+?)__(?P<name>[\w.-]+?)(?:-\d+(?:_\d+)?|\.[0-9a-f]{8}(?:\..*)?)$")
"""Instance ids of SWE-bench (`owner__name-123`) and SWE-smith (`owner__name.1a2b3c4d.bug`)."""


def read_episode(trace: Trace, source: str | None = None) -> Episode:
    """The episode of a run, not yet judged.

    Args:
        source: name of the file among the inputs, so that a build does not depend on where they lie; None: its own.
    """
    source = source or trace.source.name
    pool: dict[int, int] = {}
    messages: list[dict[str, Any]] = []
    steps = []
    done: list[Action] = []
    for turn in trace.turns:
        call = turn.answer
        made = read_actions(_exchange(turn))
        if call.summary or call.reply is None or call.status not in ("ok", "rejected"):
            done += made
            continue
        subtask = (call.route or {}).get("subtask") or classify(done)
        prompt = []
        for message in call.prompt if call.prompt is not None else turn.messages:
            at = pool.get(id(message))
            if at is None:
                at = pool[id(message)] = len(messages)
                messages.append(message)
            prompt.append(at)
        steps.append(_step(turn, prompt, subtask, made[0] if made else None))
        done += made
    extra = trace.extra
    return Episode(
        id=hashlib.sha256(f"{source}:{trace.offset}:{trace.attempt}".encode()).hexdigest()[:16],
        source=source,
        form=trace.form,
        instance=trace.instance_id,
        host=trace.host,
        run_id=trace.run_id,
        repo=extra.get("repo") or repository_of(trace.instance_id),
        commit=extra.get("base_commit"),
        model=next((name for turn in trace.turns if (name := turn.answer.provider or turn.answer.model)), None),
        verdict=trace.resolved,
        verdict_source=trace.form if trace.resolved is not None else None,
        submitted=trace.submitted,
        exit_status=trace.exit_status,
        patch=trace.patch,
        license=trace.license,
        chosen=extra.get("chosen", True),
        tainted=_tainted(trace),
        messages=messages,
        tools=trace.tools,
        steps=steps,
    )


def repository_of(instance: str) -> str | None:
    """`owner/name` of an instance id that tells it."""
    found = _GITHUB.match(instance)
    return f"{found['owner']}/{found['name']}" if found else None


def _exchange(turn: Turn) -> list[dict[str, Any]]:
    """The call of a turn and what it brought, in the form that actions are read from."""
    call = turn.answer
    if not call.tool:
        return []
    said = next(iter((call.reply or {}).get("tool_calls") or ()), None)
    known = said is not None and said["function"]["name"] == call.tool
    arguments = said["function"]["arguments"] if said is not None and known else json.dumps(call.arguments)
    function = {"name": call.tool, "arguments": arguments}
    made = {"role": "assistant", "content": "", "tool_calls": [{"id": "1", "type": "function", "function": function}]}
    return [made, {"role": "tool", "tool_call_id": "1", "content": turn.observation or ""}]


def _step(turn: Turn, prompt: list[int], subtask: str, action: Action | None) -> Step:
    call = turn.answer
    report = turn.report or {}
    error = (report.get("error") or {}).get("kind") if isinstance(report.get("error"), dict) else None
    return Step(
        number=turn.step,
        attempt=turn.attempt,
        prompt=prompt,
        reply=call.reply or {},
        status=call.status,
        tool=call.tool,
        arguments=call.arguments,
        observation=turn.observation,
        report_status=report.get("status"),
        error=call.said if call.status == "rejected" else error,
        subtask=subtask,
        kind=action.kind if action else "other",
        outcome=action.status if action else "none",
        changed=bool(action and action.changed),
        paths=list(action.paths) if action else [],
        tools=call.tools_sha,
        prompt_sha=call.prompt_sha,
        template_sha=(call.identity or {}).get("template_sha"),
        template_kwargs=call.template_kwargs,
        scrubbed=call.scrubbed,
        elided=bool(call.context),
        native="tool_calls" in (call.reply or {}) or call.status == "rejected" or not call.tool,
    )


def _tainted(trace: Trace) -> bool:
    """Whether two calls under one name were answered by different weights or templates."""
    known: dict[str | None, set[tuple]] = {}
    for turn in trace.turns:
        for call in turn.calls:
            identity = call.identity or {}
            if identity.get("weights_sha"):
                marks = (identity["weights_sha"], identity.get("template_sha"))
                known.setdefault(call.provider, set()).add(marks)
    return any(len(marks) > 1 for marks in known.values())
