"""Fitting: a conversation comes down to a provider's window in rare, large steps.

While a prompt is within the limit, nothing changes but what is appended, so the server's prefix cache holds. Once it
is over, the policy's strategies leave out so much that it is down to `target` of the limit, and that cut is kept: the
views between two cuts extend each other byte for byte.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from slm_ext.context.counting import TokenCounter
from slm_ext.context.cutting import ContextEvent, Cut, Dropped, apply, held
from slm_ext.context.draft import Draft
from slm_ext.context.strategies import LAST_RESORT, STRATEGIES, Settings, Summarize
from slm_ext.errors import ContextOverflow

__all__ = ["ContextEvent", "Cut", "Dropped", "Fitted", "Policy", "apply", "fit"]


class Policy(Protocol):
    """What `slm_ext.registry`'s ContextPolicy has."""

    @property
    def strategies(self) -> Sequence[Settings]: ...
    @property
    def target(self) -> float: ...


@dataclass(frozen=True)
class Fitted:
    """A view that fits.

    Attributes:
        messages: to be sent; the given list itself where nothing is left out.
        tokens: of them, tools' schemas included, as the counter has it.
        cut: for the next call of this reader in this conversation.
        event: None where the view is the conversation.
    """

    messages: list[dict]
    tokens: int
    cut: Cut
    event: ContextEvent | None


def fit(
    messages: list[dict],
    *,
    limit: int | None,
    policy: Policy,
    counter: TokenCounter,
    tools: list[dict] | None = None,
    cut: Cut = Cut(),  # noqa: B008 (frozen)
    step: int = 0,
    summarize: Summarize | None = None,
) -> Fitted:
    """The view of a conversation that fits into a window.

    Never left out: system, task, the last exchange, the last result that reports a failure; a call and its results go
    or stay together. Only as the last resort are results of the last exchange, or that failure, truncated.

    Args:
        messages: the conversation as `toolcalls.view.outgoing` gives it. Not changed.
        limit: most tokens of the prompt; None: unknown, and nothing new is cut.
        policy: strategies, in their order, and how far to come down.
        cut: what this reader is not shown since earlier calls. What of it is not of this conversation is forgotten.
        step: for the event.
        summarize: (messages, max_tokens) → text; asked by the strategy `summarize` alone. The messages are a task and
            exchanges as this reader saw them so far, so they are about as many tokens as its window.

    Raises:
        ContextOverflow: it does not fit even then.
    """
    cut, view = held(messages, cut)
    tokens = counter.count(view, tools)
    if limit is not None and counter.settle(abs(limit - tokens)):
        tokens = counter.count(view, tools)
    new = limit is not None and tokens > limit
    if new:
        assert limit is not None
        draft = _smaller(Draft(messages, cut, view, counter, tools), limit, policy, summarize)
        cut, view, tokens = draft.cut, draft.view, draft.tokens
    if not cut:
        return Fitted(messages, tokens, cut, None)
    event = ContextEvent(
        step=step,
        strategy="+".join(cut.strategies),
        tokens_before=counter.count(messages, tools),
        tokens_after=tokens,
        dropped=list(cut.dropped),
        new=new,
        summary=cut.summary,
        facts=cut.facts,
    )
    return Fitted(view, tokens, cut, event)


def _smaller(draft: Draft, limit: int, policy: Policy, summarize: Summarize | None) -> Draft:
    """The draft, brought down to the target if that can be, to the limit in any case. Raises ContextOverflow."""
    before, goal = draft.tokens, int(limit * policy.target)
    for strategy in policy.strategies:
        _use(draft, strategy.name, STRATEGIES[strategy.name](draft, strategy, summarize), goal)
    for strategy in policy.strategies:
        if strategy.name in LAST_RESORT:
            _use(draft, strategy.name, LAST_RESORT[strategy.name](draft, strategy), limit)
    if draft.tokens > limit:
        raise _overflow(draft, before, limit, policy)
    return draft


def _use(draft: Draft, name: str, steps: Iterator[None], goal: int) -> None:
    """As many steps of a strategy as it takes."""
    if draft.tokens <= goal:
        return
    for _ in steps:
        draft.used(name)
        if draft.tokens <= goal and draft.recount() <= goal:
            return
    draft.recount()


def _overflow(draft: Draft, before: int, limit: int, policy: Policy) -> ContextOverflow:
    names = ", ".join(dict.fromkeys(strategy.name for strategy in policy.strategies))
    seen = f"{before} tokens" + (f", {draft.tokens} after {names}" if names else "; no strategy to make it smaller")
    missing = [name for name in ("elide", "truncate", "keep_ends") if name not in names]
    return ContextOverflow(
        f"fit a conversation of {len(draft.conversation.messages)} messages into a model's window",
        seen=f"{seen}; of them {draft.fixed()} are system, task and tools, which are never left out",
        allowed=f"{limit} tokens",
        next_step="choose a provider with a larger window (max_input_tokens)"
        + (f", or add to its context.strategies: {', '.join(missing)}" if missing else ""),
    )
