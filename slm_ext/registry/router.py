"""A router: rules over providers, under a name of its own; and the team of providers that a run has.

    flywheel-auto:
      default: small
      subtasks: {plan: large, edit: {provider: large, temperature: 0.2}}
      rules: [{subtask: edit, when: {attempt: 2}, provider: large}]
      fallback: [large]

Data only; `slm_ext/routing` decides.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from slm_ext.registry.fields import Count, FieldError, Seconds, Temperature, Text, each_once, number
from slm_ext.registry.masking import written
from slm_ext.registry.policies import Budget, StopPolicy
from slm_ext.registry.provider import Provider
from slm_ext.registry.subtasks import SUBTASKS, Subtask

__all__ = [
    "SUBTASKS",
    "Escalation",
    "Route",
    "Router",
    "Rule",
    "Style",
    "Subtask",
    "Switching",
    "Team",
    "When",
]

Status = Literal["none", "ok", "error", "rejected", "tests_passed", "tests_failed"]
"""What came of the last step."""

Tokens = Annotated[int, number, Field(ge=0)]


class Style(BaseModel):
    """How a provider is asked where this rule chose it. What is left out stays as the provider has it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    system: Text | None = None
    """System text in place of the run's. Another text is another prefix: it is prefilled anew."""
    note: Text | None = None
    """Added to the end of the last message: all before it stays cached."""
    temperature: Temperature | None = None
    """Sampling, in place of the provider's."""
    tools: list[Text] | None = Field(default=None, min_length=1)
    """The tools offered, by name."""

    @field_validator("tools")
    @classmethod
    def _each_tool_once(cls, value: list[str] | None) -> list[str] | None:
        return each_once(value) if value else value


class Route(Style):
    """Who does it, who else if that one cannot, and how they are asked."""

    provider: Text
    """Name of a provider."""
    fallback: list[Text] = Field(default_factory=list)
    """Who is tried before the router's `fallback`, in this order, where that one cannot."""

    _each_once = field_validator("fallback")(each_once)

    @model_validator(mode="after")
    def _somebody_else(self) -> Route:
        for index, name in enumerate(self.fallback):
            if name == self.provider:
                raise FieldError(f"{name!r} is the provider itself", "fallback", index)
        return self


class When(BaseModel):
    """Conditions of a rule; all that are given have to hold."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    min_tokens: Tokens | None = None
    """The prompt has at least so many tokens."""
    max_tokens: Tokens | None = None
    """The prompt has at most so many tokens."""
    last_status: Status | None = None
    """What came of the last step: `none` (there is none yet), `ok`, `error`, `rejected`, `tests_passed` or
    `tests_failed`."""
    attempt: Count | None = None
    """This is at least the so-many-th attempt at one step; the first is 1."""

    @model_validator(mode="after")
    def _can_hold(self) -> When:
        if self.min_tokens is not None and self.max_tokens is not None and self.min_tokens > self.max_tokens:
            raise FieldError(f"{self.min_tokens} is more than max_tokens, {self.max_tokens}: never both", "min_tokens")
        return self


class Rule(Route):
    """A condition and who it chooses. Rules are asked in their order, before `subtasks`."""

    subtask: Subtask | None = None
    """Only in this kind of work; None: in any."""
    when: When = Field(default_factory=When)
    """Conditions, below."""


class Escalation(BaseModel):
    """When a stronger provider takes over, and when it gives back. None switches a trigger off."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    to: list[Text] = Field(default_factory=list)
    """From weaker to stronger; empty: the router's `fallback`."""
    format_errors: Count | None = 2
    """Replies in a row without a usable call."""
    repeated_actions: Annotated[int, number, Field(ge=2, le=6)] | None = 2
    """The very same action this often among the last six, no edit made between."""
    cycle: Annotated[int, number, Field(ge=2)] | None = 2
    """Two actions in turn (A B A B …), this often each."""
    failing_tests: Count | None = 2
    """Test runs in a row that failed after an edit."""
    return_after: Count = 3
    """Good steps in a row after which the weaker provider has it again."""
    cooldown_steps: Annotated[int, number, Field(ge=0)] = 2
    """Steps after a return in which only format errors and failures escalate."""

    _each_once = field_validator("to")(each_once)


