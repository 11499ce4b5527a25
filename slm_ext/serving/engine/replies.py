"""From the text a model generated to the message of an answer: thinking, content and tool calls told apart.

Thinking ends at its closing tag; where that never comes, it ends where something wants to be a call.
`read_reply` looks at a whole answer, `Splitter` at one that is still growing: it shows content as it comes and holds
back what may be the beginning of a call, because a call is only known once it is complete.
"""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass, field
from typing import Any

from slm_ext.toolcalls import Rejection, WireFormat, validate

__all__ = ["Form", "Message", "Splitter", "read_reply"]


_FENCE = re.compile(r"^`{1,2}\Z|^`{3,}(?:\Z|t\Z|to\Z|too\Z|tool(?:[ \t\r\n]|\Z))", re.MULTILINE)


@dataclass(frozen=True)
class Form:
    """How answers of one request are written.

    Attributes:
        wire: the format of calls; None where no call is expected.
        tools: those offered.
        in_thinking: the answer begins inside the model's thinking.
        think: the tags around it; None for a model that does not think.
    """

    wire: WireFormat | None = None
    tools: list[dict] | None = None
    in_thinking: bool = False
    think: tuple[str, str] | None = None

    def split(self, text: str) -> tuple[str, str, bool]:
        """(thinking, the rest, whether thinking is over)."""
        if self.think is None:
            return "", text, True
        start, end = self.think
        inside = self.in_thinking
        if not inside:
            bare = text.lstrip()
            if not bare.startswith(start):
                unsure = not bare or start.startswith(bare)
                return "", text, not unsure
            text = bare[len(start) :]
        before, found, after = text.partition(end)
        return (before, after.lstrip("\n"), True) if found else (text, "", False)


@dataclass
class Message:
    """An answer, read. `error` says why something that wanted to be a call is none, or is a wrong one."""

    content: str
    reasoning: str = ""
    calls: list[dict[str, Any]] = field(default_factory=list)
    finish: str = "stop"
    error: dict[str, Any] | None = None

    def to_openai(self) -> dict[str, Any]:
        """The `message` of a choice."""
        message: dict[str, Any] = {"role": "assistant", "content": self.content or None}
        if not self.calls and not self.content:
            message["content"] = ""
        if self.reasoning:
            message["reasoning_content"] = self.reasoning
        if self.calls:
            message["tool_calls"] = self.calls
        if self.error:
            message["slm"] = {"tool_call_error": self.error}
        return message


def read_reply(text: str, form: Form, finish: str) -> Message:
    """The message in a finished answer. Its content is all text behind the thinking but the calls that can be read.

    Args:
        text: all that was generated.
        finish: `stop` or `length`. It becomes `tool_calls` only where there is at least one.
    """
    thinking, rest, over = form.split(text)
    if not over and not thinking:
        rest = text  # it was no thinking after all
    elif not over and form.wire is not None:  # thinking that was never closed ends where a call begins
        before = form.wire.parse(thinking, form.tools, thinking=False).text
        thinking, rest = before, thinking[len(before) :]
    if form.wire is None:
        return Message(rest, thinking, finish=finish)
    parsed = form.wire.parse(rest, form.tools, thinking=False)  # it was split off above
    error = _error(parsed.rejection)
    calls = []
    for call in parsed.calls:
        wrong = _error(validate(call, form.tools))
        error = error or wrong
        calls.append(call.to_openai() | {"id": f"call_{uuid.uuid4().hex[:24]}"})
    if not calls:
        return Message(rest, thinking, finish=finish, error=error)
    content = parsed.outside.rstrip("\n")
    return Message(content, thinking, calls, "length" if finish == "length" else "tool_calls", error)


def _error(rejection: Rejection | None) -> dict[str, Any] | None:
    if rejection is None:
        return None
    return {"rule": rejection.rule, "message": rejection.message, "got": rejection.got}


class Splitter:
    """Deltas of a growing answer. `feed` gives what is safe to show, `finish` the rest."""

    def __init__(self, form: Form):
        self._form = form
        self._shown = {"reasoning_content": 0, "content": 0}

    def feed(self, text: str) -> list[dict[str, str]]:
        """Deltas that `text`, the answer so far, adds."""
        thinking, rest, over = self._form.split(text)
        if not over and (tags := self._form.think):
            safe = len(thinking) - _overlap(thinking, tags[1])
            return self._up_to("reasoning_content", thinking, min(safe, _call_may_begin(self._form.wire, thinking)))
        deltas = self._up_to("reasoning_content", thinking, len(thinking))
        safe = len(rest)
        if self._form.wire is not None:
            safe = len(rest[: _call_may_begin(self._form.wire, rest)].rstrip())  # blanks before it may go with it
        return deltas + self._up_to("content", rest, safe)

    def finish(self, message: Message) -> list[dict[str, Any]]:
        """The last deltas: what was held back, then the calls."""
        deltas: list[dict[str, Any]] = []
        deltas += self._up_to("reasoning_content", message.reasoning, len(message.reasoning))
        deltas += self._up_to("content", message.content, len(message.content))
        for index, call in enumerate(message.calls):
            deltas.append({"tool_calls": [{"index": index, **call}]})
        if message.error:
            deltas.append({"slm": {"tool_call_error": message.error}})
        return deltas

    def _up_to(self, key: str, text: str, end: int) -> list[dict[str, str]]:
        begin = self._shown[key]
        if end <= begin:
            return []
        self._shown[key] = end
        return [{key: text[begin:end]}]


def _call_may_begin(wire: WireFormat | None, text: str) -> int:
    """Where the first call of a growing text begins, or may yet turn out to have begun; its length where nowhere."""
    if wire is None:
        return len(text)
    if wire.name == "fenced":
        found = _FENCE.search(text)
        return found.start() if found else len(text)
    starts = []
    for opener in {wire.opener, "<function="} if wire.name == "qwen3_coder" else {wire.opener}:
        at = text.find(opener)
        starts.append(at if at >= 0 else len(text) - _overlap(text, opener))
    return min(starts)


def _overlap(text: str, tag: str) -> int:
    return next((n for n in range(min(len(text), len(tag) - 1), 0, -1) if text.endswith(tag[:n])), 0)
