"""A trace as ATIF v1.4, for tools that read Harbor's Agent Trajectory Interchange Format (RFC 0001)."""

from __future__ import annotations

import contextlib
import datetime
import json
import math
import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from slm_ext.traces.readers.atif import after, kept, reply_of
from slm_ext.traces.trace import Call, Message, Trace, Turn

__all__ = ["VERSION", "atif_name", "to_atif", "write_atif"]

VERSION = "ATIF-v1.4"
_LONGEST = 100
"""Characters of a file's name."""


def to_atif(trace: Trace) -> dict[str, Any]:
    """The trajectory as data; what ATIF has no field for stands in `extra`.

    A rejected reply is an agent's step with `extra.status`, and what was said about it is its observation. Calls before
    a turn's last one, and prompts that differ from the conversation, are not told.
    """
    steps: list[dict[str, Any]] = []
    before: tuple[Message, ...] = ()
    for turn, following in zip(trace.turns, (*trace.turns[1:], None), strict=False):
        given = _given(turn, following, before)
        steps += given
        for step in given:
            before = after(kept(before, step), step)
    numbered = [{"step_id": number, **step} for number, step in enumerate(steps, start=1)]
    models = [turn.answer.model for turn in trace.turns]
    model = models[0] if models and None not in models else None  # each step has its own where they differ
    return _without_none({
        "schema_version": VERSION,
        "session_id": trace.run_id or f"{trace.instance_id}-{trace.attempt}",
        "agent": _without_none({"name": trace.host or "unknown", "version": "unknown", "model_name": model}),
        "steps": numbered,
        "final_metrics": _totals(trace, len(numbered)),
        "extra": _without_none({
            "instance_id": trace.instance_id, "attempt": trace.attempt, "resolved": trace.resolved,
            "submitted": trace.submitted, "exit_status": trace.exit_status, "patch": trace.patch,
            "license": trace.license, "repo": trace.extra.get("repo"), "base_commit": trace.extra.get("base_commit"),
            "tools": next(iter(trace.tools.values()), None), "form": trace.form,
        }),
    })  # fmt: skip


def write_atif(trace: Trace, path: Path) -> None:
    """Write the trajectory; an `OSError` leaves what was there, and nothing else."""
    data = _json(to_atif(trace))
    part = path.with_name(f".{path.name[:_LONGEST]}.{os.getpid()}")
    try:
        part.write_bytes(data)
        part.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
        raise


def atif_name(number: int, instance_id: str) -> str:
    """A file's name for a trajectory that every system takes: no two numbers have the same."""
    begin, end = f"{number:05d}-", ".json"
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", re.split(r"[/\\]", instance_id.rstrip("/\\"))[-1]).strip("-") or "run"
    return begin + name[: _LONGEST - len(begin) - len(end)] + end


def _given(turn: Turn, following: Turn | None, before: tuple[Message, ...]) -> list[dict[str, Any]]:
    """The steps of a turn: what is new in its conversation, then the agent's."""
    same = 0
    for known, message in zip(before, turn.messages, strict=False):
        if known is not message and known != message:
            break
        same += 1
    steps = [*map(_message, turn.messages[same:]), _agent(turn, _shown(turn, following))]
    if same < len(before):
        steps[0].setdefault("extra", {})["keeps"] = same
    return steps


def _message(message: Message) -> dict[str, Any]:
    """A message that is no answer of this run."""
    role, content = message["role"], message["content"]
    step = {"source": {"system": "system", "assistant": "agent"}.get(role, "user"), "message": content}
    if message == {"role": step["source"], "content": content}:
        return step
    return step | {"extra": {"message": message}}


def _shown(turn: Turn, following: Turn | None) -> Message:
    """The answer as it stands in the conversation after it."""
    at = len(turn.messages)
    later = following.messages[at] if following is not None and len(following.messages) > at else {}
    if later.get("role") == "assistant" and later.get("tool_calls"):
        return later
    return {}