class Switching(BaseModel):
    """What a change of provider that is merely wished may cost; one that is needed is made at any cost."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    max_prefill_tokens: Tokens | None = None
    """Tokens that the next provider would have to prefill because its cache does not hold them."""
    max_load_s: Annotated[float, number, Field(ge=0, allow_inf_nan=False)] | None = None
    """Seconds until its model is loaded; 0: only what is loaded already."""
    max_loaded: Count | None = None
    """Managed servers kept at a time; the one used longest ago is given back before another is loaded."""


class Router(BaseModel):
    """Rules over providers. `--slm NAME` takes one like a provider."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Text
    """The registry key; a run names it `slm/NAME`, like a provider."""
    default: Text
    """Who does what no rule and no subtask gives to another."""
    subtasks: dict[Subtask, Route] = Field(default_factory=dict)
    """Who does which kind of work; a name alone is short for `{provider: NAME}`."""
    rules: list[Rule] = Field(default_factory=list)
    """Asked first, in their order; the first that holds counts."""
    fallback: list[Text] = Field(default_factory=list)
    """Who is tried, in this order, where the chosen one cannot: too small a window, unhealthy, its budget spent."""
    escalate: Escalation = Field(default_factory=Escalation)
    """When a stronger provider takes over."""
    switching: Switching = Field(default_factory=Switching)
    """What a change of provider may cost."""
    cooldown_s: Seconds = 30
    """Seconds for which a provider or endpoint that failed is not asked."""
    budget: Budget = Field(default_factory=Budget)
    """Of one run, over all its providers."""
    stop_policy: StopPolicy | None = None
    """None: the profile's."""
    profile: Text | None = None
    """Prompts, tools and limits, by name; None: the default provider's."""
    extends: Text | None = None
    """Another router whose fields count where this entry has none."""

    @field_validator("subtasks", mode="before")
    @classmethod
    def _named(cls, value: Any) -> Any:
        """`plan: large` is short for `plan: {provider: large}`."""
        if not isinstance(value, Mapping):
            return value
        return {key: {"provider": item} if isinstance(item, str) else item for key, item in value.items()}

    _each_once = field_validator("fallback")(each_once)

    @classmethod
    def alone(cls, provider: Provider) -> Router:
        """The rules of a run with one provider: nobody else is asked."""
        return cls(name=provider.name, default=provider.name, profile=provider.profile)

    @property
    def ladder(self) -> list[str]:
        """Providers from weaker to stronger, the default first unless it stands further up."""
        up = self.escalate.to or self.fallback
        return list(up) if self.default in up else [self.default, *up]

    def format_error_limit(self, host: int) -> int:
        """Replies in a row without a usable call after which a run ends: `host`, the host's own limit, counts for the
        last provider of the ladder; those before it hand over earlier."""
        return host + (len(self.ladder) - 1) * (self.escalate.format_errors or 0)

    @property
    def members(self) -> list[str]:
        """Every provider named, the default first."""
        return list(dict.fromkeys(name for _, name in self.mentions()))

    def mentions(self) -> Iterator[tuple[tuple[str | int, ...], str]]:
        """Every provider named, with the path of keys to it; one named twice comes twice."""
        yield ("default",), self.default
        routes = [(("subtasks", key), route) for key, route in self.subtasks.items()]
        for path, route in [*routes, *((("rules", index), rule) for index, rule in enumerate(self.rules))]:
            yield (*path, "provider"), route.provider
            yield from (((*path, "fallback", index), name) for index, name in enumerate(route.fallback))
        yield from ((("fallback", index), name) for index, name in enumerate(self.fallback))
        yield from ((("escalate", "to", index), name) for index, name in enumerate(self.escalate.to))

    def public_dump(self) -> dict[str, Any]:
        """The router as JSON-ready data that reads back as the same."""
        return written(self)


@dataclass(frozen=True)
class Team:
    """What `--slm NAME` means for one run: the rules, and the providers they name."""

    router: Router
    providers: Mapping[str, Provider]
    """Every member of the router, by name, the default first."""
    summarizers: Mapping[str, Provider] = field(default_factory=dict)
    """Providers that write summaries for a member (`context.strategies`), by name; most are members themselves."""

    @classmethod
    def of(cls, provider: Provider) -> Team:
        """One provider alone."""
        return cls(Router.alone(provider), {provider.name: provider})

    @property
    def name(self) -> str:
        return self.router.name

    @property
    def lead(self) -> Provider:
        """The default provider."""
        return self.providers[self.router.default]

    @property
    def profile(self) -> str:
        """Name of the profile: prompts, tools and limits of the run."""
        return self.router.profile or self.lead.profile

    @property
    def alone(self) -> bool:
        """Whether there is nobody to route to."""
        return len(self.providers) == 1
