"""A recorded run as routing reads it: what was known before each answer, and what the answer took."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from slm_ext.context import TokenCounter
from slm_ext.routing.reading.actions import Action, read_actions

__all__ = ["RecordedCall", "RecordedRun", "RecordedTurn", "Situation", "situations"]


class RecordedCall(Protocol):
    """What `slm_ext.traces`' Call has."""

    @property
    def status(self) -> str: ...
    @property
    def provider(self) -> str | None: ...
    @property
    def model(self) -> str | None: ...
    @property
    def tool(self) -> str: ...
    @property
    def arguments(self) -> Mapping[str, Any]: ...
    @property
    def said(self) -> str: ...
    @property
    def prompt_tokens(self) -> int | None: ...
    @property
    def cached_tokens(self) -> int | None: ...
    @property
    def reply_tokens(self) -> int | None: ...
    @property
    def seconds(self) -> float | None: ...
    @property
    def ended_at(self) -> float | None: ...
    @property
    def requests(self) -> int: ...
    @property
    def route(self) -> dict[str, Any] | None: ...
    @property
    def context(self) -> dict[str, Any] | None: ...
    @property
    def summary(self) -> bool: ...


class RecordedTurn(Protocol):
    """What `slm_ext.traces`' Turn has."""

    @property
    def step(self) -> int: ...
    @property
    def attempt(self) -> int: ...
    @property
    def messages(self) -> Sequence[dict[str, Any]]: ...
    @property
    def calls(self) -> Sequence[RecordedCall]: ...
    @property
    def answer(self) -> RecordedCall: ...


class RecordedRun(Protocol):
    """What `slm_ext.traces`' Conversation has."""

    @property
    def instance_id(self) -> str: ...
    @property
    def turns(self) -> Sequence[RecordedTurn]: ...
    @property
    def resolved(self) -> bool | None: ...


@dataclass(frozen=True)
class Situation:
    """One turn of a run, with its conversation read."""

    turn: RecordedTurn
    actions: tuple[Action, ...]
    """Before the turn."""
    prompt_tokens: int
    """Of the whole conversation: as counted for the decision, else by the server before anything was left out, else
    estimated."""
    format_errors: int
    """Replies in a row, right before, without a usable call."""

    @property
    def answered(self) -> bool:
        """Whether a reply came and was judged."""
        return self.turn.answer.status in ("ok", "rejected") and not self.turn.answer.summary


def situations(run: RecordedRun) -> list[Situation]:
    """Every turn of a run as it was known when it began."""
    found, counter, errors = [], TokenCounter(), 0
    for turn in run.turns:
        messages = list(turn.messages)
        tokens = _whole_prompt(turn)
        if tokens is None:
            tokens = counter.count(_countable(messages))
        else:
            counter.learn(_countable(messages), None, tokens)
        found.append(Situation(turn, tuple(read_actions(messages)), tokens, errors))
        if found[-1].answered:
            errors = errors + 1 if turn.answer.status == "rejected" else 0
    return found


def _whole_prompt(turn: RecordedTurn) -> int | None:
    """Tokens of the conversation before anything was left out of it, where that is recorded."""
    for call in reversed(turn.calls):
        if call.summary:
            continue
        counted = ((call.route or {}).get("signals") or {}).get("prompt_tokens")
        if counted:
            return int(counted)
        if call.context and call.context.get("tokens_before"):
            return int(call.context["tokens_before"])
        if call.prompt_tokens:
            return call.prompt_tokens
    return None


def _countable(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Without calls that cannot be counted; the estimate does with their text."""
    return [{key: message.get(key) or "" for key in ("role", "content")} for message in messages]
