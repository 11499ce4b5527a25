"""When a reply is worth another draw instead of a place in the conversation. Pure.

A small model that sampled nonsense, or that makes an edit it has already made, seldom learns from being told: the
telling fills its window and makes the same reply likelier. Drawing again costs a few tokens and leaves no trace in the
prompt. Every draw is recorded all the same.
"""

from __future__ import annotations

import itertools
import json

from slm_ext.completion.reply import Reply
from slm_ext.toolcalls import ToolCall

__all__ = ["worth_another"]


def worth_another(reply: Reply, messages: list[dict], policy) -> str | None:
    """Why `reply` should be drawn again, or None.

    Args:
        messages: the conversation it answers, calls as OpenAI's `tool_calls`.
        policy: the provider's `resample`.
    """
    if reply.rejection is not None:
        return reply.rejection.rule
    call = reply.call
    if call is None:
        return None
    if call.name in policy.once and call.arguments in _made(call, messages):
        return "repeated_call"
    values = [call.arguments[key] for key in policy.differ.get(call.name, ()) if key in call.arguments]
    if any(a == b for a, b in itertools.combinations(values, 2)):
        return "same_arguments"
    return None


def _made(call: ToolCall, messages: list[dict]) -> list[dict]:
    """Arguments of the earlier calls of the same tool."""
    functions = [c["function"] for m in messages for c in m.get("tool_calls") or []]
    return [json.loads(f["arguments"]) for f in functions if f["name"] == call.name]
