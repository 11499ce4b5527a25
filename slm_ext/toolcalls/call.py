"""One tool call, and what reading a reply gives."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel, ConfigDict

from slm_ext.toolcalls.rejection import Rejection

__all__ = ["Parsed", "ToolCall"]


class ToolCall(BaseModel):
    """A call the model wants made. Arguments keep the model's order; their values are typed by the tool's schema."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str
    """The server's id, or one of ours (`call_1`…) for calls read from text."""
    name: str
    arguments: dict[str, Any]

    def to_openai(self) -> dict:
        """The item of an assistant message's `tool_calls`, arguments as a JSON string."""
        text = json.dumps(self.arguments, ensure_ascii=False)
        return {"id": self.id, "type": "function", "function": {"name": self.name, "arguments": text}}


@dataclass(frozen=True)
class Parsed:
    """What a reply holds."""

    calls: list[ToolCall] = field(default_factory=list)
    """Every readable call, in order; not yet checked against the schemas."""
    text: str = ""
    """What stands in front of the first thing that wants to be a call."""
    rejection: Rejection | None = None
    """Set when something that wants to be a call cannot be read; calls before it stay in `calls`."""
    outside: str = ""
    """Of a reply read from text: all that belongs to none of `calls`, joined as it stood, but for pieces of blanks."""
