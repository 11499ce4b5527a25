"""One request to a model, from what it is shown to its record."""

from __future__ import annotations

import math
import time
import uuid
from dataclasses import dataclass, field
from typing import Any

from slm_ext.completion.answer import Answer
from slm_ext.completion.lane import Lane, Sight
from slm_ext.completion.reply import Reply, read_reply, usage_of
from slm_ext.completion.request import build_request
from slm_ext.errors import ContextOverflow
from slm_ext.routing import MARGIN, Allowance, RouteDecision
from slm_ext.traces import Recorder, Validation

__all__ = ["Call", "Turn"]


@dataclass
class Turn:
    """What the calls of one decision share."""

    lane: Lane
    handle: Any
    sight: Sight
    decision: RouteDecision
    provider: Any
    """The lane's, with the style's temperature."""
    allowance: Allowance = field(default_factory=Allowance)
    domains: dict[str, list] | None = None
    retried: list[str] = field(default_factory=list)
    """Ids of the calls that were drawn again or rejected since the last accepted one."""
    refused: int = 0
    """How many of them the model was told of."""


class Call:
    """One call of a turn.

    Args:
        draw: 0 for the first; a further one is drawn at another temperature.
    """

    def __init__(self, turn: Turn, draw: int = 0):
        self.turn = turn
        self.id = uuid.uuid4().hex[:12]
        self.retried = list(turn.retried)
        lane = turn.lane
        wire = None if lane.native else lane.wire.name
        self.request = build_request(
            turn.provider, turn.handle.model_id, turn.sight.tools, draw, domains=turn.domains, wire=wire,
            allowance=turn.allowance,
        )  # fmt: skip
        self.raw: dict[str, Any] | None = None
        self.reply: Reply | None = None
        self.usage: dict[str, Any] = {"latency_s": 0.0}
        self.attempts = 0

    def ask(self) -> tuple[Reply, Answer]:
        """Send what is shown and judge the reply. Raises ContextOverflow, ProviderDown, ServingError."""
        turn, began = self.turn, time.perf_counter()
        sender = turn.lane.sender(turn.handle)
        try:
            self.raw = sender.send(self.request, turn.sight.messages)
        finally:
            self.attempts = sender.attempts
            self.usage["latency_s"] = round(time.perf_counter() - began, 4)
        self.usage = usage_of(self.raw, self.usage["latency_s"])
        turn.lane.shown(turn.sight, self.usage["in"])
        self._fits()
        self.reply = reply = read_reply(self.raw, turn.sight.tools, self.id, turn.lane.wire)
        if reply.rejection is not None:
            reply.rejection = reply.rejection.at(turn.refused + 1)
        answer = Answer(
            message=reply.message,
            calls=[reply.call] if reply.call else [],
            thought=reply.thought,
            finish_reason=reply.finish_reason,
            usage=self.usage,
            raw=self.raw,
            call_id=self.id,
            route=self.route(),
            context=self._context(),
        )
        return reply, answer

    @property
    def prompt_tokens(self) -> int:
        """Of the prompt, for budgets: as the server counted, else as counted here with a margin; 0 without a reply."""
        if self.raw is None:
            return 0
        told = self.usage.get("in")
        return math.ceil(self.turn.sight.tokens * MARGIN) if told is None else told

    @property
    def reply_tokens(self) -> int:
        """Of the reply, likewise."""
        if self.raw is None:
            return 0
        told, said = self.usage.get("out"), str((self.raw["choices"] or [{}])[0].get("message"))
        return (
            math.ceil(self.turn.lane.counter.tokens(self.turn.lane.counter.weigh_text(said))) if told is None else told
        )

    def route(self) -> dict[str, Any]:
        """The decision with what is known only now."""
        measured = {"prompt_tokens": self.usage.get("in"), "latency_s": self.usage["latency_s"]}
        return self.turn.decision.model_dump() | {"endpoint": self.turn.handle.base_url} | measured

    def record(self, recorder: Recorder | None, status: str, error: str | None) -> None:
        """Write the call record, whatever became of the call."""
        if recorder is None:
            return
        turn, reply = self.turn, self.reply
        rejection = reply.rejection.model_dump() if reply and reply.rejection else None
        recorder.call(
            call_id=self.id,
            step=turn.decision.step,
            messages=turn.sight.messages,
            tools=self.request.arguments.get("tools"),
            sampling=self.request.sampling,
            chat_template_kwargs=turn.provider.chat_template_kwargs or None,
            prompt_sha=_prompt_sha(self.raw),
            validation=Validation(
                parsed=bool(reply and reply.parsed),
                schema_ok=bool(reply and reply.call),
                status=status,
                rejection=rejection,
                also_rejected=reply.also_rejected if reply else [],
            ),
            usage={"in": None, "out": None, "cached": None, **self.usage},
            route=self.route(),
            context=self._context(),
            identity=_plain(turn.handle.identity),
            raw_response=self.raw,
            thought=reply.thought if reply else "",
            tool_calls=[reply.call.model_dump()] if reply and reply.call and status == "ok" else [],
            finish_reason=reply.finish_reason if reply else None,
            retry_of=self.retried[-1] if self.retried else None,
            retry_index=len(self.retried),
            attempts=self.attempts,
            error=error,
        )

    def _context(self) -> dict[str, Any] | None:
        event = self.turn.sight.event
        return event.model_dump() if event else None

    def _fits(self) -> None:
        """A server that took more than was allowed has counted differently: what it answered is not used."""
        limit, tokens = self.turn.sight.limit, self.usage["in"] or 0
        if limit and tokens > limit:
            raise ContextOverflow(
                f"fit the conversation into provider {self.turn.provider.name!r}",
                seen=f"{tokens} tokens",
                allowed=f"max_input_tokens: {limit}",
                next_step="choose a provider with a larger window, or a smaller step limit",
            )


def _prompt_sha(raw: dict[str, Any] | None) -> str | None:
    """The hash of the rendered prompt, which our own engine tells beside its answer."""
    own = (raw or {}).get("slm")
    sha = own.get("prompt_sha") if isinstance(own, dict) else None
    return sha if isinstance(sha, str) else None


def _plain(identity: Any) -> dict[str, Any]:
    return identity.model_dump(mode="json") if hasattr(identity, "model_dump") else dict(identity)
