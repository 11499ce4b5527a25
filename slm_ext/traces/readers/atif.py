"""ATIF, Harbor's Agent Trajectory Interchange Format (RFC 0001, versions 1.0 to 1.7)."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from slm_ext.traces.readers.documents import Document
from slm_ext.traces.readers.messages import call_of, plain, taken, text_of
from slm_ext.traces.readers.origin import origin_of_task
from slm_ext.traces.readers.values import functions, mapping, number, report, text, truth, whole
from slm_ext.traces.trace import Call, Message, Trace, Turn, refused

__all__ = ["after", "kept", "read_atif", "reply_of"]


def read_atif(document: Document, source: Path) -> Iterator[Trace]:
    """The run; sub-agents' trajectories are files of their own.

    Raises:
        one of `WRONG_SHAPE`: it is of another shape.
    """
    agent, extra = document.get("agent") or {}, mapping(document.get("extra")) or {}
    offered = functions(agent.get("tool_definitions")) or functions(extra.get("tools"))
    tools = {"given": offered} if offered else {}
    host = text(agent.get("name")) or ""
    session = text(document.get("session_id")) or ""
    instance = text(extra.get("instance_id")) or session or source.stem
    yield Trace(
        source=source, offset=document.offset, form="atif", host="" if host == "unknown" else host, run_id=session,
        instance_id=instance,
        turns=tuple(_turns(document.items("steps"), text(agent.get("model_name")), next(iter(tools), None))),
        resolved=truth(extra.get("resolved")), submitted=truth(extra.get("submitted")),
        exit_status=text(extra.get("exit_status")), patch=text(extra.get("patch")), license=text(extra.get("license")),
        attempt=whole(extra.get("attempt")) or 1, tools=tools,
        extra=origin_of_task((mapping(agent.get("extra")) or {}) | extra, instance),
    )  # fmt: skip


def kept(before: tuple[Message, ...], step: dict[str, Any]) -> tuple[Message, ...]:
    """What of the conversation so far a step goes on from: `extra.keeps` messages, where a host forgets the others."""
    keeps = whole(_extra(step).get("keeps"))
    return before if keeps is None else before[: max(0, keeps)]


def after(before: tuple[Message, ...], step: dict[str, Any]) -> tuple[Message, ...]:
    """The conversation after a step. `extra.message` is a message as it was, where a step cannot say it."""
    extra = _extra(step)
    if (message := mapping(extra.get("message"))) is not None:
        return (*before, plain(message))
    if step["source"] != "agent":
        role = "system" if step["source"] == "system" else "user"
        return (*before, {"role": role, "content": text_of(step.get("message"))})
    if extra.get("unanswered") is True:
        return before
    reply, shown = _reply(step)
    results = _results(step)
    if extra.get("status") == "rejected":
        return (*before, refused(reply["content"], reply.get("tool_calls") or ()), *map(_said, results))
    calls = shown.get("tool_calls")
    if not calls or "tool_calls" not in reply:
        return (*before, shown, *map(_said, results))
    return (*before, shown, *(_result(result, calls[0]["id"]) for result in results))


def reply_of(step: dict[str, Any]) -> Message:
    """What the model answered, as it would stand in a conversation."""
    return _reply(step)[0]


def _turns(steps: Iterable[dict], model: str | None, tools: str | None) -> Iterator[Turn]:
    before: tuple[Message, ...] = ()
    step_number, attempt = 1, 1
    for step in steps:
        extra, before = _extra(step), kept(before, step)
        if step["source"] == "agent" and "message" not in extra and step.get("is_copied_context") is not True:
            call = _call(step, model, tools)
            step_number = whole(extra.get("step")) or step_number
            attempt = whole(extra.get("attempt")) or attempt
            results = _results(step)
            observation = "\n".join(text_of(result.get("content")) for result in results) if results else None
            yield Turn(step_number, attempt, before, (call,), observation, report(extra.get("report")))
            again = call.status == "rejected"
            step_number, attempt = (step_number, attempt + 1) if again else (step_number + 1, 1)
        before = after(before, step)


def _call(step: dict[str, Any], model: str | None, tools: str | None) -> Call:
    extra, metrics = _extra(step), mapping(step.get("metrics")) or {}
    reply, shown = _reply(step)
    status = text(extra.get("status")) or "ok"
    return Call(
        status=status,
        provider=text(extra.get("provider")),
        model=text(step.get("model_name")) or model,
        said=text(extra.get("said")) or "",
        prompt_tokens=whole(metrics.get("prompt_tokens")),
        cached_tokens=whole(metrics.get("cached_tokens")),
        reply_tokens=whole(metrics.get("completion_tokens")),
        seconds=number(extra.get("latency_s")),
        ended_at=_seconds(step.get("timestamp")),
        reply=None if extra.get("unanswered") is True else reply,
        thought=text_of(step.get("reasoning_content")),
        tools_sha=tools,
        **(taken(shown.get("tool_calls")) if status == "ok" else {}),
    )


def _reply(step: dict[str, Any]) -> tuple[Message, Message]:
    """(what the model answered, the same with the calls that the host took)."""
    shown: Message = {"role": "assistant", "content": text_of(step.get("message"))}
    if calls := step.get("tool_calls"):
        shown["tool_calls"] = [
            call_of(
                str(call["function_name"]),
                mapping(call.get("arguments")) or {},
                text(call.get("tool_call_id")) or f"call_{i}",
            )
            for i, call in enumerate(calls)
        ]
    reply = mapping(_extra(step).get("reply"))
    if reply is None:
        return shown, shown
    thinking = text(reply.get("reasoning_content"))
    reply = plain({"role": "assistant"} | reply) | ({"reasoning_content": thinking} if thinking else {})
    return reply, reply if "tool_calls" in reply else shown


def _extra(step: dict[str, Any]) -> dict[str, Any]:
    return mapping(step.get("extra")) or {}


def _results(step: dict[str, Any]) -> list[dict[str, Any]]:
    return (mapping(step.get("observation")) or {}).get("results") or []


def _said(result: dict[str, Any]) -> Message:
    return {"role": "user", "content": text_of(result.get("content"))}


def _result(result: dict[str, Any], ident: str) -> Message:
    return {
        "role": "tool",
        "tool_call_id": str(result.get("source_call_id") or ident),
        "content": text_of(result.get("content")),
    }


def _seconds(stamp: Any) -> float | None:
    """Unix time of an ISO 8601 text."""
    try:
        return datetime.datetime.fromisoformat(str(stamp).replace("Z", "+00:00")).timestamp()
    except (ValueError, OverflowError, OSError):
        return None
