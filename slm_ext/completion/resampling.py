"""When a reply is worth another draw instead of a place in the conversation. Pure.

A small model that sampled nonsense, or that makes an edit it has already made, seldom learns from being told: the
telling fills its window and makes the same reply likelier. Drawing again costs a few tokens and leaves no trace in the
prompt. Every draw is recorded all the same.
"""

from __future__ import annotations

import json

from slm_ext.completion.reply import Reply
from slm_ext.toolcalls import ToolCall

__all__ = ["worth_another"]


def worth_another(reply: Reply, messages: list[dict], once: list[str]) -> str | None:
    """Why `reply` should be drawn again, or None.

    Args:
        messages: the conversation it answers, calls as OpenAI's `tool_calls`.
        once: names of the tools of which no call is to be made a second time with the same arguments.
    """
    if reply.rejection is not None:
        return reply.rejection.rule
    if reply.call is not None and reply.call.name in once and reply.call.arguments in _made(reply.call, messages):
        return "repeated_call"
    return None


def _made(call: ToolCall, messages: list[dict]) -> list[dict]:
    """Arguments of the earlier calls of the same tool."""
    functions = [c["function"] for m in messages for c in m.get("tool_calls") or []]
    return [json.loads(f["arguments"]) for f in functions if f["name"] == call.name]
