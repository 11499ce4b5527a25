"""`Completion`: one provider, one endpoint, one conversation at a time."""

from __future__ import annotations

import time
import uuid
from typing import Any

from slm_ext.completion.answer import Answer
from slm_ext.completion.grounding import Grounding, domains
from slm_ext.completion.reply import Reply, read_reply, total_usage, usage_of
from slm_ext.completion.request import build_request
from slm_ext.completion.resampling import worth_another
from slm_ext.completion.sender import Sender
from slm_ext.completion.view import in_text, outgoing, restore_rejected
from slm_ext.context import TokenMeter, characters
from slm_ext.errors import ContextOverflow, FormatRejected, ProviderDown
from slm_ext.routing import single_provider
from slm_ext.toolcalls import wire_format
from slm_ext.traces import Recorder, Validation

__all__ = ["Completion"]

_WIRES = {"native": "qwen3_coder", "xml": "qwen3_coder", "json": "hermes", "text": "fenced"}
"""`tool_mode` → how calls are written where a reply is a text."""


class Completion:
    """Asks the model of `provider`, served at `handle`, for the next tool call.

    Args:
        provider: a registry `Provider`.
        handle: of `serving.acquire`; its owner releases it.
        tools: the OpenAI list; without tools any text is a good answer.
        recorder: every call is recorded there, answered or not.
        grounding: where arguments' values come from; used where the provider's `constraints` are `grounded`, and in
            effect.
    """

    def __init__(
        self,
        provider,
        handle,
        *,
        tools: list[dict] | None = None,
        recorder: Recorder | None = None,
        grounding: Grounding | None = None,
    ):
        self.provider, self.handle, self.tools, self.recorder = provider, handle, tools or [], recorder
        self.grounding = grounding
        self.wire = wire_format(_WIRES[provider.tool_mode])
        self._native = provider.tool_mode == "native"
        self._sender = Sender(provider, handle)
        self._meter = TokenMeter()
        self._step = 1
        self._rejected: list[dict] = []  # assistant messages, all of this conversation
        self._retries: list[str] = []  # ids of the calls drawn again or rejected since the last accepted one
        self._refused = 0  # how many of them the model was told of

    def complete(self, messages: list[dict[str, Any]]) -> Answer:
        """The next answer.

        Args:
            messages: the host's history, OpenAI-shaped: system, user, assistant (with `tool_calls` whose arguments are
                JSON texts), tool (with `tool_call_id`). It is not changed.

        Raises:
            ContextOverflow: the prompt does not fit `max_input_tokens`, or the server says so.
            FormatRejected: no usable call; carries the `Rejection`, and the `Answer` without calls as `reply`.
            ProviderDown: the endpoint is gone or refuses for good.
        """
        conversation = outgoing(restore_rejected(messages, self._rejected))
        view = conversation if self._native else in_text(conversation, self.tools, self.wire)
        return self._accepted(*self._drawn(conversation, view))

    def close(self) -> None:
        """Close the connections; the handle stays its owner's."""
        self._sender.close()

    def _drawn(self, conversation: list[dict], view: list[dict]) -> tuple[Reply, Answer]:
        """The first reply that is not worth another draw, or the last one; each draw is recorded."""
        policy, spent = self.provider.resample, []
        most = policy.draws if policy else 0
        grounded = self._domains(conversation)
        for draw in range(most + 1):
            call = _Call(self, view, draw, grounded)
            status, error = "interrupted", None
            try:
                reply, answer = call.ask()
                status = "rejected" if reply.rejection else "ok"
                if draw < most and (why := worth_another(reply, conversation, policy)):
                    status, error = "resampled", why
            except (ContextOverflow, ProviderDown) as failure:
                status, error = ("overflow" if isinstance(failure, ContextOverflow) else "provider_down"), str(failure)
                raise
            finally:
                call.record(status, error)
            if status != "resampled":
                break
            spent.append(call)
            self._retries.append(call.id)
        answer.usage = total_usage([*(c.usage for c in spent), call.usage])
        return reply, answer

    def _domains(self, conversation: list[dict]) -> dict[str, list] | None:
        if self.grounding is None or not self.tools or self.provider.constraints_in_effect != "grounded":
            return None
        return domains(self.grounding.declared, self.tools, conversation, self.grounding.repository)

    def _accepted(self, reply: Reply, answer: Answer) -> Answer:
        if reply.rejection is not None:
            self._rejected.append(reply.message)
            self._retries.append(answer.call_id)
            self._refused += 1
            raise FormatRejected(
                f"read the reply of provider {self.provider.name!r}",
                rejection=reply.rejection,
                reply=answer,
                seen=f"{reply.rejection.rule}: {reply.rejection.message}",
                allowed=reply.rejection.expected,
            )
        self._retries.clear()
        self._refused = 0
        self._step += 1
        return answer


