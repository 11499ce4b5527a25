"""A lane: one provider in one conversation, with what it has been shown and where it was asked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from slm_ext.completion.sender import Sender
from slm_ext.context import ContextEvent, Cut, counter_for, fit, held
from slm_ext.errors import ContextOverflow
from slm_ext.toolcalls import mode_format
from slm_ext.toolcalls.view import in_text, with_note, with_system

__all__ = ["Lane", "Sight"]

Summarize = Callable[[list[dict], int], str]


@dataclass(frozen=True)
class Sight:
    """What a provider is shown for one call."""

    messages: list[dict]
    """As they are sent."""
    tools: list[dict]
    counted: list[dict]
    """The same before it was written in the provider's own format: what `tokens` were counted of."""
    tokens: int
    """Of the prompt, as counted here."""
    event: ContextEvent | None
    cut: Cut
    limit: int | None


class Lane:
    """One provider in one conversation."""

    def __init__(self, provider: Any):
        self.provider = provider
        self.wire = mode_format(provider.tool_mode)
        self.native = provider.tool_mode == "native"
        self.counter = counter_for(provider.model_folder)
        self.cut = Cut()
        self.url: str | None = None
        """The replica that holds the conversation's prefix."""
        self._senders: dict[int, tuple[Any, Sender]] = {}

    def size(self, conversation: list[dict], tools: list[dict]) -> int:
        """Tokens of the conversation as this provider would be shown it, if nothing more had to be left out."""
        _, view = held(conversation, self.cut)
        return self.counter.count(view, tools)

    def sight(
        self,
        conversation: list[dict],
        tools: list[dict],
        style: Any,
        *,
        limit: int | None,
        step: int,
        summarize: Summarize | None = None,
    ) -> Sight:
        """What it is shown: fitted into `limit` tokens, in its own tool-call format, with the style's system text.

        Raises:
            ContextOverflow: it does not fit whatever is left out.
        """
        shown = tools if style.tools is None else [t for t in tools if t["function"]["name"] in style.tools]
        told = with_system(conversation, style.system or self.provider.system)
        if style.note:
            told = with_note(told, style.note)
        try:
            fitted = fit(
                told, limit=limit, policy=self.provider.context, counter=self.counter, tools=shown, cut=self.cut,
                step=step, summarize=summarize,
            )  # fmt: skip
        except ContextOverflow as error:
            raise ContextOverflow(
                f"fit the conversation into provider {self.provider.name!r}",
                seen=error.seen,
                allowed=f"max_input_tokens: {limit}",
                next_step="choose a provider with a larger window, or a smaller step limit",
            ) from None
        messages = fitted.messages if self.native else in_text(fitted.messages, shown, self.wire)
        return Sight(messages, shown, fitted.messages, fitted.tokens, fitted.event, fitted.cut, limit)

    def shown(self, sight: Sight, tokens: int | None) -> None:
        """It was asked with `sight`, which the server counted as `tokens`: what was left out stays out."""
        self.cut = sight.cut
        self.learn(sight, tokens)

    def learn(self, sight: Sight, tokens: int | None) -> None:
        """Correct the counts by the server's own."""
        self.counter.learn(sight.counted, sight.tools, tokens)

    def sender(self, handle: Any) -> Sender:
        """The one that asks at `handle`."""
        known = self._senders.get(id(handle))
        if known is None:
            known = self._senders[id(handle)] = (handle, Sender(self.provider, handle))
        return known[1]

    def close(self) -> None:
        """Close the connections."""
        for _, sender in self._senders.values():
            sender.close()
