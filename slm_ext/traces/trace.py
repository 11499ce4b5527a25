"""One run of an agent, the same whoever recorded it: what was known before each answer, and who gave it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

__all__ = ["Call", "Message", "Trace", "Turn", "refused"]

Message = dict[str, Any]
"""`{role, content, tool_calls?, tool_call_id?}` in OpenAI's form: `content` a text, arguments of calls JSON as text."""


@dataclass(frozen=True)
class Call:
    """One model call. None is what the record does not say."""

    status: str
    """`ok`, `rejected`, `resampled`, `overflow`, `provider_down` or `interrupted`."""
    provider: str | None = None
    model: str | None = None
    """The model's own name, where no provider is recorded."""
    tool: str = ""
    """The tool that was called; empty where no call was taken."""
    arguments: dict[str, Any] = field(default_factory=dict)
    said: str = ""
    """Why it was not taken: the rule that the reply broke, or the error."""
    prompt_tokens: int | None = None
    """As the server counted them."""
    cached_tokens: int | None = None
    reply_tokens: int | None = None
    seconds: float | None = None
    """Until the answer was there."""
    ended_at: float | None = None
    """Unix time, in seconds."""
    requests: int = 1
    route: dict[str, Any] | None = None
    """The `RouteDecision`."""
    context: dict[str, Any] | None = None
    """The `ContextEvent`."""
    prompt: tuple[Message, ...] | None = None
    """The messages as they were sent. None: not recorded; the turn's conversation is the best guess."""
    reply: Message | None = None
    """What the model answered, as it would stand in a conversation: text and calls. None: nothing came, or it was not
    recorded."""
    thought: str = ""
    """Thinking that the server kept apart from the text."""
    prompt_sha: str | None = None
    """SHA-256 of the prompt as the server rendered it."""
    scrubbed: bool = False
    """Whether secrets were taken out of the record of the prompt or the tools: its hash is another one then."""
    tools_sha: str | None = None
    """Of the tools that were offered: a key of `Trace.tools`."""
    template_kwargs: dict[str, Any] | None = None
    """Arguments of the chat template."""
    identity: dict[str, Any] | None = None

    @property
    def summary(self) -> bool:
        """Whether it wrote a summary for another call, and no answer."""
        return bool(self.route) and self.route.get("cause") == "summarize"


@dataclass(frozen=True)
class Turn:
    """One answer that the host asked for, with all calls it took; the last one is the answer, or the failure."""

    step: int
    attempt: int
    """1 for a step's first; one more for each reply to it that was rejected."""
    messages: tuple[Message, ...]
    """The conversation as the host had it, nothing left out. A call that was rejected is a text: nobody ran it."""
    calls: tuple[Call, ...]
    observation: str | None = None
    """What the tool call brought, or what was said about a rejected reply; None where nothing came."""
    report: dict[str, Any] | None = None
    """The typed result of the tool."""

    @property
    def answer(self) -> Call:
        """The last call."""
        return self.calls[-1]


@dataclass(frozen=True)
class Trace:
    """One run."""

    source: Path
    """The file that was read."""
    instance_id: str
    run_id: str
    host: str
    """`mini`, `sweagent`, or empty where nothing says so."""
    turns: tuple[Turn, ...]
    resolved: bool | None = None
    submitted: bool | None = None
    exit_status: str | None = None
    """None: the run was cut off, or its end is not recorded."""
    form: str = ""
    """What was read: a name of `readers.FORMS`."""
    offset: int = 0
    """Byte of the file at which it begins."""
    attempt: int = 1
    """Which of several tries at one task in the same file."""
    tools: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    """Tools that were offered, by the hash their calls refer to; empty where nothing says so."""
    patch: str | None = None
    """What was submitted."""
    license: str | None = None
    extra: dict[str, Any] = field(default_factory=dict)
    """What the record says beyond all this, such as `details` of ADP."""

    @property
    def providers(self) -> list[str]:
        """Who gave answers, in the order of their first."""
        names = (turn.answer.provider for turn in self.turns if turn.answer.status in ("ok", "rejected"))
        return [name for name in dict.fromkeys(names) if name]

    @property
    def routed(self) -> bool:
        """Whether who answered was recorded."""
        return any(call.route for turn in self.turns for call in turn.calls)


def refused(content: str, calls: Iterable[dict[str, Any]]) -> Message:
    """The message of a reply that was rejected."""
    functions = [call.get("function") or {} for call in calls]
    told = [f"{function.get('name') or ''} {function.get('arguments') or ''}".strip() for function in functions]
    return {"role": "assistant", "content": "\n".join(part for part in (content, *told) if part)}
