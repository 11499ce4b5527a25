"""What a model call brings."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict

from slm_ext.toolcalls import ToolCall

__all__ = ["Answer"]


class Answer(BaseModel):
    """A reply, read. Also the `reply` of a `FormatRejected`, then without `calls`."""

    model_config = ConfigDict(extra="forbid")

    message: dict[str, Any]
    """For the history: role `assistant`, `content` (always a text), `tool_calls` in OpenAI's shape if there are any."""
    calls: list[ToolCall] = []
    """The call to run: exactly one where tools were given, else none."""
    thought: str = ""
    """What the model said beside the call."""
    finish_reason: str | None = None
    usage: dict[str, Any]
    """`{in, out, cached}` in tokens (None where the server does not say) and `latency_s` in seconds, over all draws."""
    raw: dict[str, Any]
    """The server's response as it came."""
    call_id: str
    """Of the call record; observations name it."""
    route: dict[str, Any]
    """The `RouteDecision`: who answered, and why."""
    context: dict[str, Any] | None = None
    """The `ContextEvent` where something was left out of the prompt."""