class _Call:
    """One call from its view to its record."""

    def __init__(self, owner: Completion, view: list[dict], draw: int, grounded: dict[str, list] | None):
        self.owner, self.view = owner, view
        self.retried = list(owner._retries)
        self.id = uuid.uuid4().hex[:12]
        wire = None if owner._native else owner.wire.name
        self.request = build_request(
            owner.provider, owner.handle.model_id, owner.tools, draw, domains=grounded, wire=wire
        )
        self.size = characters(view, owner.tools if owner._native else None)
        self.raw: dict[str, Any] | None = None
        self.reply: Reply | None = None
        self.usage: dict[str, Any] = {"latency_s": 0.0}
        self.attempts = 0

    def ask(self) -> tuple[Reply, Answer]:
        """Send the view and judge the reply. Raises ContextOverflow, ProviderDown."""
        owner = self.owner
        self._fits(owner._meter.estimate(self.size), "about ")
        began = time.perf_counter()
        try:
            self.raw = owner._sender.send(self.request, self.view)
        finally:
            self.attempts = owner._sender.attempts
            self.usage["latency_s"] = round(time.perf_counter() - began, 4)
        self.usage = usage_of(self.raw, self.usage["latency_s"])
        owner._meter.learn(self.size, self.usage["in"])
        self._fits(self.usage["in"] or 0, "")
        self.reply = reply = read_reply(self.raw, owner.tools, self.id, owner.wire)
        if reply.rejection is not None:
            reply.rejection = reply.rejection.at(owner._refused + 1)
        answer = Answer(
            message=reply.message,
            calls=[reply.call] if reply.call else [],
            thought=reply.thought,
            finish_reason=reply.finish_reason,
            usage=self.usage,
            raw=self.raw,
            call_id=self.id,
        )
        return reply, answer

    def record(self, status: str, error: str | None) -> None:
        """Write the call record, whatever became of the call."""
        owner, reply = self.owner, self.reply
        if owner.recorder is None:
            return
        rejection = reply.rejection.model_dump() if reply and reply.rejection else None
        usage = {"in": None, "out": None, "cached": None, **self.usage}
        route = single_provider(owner._step, owner.provider.name, owner.handle.base_url).model_dump()
        owner.recorder.call(
            call_id=self.id,
            step=owner._step,
            messages=self.view,
            tools=self.request.arguments.get("tools"),
            sampling=self.request.sampling,
            chat_template_kwargs=owner.provider.chat_template_kwargs or None,
            validation=Validation(
                parsed=bool(reply and reply.parsed),
                schema_ok=bool(reply and reply.call),
                status=status,
                rejection=rejection,
                also_rejected=reply.also_rejected if reply else [],
            ),
            usage=usage,
            route=route | {"prompt_tokens": usage["in"], "latency_s": usage["latency_s"]},
            identity=_plain(owner.handle.identity),
            raw_response=self.raw,
            thought=reply.thought if reply else "",
            tool_calls=[reply.call.model_dump()] if reply and reply.call and status == "ok" else [],
            finish_reason=reply.finish_reason if reply else None,
            retry_of=self.retried[-1] if self.retried else None,
            retry_index=len(self.retried),
            attempts=self.attempts,
            error=error,
        )

    def _fits(self, tokens: int, about: str) -> None:
        window = self.owner.provider.max_input_tokens
        if window and tokens > window:
            raise ContextOverflow(
                f"fit the conversation into provider {self.owner.provider.name!r}",
                seen=f"{about}{tokens} tokens",
                allowed=f"max_input_tokens: {window}",
                next_step="choose a provider with a larger window, or a smaller step limit",
            )


def _plain(identity: Any) -> dict[str, Any]:
    return identity.model_dump(mode="json") if hasattr(identity, "model_dump") else dict(identity)
