"""Judges a reply: the one call it makes, or the rule it breaks. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from slm_ext.toolcalls import Parsed, Rejection, ToolCall, WireFormat, parse_native, validate
from slm_ext.toolcalls.schema import example, names

__all__ = ["Reply", "read_reply", "total_usage", "usage_of"]

_THINKING = re.compile(r"<think>(.*?)(?:</think>|\Z)", re.DOTALL)
SEVERAL = "several_calls"


@dataclass
class Reply:
    """A reply, judged: `call` or `rejection` is set, or neither when no tools were offered."""

    message: dict[str, Any]
    thought: str
    finish_reason: str | None
    call: ToolCall | None = None
    rejection: Rejection | None = None
    parsed: bool = False
    also_rejected: list[dict[str, Any]] = field(default_factory=list)


def read_reply(raw: dict, tools: list[dict], ids: str, wire: WireFormat) -> Reply:
    """Read the first choice of a chat completion.

    Args:
        raw: the response.
        tools: those offered; with none, any text is a good answer.
        ids: what the id of a call read from text is made of.
        wire: how calls are written where the reply is a text.
    """
    choice = raw["choices"][0]
    given, finish = choice["message"], choice.get("finish_reason")
    content = given.get("content") or ""
    content = content if isinstance(content, str) else "".join(p.get("text", "") for p in content)
    reasoning = given.get("reasoning") or given.get("reasoning_content") or ""
    split = False if reasoning else None  # thinking that the server has taken out already
    parsed = _parse(given | {"content": content}, tools, ids, wire, split) if tools else Parsed(text=content)
    said = " ".join([*_THINKING.findall(parsed.text), _THINKING.sub("", parsed.text)])
    thought = "\n".join(part.strip() for part in (str(reasoning), said) if part.strip())
    reply = Reply({"role": "assistant", "content": parsed.text}, thought, finish)
    if not tools:
        return reply
    rejection = _refusal(parsed, finish, tools, wire)
    if rejection is None:
        reply.parsed = True
        first, *others = parsed.calls
        rejection = validate(first, tools, wire.render)
        others = [call for call in others if (call.name, call.arguments) != (first.name, first.arguments)]
        reply.also_rejected = [{"rule": SEVERAL, **call.model_dump()} for call in others]
        if others and rejection is None:
            rejection = _several([first, *others], wire)
        if parsed.rejection is not None and (rejection is None or rejection.rule != parsed.rejection.rule):
            reply.also_rejected.append({"rule": parsed.rejection.rule, "got": parsed.rejection.got})
        reply.message["tool_calls"] = [first.to_openai()]
        reply.call = first if rejection is None else None
    else:
        reply.message["content"] = _as_said(content, given)
    reply.rejection = rejection
    return reply


def usage_of(raw: dict, latency_s: float) -> dict[str, Any]:
    """`{in, out, cached, latency_s}`; None where the server does not say."""
    usage = raw.get("usage") or {}
    details = usage.get("prompt_tokens_details") or {}
    counts = {"in": usage.get("prompt_tokens"), "out": usage.get("completion_tokens")}
    return {**counts, "cached": details.get("cached_tokens"), "latency_s": round(latency_s, 4)}


def total_usage(usages: list[dict[str, Any]]) -> dict[str, Any]:
    """The sums of several `usage_of`; None where no server said."""
    known = {key: [u[key] for u in usages if u.get(key) is not None] for key in ("in", "out", "cached", "latency_s")}
    return {key: (round(sum(values), 4) if key == "latency_s" else sum(values)) if values else None
            for key, values in known.items()}  # fmt: skip


def _parse(message: dict, tools: list[dict], ids: str, wire: WireFormat, split: bool | None) -> Parsed:
    unread = _unread(message)
    if message.get("tool_calls"):
        parsed = parse_native(message, tools)
        return Parsed(parsed.calls, parsed.text, parsed.rejection or unread)
    if unread is not None:
        return Parsed(text=message["content"], rejection=unread)
    if not wire.looks_like_call(message["content"]):
        return Parsed(text=message["content"])
    parsed = wire.parse(message["content"], tools, thinking=split)
    calls = [call.model_copy(update={"id": f"call_{ids}_{i}"}) for i, call in enumerate(parsed.calls, start=1)]
    return Parsed(calls, parsed.text, parsed.rejection)


def _unread(message: dict) -> Rejection | None:
    """What our engine says of a call that it could not read."""
    own = message.get("slm")
    error = own.get("tool_call_error") if isinstance(own, dict) else None
    if not isinstance(error, dict):
        return None
    said = {key: str(error.get(key) or "") for key in ("rule", "message", "got")}
    return Rejection(rule=said["rule"] or "lost_call", message=said["message"], got=_tail(said["got"]))


def _refusal(parsed: Parsed, finish: str | None, tools: list[dict], wire: WireFormat) -> Rejection | None:
    """What is wrong before the call itself is looked at."""
    name = parsed.calls[0].name if parsed.calls else ""
    known = names(tools)
    sample = example(name if name in known else known[0], {}, tools, wire.render)
    wanted = {"expected": "exactly one complete tool call", "example": sample}
    if finish == "length":
        message = "the reply reached the output limit and was cut off; write less before the call"
        return Rejection(rule="truncated", message=message, got=_tail(parsed.text), **wanted)
    if parsed.calls:
        return None
    if parsed.rejection is not None:
        return parsed.rejection.model_copy(update={k: v for k, v in wanted.items() if not getattr(parsed.rejection, k)})
    if finish == "tool_calls":
        message = "the call could not be read and was dropped by the server"
        return Rejection(rule="lost_call", message=message, got=_tail(parsed.text), **wanted)
    if not parsed.text.strip():
        return Rejection(rule="empty_reply", message="the reply is empty", **wanted)
    return Rejection(rule="no_call", message="the reply holds no tool call", got=_tail(parsed.text), **wanted)


def _several(calls: list[ToolCall], wire: WireFormat) -> Rejection:
    names = ", ".join(call.name for call in calls)
    return Rejection(
        rule=SEVERAL,
        message=f"{len(calls)} calls in one reply ({names}); one is run at a time, so none of them was",
        got=_tail("\n".join(wire.render(call) for call in calls)),
        expected="exactly one complete tool call",
        example=wire.render(calls[0]),
    )


def _as_said(content: str, given: dict) -> str:
    """The reply as text, calls that cannot be sent back as calls included."""
    lines = [content]
    for item in given.get("tool_calls") or []:
        function = item.get("function") if isinstance(item, dict) else None
        function = function if isinstance(function, dict) else {}
        lines.append(f"{function.get('name') or ''} {function.get('arguments') or ''}".strip())
    return "\n".join(line for line in lines if line)


def _tail(text: str) -> str:
    return text if len(text) <= 200 else "…" + text[-199:]
