"""How much one call may still take, so that no budget is passed. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from slm_ext.registry.policies import Budget, Price
from slm_ext.routing.state import Spent

__all__ = ["MARGIN", "Allowance", "allowance"]

MARGIN = 1.1
"""A prompt is taken for a tenth larger than it was counted: the server's own count may differ by some percent."""
_LEAST_TOKENS = 16
"""A reply of fewer tokens holds no call."""
_LEAST_SECONDS = 0.1


@dataclass(frozen=True)
class Allowance:
    """Bounds of one call. None means unbounded; `why_not` says that there is nothing left."""

    max_tokens: int | None = None
    requests: int | None = None
    """Over HTTP, those that are tried again included."""
    seconds: float | None = None
    why_not: str = ""


def allowance(limits: Iterable[tuple[str, Budget, Spent]], *, prompt_tokens: int, price: Price) -> Allowance:
    """What every budget leaves for a call with a prompt of `prompt_tokens`.

    Args:
        limits: whose budget, the budget, what is spent of it.
        price: of the provider that would be asked.
    """
    prompt = math.ceil(prompt_tokens * MARGIN - 1e-9)
    tokens: list[float] = []
    seconds: list[float] = []
    requests: list[int] = []
    for whose, budget, spent in limits:
        if budget.calls is not None and spent.calls >= budget.calls:
            return Allowance(why_not=f"budget: {spent.calls} of {budget.calls} calls of {whose} are spent")
        if budget.calls is not None:
            requests.append(budget.calls - spent.calls)
        if budget.seconds is not None:
            left = budget.seconds - spent.seconds
            if left < _LEAST_SECONDS:
                return Allowance(why_not=f"budget: {spent.seconds:.1f} of {budget.seconds:g} s of {whose} are spent")
            seconds.append(left)
        if budget.tokens is not None:
            left = budget.tokens - spent.tokens - prompt
            if left < _LEAST_TOKENS:
                return Allowance(
                    why_not=f"budget: {spent.tokens} of {budget.tokens} tokens of {whose} are spent, "
                    f"the prompt has about {prompt_tokens}"
                )
            tokens.append(left)
        if budget.usd is not None and (price.input or price.output or price.cached):
            dear = max(price.input, price.cached or 0)
            left_usd = budget.usd - spent.usd - prompt * dear / 1e6
            most = left_usd * 1e6 / price.output if price.output else (math.inf if left_usd >= 0 else 0)
            if most < _LEAST_TOKENS:
                return Allowance(why_not=f"budget: ${spent.usd:.4f} of ${budget.usd:g} of {whose} are spent")
            if most < math.inf:
                tokens.append(most)
    return Allowance(
        int(min(tokens)) if tokens else None, min(requests, default=None), min(seconds) if seconds else None
    )
