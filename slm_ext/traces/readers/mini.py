"""`.traj.json` of mini-swe-agent (`trajectory_format: mini-swe-agent-1.1`)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from slm_ext.traces.readers.documents import Document
from slm_ext.traces.readers.messages import plain, shell_call, taken
from slm_ext.traces.readers.values import mapping, number, text, whole, with_texts
from slm_ext.traces.trace import Call, Message, Trace, Turn, refused

__all__ = ["read_mini"]

_FENCED = re.compile(r"```(?:bash|sh|mswea_bash_command)\n(.*?)\n?```", re.DOTALL)


def read_mini(document: Document, source: Path) -> Iterator[Trace]:
    """The run.

    Raises:
        ValueError, TypeError, KeyError, AttributeError: it is of another shape.
    """
    info = document.get("info")
    own = mapping(info.get("slm")) or {}
    name = text(own.get("instance_id")) or text(document.get("instance_id")) or source.name.removesuffix(".json")
    provider = text((mapping(own.get("provider")) or {}).get("name"))
    stats = info.get("model_stats")
    yield Trace(
        source=source, offset=document.offset, form="mini-swe-agent-1.1", host="mini",
        instance_id=name.removesuffix(".traj"), run_id=text(own.get("run_id")) or "",
        turns=tuple(_turns(document.items("messages"), provider)),
        submitted=bool(info.get("submission")), exit_status=text(info.get("exit_status")),
        patch=text(info.get("submission")) or None, extra={"model_stats": stats} if stats else {},
    )  # fmt: skip


def _turns(messages: Iterator[dict], provider: str | None) -> Iterator[Turn]:
    before: list[Message] = []
    step, attempt, held = 1, 1, None
    for message in messages:
        role, extra = message.get("role"), mapping(message.get("extra")) or {}
        if role == "exit":
            continue
        said = plain(message)
        if role != "assistant":
            if held is not None:
                yield _with(held, said["content"])
                held = None
            before.append(said)
            continue
        if held is not None:
            yield held
        own, response = mapping(extra.get("slm")) or {}, mapping(extra.get("response")) or {}
        actions = extra.get("actions") or []
        reply = said
        if not said.get("tool_calls"):
            said = said | _calls_of(actions, said["content"])
        usage, route = mapping(own.get("usage")) or _usage(response), with_texts(own.get("route"), "subtask")
        accepted = bool(actions if own else said.get("tool_calls"))
        call = Call(
            status="ok" if accepted else "rejected",
            provider=text((route or {}).get("provider")) or provider,
            model=text(response.get("model")),
            prompt_tokens=whole(usage.get("in")),
            cached_tokens=whole(usage.get("cached")),
            reply_tokens=whole(usage.get("out")),
            seconds=number(usage.get("latency_s")),
            ended_at=number(extra.get("timestamp")),
            route=route,
            context=mapping(own.get("context")),
            reply=reply,
            **(taken(said.get("tool_calls")) if accepted else {}),
        )
        held = Turn(step, attempt, tuple(before), (call,))
        before.append(said if accepted else refused(said["content"], said.get("tool_calls") or []))
        step, attempt = (step + 1, 1) if accepted else (step, attempt + 1)
    if held is not None:
        yield held


def _with(turn: Turn, observation: str) -> Turn:
    return Turn(turn.step, turn.attempt, turn.messages, turn.calls, observation)


def _calls_of(actions: list[dict], content: str) -> dict[str, Any]:
    """Commands that mini read from a text, as calls of a shell."""
    commands = [str(action["command"]) for action in actions if isinstance(action, dict) and action.get("command")]
    commands = commands or _FENCED.findall(content)[:1]
    return {"tool_calls": [shell_call(command, f"call_{i}") for i, command in enumerate(commands)]} if commands else {}


def _usage(response: dict[str, Any]) -> dict[str, Any]:
    usage = mapping(response.get("usage")) or {}
    cached = (mapping(usage.get("prompt_tokens_details")) or {}).get("cached_tokens")
    return {"in": usage.get("prompt_tokens"), "out": usage.get("completion_tokens"), "cached": cached}
