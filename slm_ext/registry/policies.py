"""Limits and rules that an entry can write down: what a call may cost, what is left out of a prompt, when a run ends.

Data only. `slm_ext/context` fits prompts by `ContextPolicy`; `slm_ext/routing` acts on the rest.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_serializer, model_validator

from slm_ext.registry.fields import Count, FieldError, Fraction, Seconds, Text, number

__all__ = ["Budget", "ContextPolicy", "Price", "StopPolicy", "Strategy"]

Dollars = Annotated[float, number, Field(ge=0, allow_inf_nan=False)]

_LOOKS_AT = {
    "elide": ("keep_last",),
    "truncate": ("max_chars",),
    "summarize": ("keep_last", "provider", "max_tokens"),
    "keep_ends": ("keep_last",),
}
"""The fields that a strategy acts on."""


class Budget(BaseModel):
    """Upper bounds that no call passes: one that could is not made, or made smaller. None means unbounded."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    calls: Count | None = None
    """Requests to a model, those that are drawn again or rejected included."""
    tokens: Count | None = None
    """Of prompts and replies together, cached ones included."""
    seconds: Seconds | None = None
    """Waiting for answers, in seconds of wall clock."""
    usd: Dollars | None = None
    """US dollars, by the provider's `price`."""

    @field_validator("*", mode="before")
    @classmethod
    def _not_nothing(cls, value: Any) -> Any:
        if value == 0 and isinstance(value, int | float) and not isinstance(value, bool):
            raise ValueError("0 would allow no call at all; leave it out for no limit")
        return value


class Price(BaseModel):
    """US dollars per million tokens."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    input: Dollars = 0
    """Of prompt tokens."""
    output: Dollars = 0
    """Of the reply's tokens."""
    cached: Dollars | None = None
    """Of prompt tokens from the server's cache; None: as `input`."""

    @property
    def free(self) -> bool:
        """Whether no number of tokens costs anything."""
        return not (self.input or self.output or self.cached)


class Strategy(BaseModel):
    """One way to make a prompt smaller; a YAML file may write its name alone."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Literal["elide", "truncate", "summarize", "keep_ends"]
    """`elide`: old tool results become one line. `truncate`: long tool results keep their ends, with a notice.
    `summarize`: old exchanges become a summary. `keep_ends`: old exchanges are left out, with a notice."""
    keep_last: Count = 2
    """Exchanges at the end that it does not touch. `truncate` does not look at it."""
    max_chars: Count = 2000
    """`truncate`: what a tool result may have, in characters."""
    provider: Text | None = None
    """`summarize`: who writes it; None is the provider of the call."""
    max_tokens: Count = 400
    """`summarize`: the summary's limit, in tokens."""

    @model_serializer(mode="wrap")
    def _only_what_counts(self, handler) -> dict[str, Any]:
        return {key: value for key, value in handler(self).items() if key in ("name", *_LOOKS_AT[self.name])}

    @model_validator(mode="after")
    def _no_idle_field(self) -> Strategy:
        for field in sorted(self.model_fields_set - {"name", *_LOOKS_AT[self.name]}):
            if getattr(self, field) != type(self).model_fields[field].default:
                allowed = ", ".join(_LOOKS_AT[self.name])
                raise FieldError(f"`{self.name}` does not look at it, only at {allowed}", field)
        return self


class ContextPolicy(BaseModel):
    """How a conversation is fitted into a provider's window."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    reserve_tokens: Annotated[int, number, Field(ge=0)] = 0
    """Kept free below the limit, beside what the reply needs."""
    strategies: list[Strategy] = Field(
        default_factory=lambda: [Strategy(name=name) for name in ("elide", "truncate", "keep_ends")]
    )
    """Used one after the other until the prompt is small enough; none: a prompt that does not fit is an overflow."""
    target: Fraction = 0.6
    """Part of the limit to come down to once it is passed: large, rare steps keep the server's prefix cache of use."""

    @field_validator("strategies", mode="before")
    @classmethod
    def _named(cls, value: Any) -> Any:
        """`elide` is short for `{name: elide}`."""
        return (
            [{"name": item} if isinstance(item, str) else item for item in value] if isinstance(value, list) else value
        )


class StopPolicy(BaseModel):
    """When a run is ended although its model would go on; the first rule that holds counts. None switches one off."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    max_steps: Count | None = None
    """Accepted actions."""
    max_tokens: Count | None = None
    """Of prompts and replies together."""
    max_wall_s: Seconds | None = None
    """Since the first call, in seconds."""
    repeat_action: Annotated[int, number, Field(ge=2)] | None = 3
    """The very same action this often among the last `repeat_window`, no edit made between."""
    repeat_window: Annotated[int, number, Field(ge=2)] = 6
    """Actions, the newest ones, among which `repeat_action` counts."""
    cycle: Annotated[int, number, Field(ge=2)] | None = 3
    """Two actions in turn (A B A B …), this often each."""
    no_diff_steps: Count | None = None
    """Actions in a row that changed no file."""

    @model_validator(mode="after")
    def _can_hold(self) -> StopPolicy:
        if self.repeat_action is not None and self.repeat_action > self.repeat_window:
            raise FieldError(
                f"{self.repeat_action} of the last {self.repeat_window} can never be; repeat_window says how many",
                "repeat_action",
            )
        return self