def _agent(turn: Turn, shown: Message) -> dict[str, Any]:
    call = turn.answer
    reply = call.reply or {}
    made = reply.get("tool_calls") or (_taken(call, turn.step, shown) if call.tool else [])
    calls = [
        {"tool_call_id": one["id"], "function_name": one["function"]["name"], "arguments": _arguments(one)}
        for one in made
    ]
    result = _without_none({"source_call_id": calls[0]["tool_call_id"] if calls else None, "content": turn.observation})
    extra = {
        "step": turn.step, "attempt": turn.attempt, "status": call.status, "said": call.said or None,
        "latency_s": call.seconds, "provider": call.provider, "report": turn.report,
        "unanswered": True if call.reply is None else None,
    }  # fmt: skip
    step = _without_none({
        "timestamp": _stamp(call.ended_at),
        "source": "agent",
        "model_name": call.model,
        "message": reply.get("content", ""),
        "reasoning_content": call.thought or None,
        "tool_calls": calls or None,
        "observation": {"results": [result]} if turn.observation is not None else None,
        "metrics": _metrics(call) or None,
        "extra": _without_none(extra),
    })  # fmt: skip
    if reply and reply_of(step) != reply:
        step["extra"]["reply"] = reply
    return step


def _taken(call: Call, step: int, shown: Message) -> list[dict[str, Any]]:
    """The call that the host read from a text, as it stands in the conversation."""
    function = {"name": call.tool, "arguments": json.dumps(call.arguments, ensure_ascii=False)}
    return shown.get("tool_calls") or [{"id": f"step_{step}", "function": function}]


def _arguments(call: dict[str, Any]) -> dict[str, Any]:
    try:
        arguments = json.loads(call["function"]["arguments"])
    except (ValueError, RecursionError):
        arguments = None
    return arguments if isinstance(arguments, dict) else {"": call["function"]["arguments"]}


def _metrics(call: Call) -> dict[str, Any]:
    return _without_none({
        "prompt_tokens": call.prompt_tokens,
        "completion_tokens": call.reply_tokens,
        "cached_tokens": call.cached_tokens,
    })  # fmt: skip


def _totals(trace: Trace, steps: int) -> dict[str, Any]:
    answers = [turn.answer for turn in trace.turns]
    others = [call for turn in trace.turns for call in turn.calls[:-1]]
    more = _without_none({
        "calls_before_an_answer": len(others) or None,
        "prompt_tokens": _sum(call.prompt_tokens for call in others),
        "completion_tokens": _sum(call.reply_tokens for call in others),
    })  # fmt: skip
    return _without_none({
        "total_prompt_tokens": _sum(call.prompt_tokens for call in answers),
        "total_completion_tokens": _sum(call.reply_tokens for call in answers),
        "total_cached_tokens": _sum(call.cached_tokens for call in answers),
        "total_steps": steps,
        "extra": more or None,
    })  # fmt: skip


def _stamp(seconds: float | None) -> str | None:
    """Unix time as ISO 8601; None where it is no time of a calendar."""
    try:
        stamp = datetime.datetime.fromtimestamp(seconds, datetime.UTC) if seconds is not None else None
    except (ValueError, OverflowError, OSError):
        return None
    return stamp.isoformat().replace("+00:00", "Z") if stamp else None


def _sum(values: Iterable[int | None]) -> int | None:
    known = [value for value in values if value is not None]
    return sum(known) if known else None


def _without_none(fields: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in fields.items() if value is not None}


def _json(data: dict[str, Any]) -> bytes:
    """JSON that every reader takes: half a surrogate is a question mark, what is no number is null."""
    try:
        text = json.dumps(data, ensure_ascii=False, indent=1, allow_nan=False)
    except ValueError:
        text = json.dumps(_finite(data), ensure_ascii=False, indent=1)
    return text.encode("utf-8", "replace")


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
