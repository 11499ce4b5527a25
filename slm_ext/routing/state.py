"""What a run remembers between two decisions. Immutable: every event gives a new state, so a run can be replayed."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace

from slm_ext.registry.policies import Price

__all__ = ["RouteState", "Spent"]


@dataclass(frozen=True)
class Spent:
    """Of a budget."""

    calls: int = 0
    tokens: int = 0
    seconds: float = 0.0
    usd: float = 0.0

    def plus(self, *, prompt: int, cached: int, reply: int, seconds: float, price: Price, calls: int) -> Spent:
        """After `calls` more requests that brought one answer or none, in tokens and seconds."""
        rate = price.input if price.cached is None else price.cached
        usd = ((prompt - cached) * price.input + cached * rate + reply * price.output) / 1e6
        return Spent(self.calls + calls, self.tokens + prompt + reply, self.seconds + seconds, self.usd + usd)


@dataclass(frozen=True)
class RouteState:
    """See the fields. Step numbers and indices of actions count from the run's beginning."""

    current: str | None = None
    """Who was asked last."""
    stands_in: str | None = None
    """The stronger provider, while one stands in."""
    stands_in_for: str | None = None
    refuge: bool = False
    """Whether `current` was asked because the one that was wished could not be."""
    good_steps: int = 0
    """Steps in a row that went well since it stands in."""
    judged: int = 0
    """The last step of which it is known whether it went well."""
    since: int = 0
    """Index of the first action that the triggers look at: those before were somebody else's."""
    calm_until: int = 0
    """Step up to which only format errors and failures escalate."""
    format_errors: int = 0
    """Replies in a row without a usable call."""
    cooling: Mapping[str, float] = field(default_factory=dict)
    """Provider → time until which it is not asked."""
    held: Mapping[str, int] = field(default_factory=dict)
    """Prefix → tokens of it that its provider's cache holds."""
    spent: Mapping[str, Spent] = field(default_factory=dict)
    """By provider."""

    @property
    def total(self) -> Spent:
        """Over all providers."""
        parts = self.spent.values()
        return Spent(
            sum(s.calls for s in parts),
            sum(s.tokens for s in parts),
            sum(s.seconds for s in parts),
            sum(s.usd for s in parts),
        )

    def answered(
        self, provider: str, prefix: str, *, prompt: int, cached: int, reply: int, seconds: float, price: Price,
        requests: int = 1,
    ) -> RouteState:  # fmt: skip
        """After a call, whatever came of it.

        Args:
            prefix: names the provider and what its prompts begin with.
            prompt, cached, reply: tokens; no prompt where there was no answer.
            requests: over HTTP.
        """
        one = self.spent.get(provider, Spent())
        one = one.plus(prompt=prompt, cached=cached, reply=reply, seconds=seconds, price=price, calls=requests)
        held = {**self.held, prefix: prompt + reply} if prompt else dict(self.held)
        cooling = {name: until for name, until in self.cooling.items() if name != provider or not prompt}
        return replace(self, held=held, spent={**self.spent, provider: one}, cooling=cooling)

    def anew(self) -> RouteState:
        """For another conversation: what was spent stays spent, and who failed is still left alone."""
        return RouteState(spent=self.spent, cooling=self.cooling)

    def judged_reply(self, usable: bool) -> RouteState:
        """After a reply was read."""
        return replace(self, format_errors=0 if usable else self.format_errors + 1)

    def failed(self, provider: str, *, until: float) -> RouteState:
        """After `provider` could not be asked; it is left alone until the time `until`."""
        held = {prefix: n for prefix, n in self.held.items() if prefix.partition("#")[0] != provider}
        return replace(self, held=held, cooling={**self.cooling, provider: until})

    def calling_back(self, providers: Collection[str]) -> RouteState:
        """`providers` are not left alone any longer."""
        return replace(self, cooling={name: until for name, until in self.cooling.items() if name not in providers})

    def back_to(self, before: RouteState) -> RouteState:
        """With what was spent meanwhile, but as if nobody had been chosen since `before`."""
        return replace(before, spent=self.spent, held=self.held, cooling=self.cooling)
