"""A router: rules over providers, under a name of its own; and the team of providers that a run has.

    flywheel-auto:
      default: small
      subtasks: {plan: large, edit: {provider: large, temperature: 0.2}}
      rules: [{subtask: edit, when: {attempt: 2}, provider: large}]
      fallback: [large]

Data only; `slm_ext/routing` decides.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from slm_ext.registry.fields import Count, Seconds, Temperature, Text, number
from slm_ext.registry.policies import Budget, StopPolicy
from slm_ext.registry.provider import Provider

__all__ = ["SUBTASKS", "Escalation", "Router", "Rule", "Style", "Subtask", "Switching", "Team", "When"]

Subtask = Literal["locate", "read", "plan", "edit", "test", "review", "summarize", "finish"]
SUBTASKS: tuple[Subtask, ...] = ("locate", "read", "plan", "edit", "test", "review", "summarize", "finish")
"""The kinds of work in a run; `slm_ext/routing/subtasks.py` tells them apart."""

Status = Literal["none", "ok", "error", "rejected", "tests_passed", "tests_failed"]
"""What came of the last step."""

Tokens = Annotated[int, number, Field(ge=0)]


class Style(BaseModel):
    """How a provider is asked where this rule chose it. What is left out stays as the provider has it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    system: Text | None = None
    """System text in place of the run's. Another text is another prefix: it is prefilled anew."""
    note: Text | None = None
    """Added to the end of the last message; costs the prefix cache nothing."""
    temperature: Temperature | None = None
    tools: list[Text] | None = Field(default=None, min_length=1)
    """The tools offered, by name."""


class Route(Style):
    """Who does it, who else if that one cannot, and how they are asked."""

    provider: Text
    fallback: list[Text] = Field(default_factory=list)


class When(BaseModel):
    """Conditions of a rule; all that are given have to hold."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    min_tokens: Tokens | None = None
    """The prompt has at least so many tokens."""
    max_tokens: Tokens | None = None
    """The prompt has at most so many tokens."""
    last_status: Status | None = None
    attempt: Count | None = None
    """This is at least the so-many-th attempt at one step; the first is 1."""


class Rule(Route):
    """A condition and who it chooses. Rules are asked in their order, before `subtasks`."""

    subtask: Subtask | None = None
    """None: any."""
    when: When = Field(default_factory=When)


class Escalation(BaseModel):
    """When a stronger provider takes over, and when it gives back. None switches a trigger off."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    to: list[Text] = Field(default_factory=list)
    """From weaker to stronger; empty: the router's `fallback`."""
    format_errors: Count | None = 2
    """Replies in a row without a usable call."""
    repeated_actions: Annotated[int, number, Field(ge=2)] | None = 2
    """The very same action this often among the last six, no edit made between."""
    cycle: Annotated[int, number, Field(ge=2)] | None = 2
    """Two actions in turn (A B A B …), this often each."""
    failing_tests: Count | None = 2
    """Test runs in a row that failed after an edit."""
    return_after: Count = 3
    """Good steps in a row after which the weaker provider has it again."""
    cooldown_steps: Annotated[int, number, Field(ge=0)] = 2
    """Steps after a return in which only format errors and failures escalate."""


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
    default: Text
    """Who does what no rule and no subtask gives to another."""
    subtasks: dict[Subtask, Route] = Field(default_factory=dict)
    rules: list[Rule] = Field(default_factory=list)
    fallback: list[Text] = Field(default_factory=list)
    """Who is tried, in this order, where the chosen one cannot: too small a window, unhealthy, its budget spent."""
    escalate: Escalation = Field(default_factory=Escalation)
    switching: Switching = Field(default_factory=Switching)
    cooldown_s: Seconds = 30
    """Seconds for which a provider or endpoint that failed is not asked."""
    budget: Budget = Field(default_factory=Budget)
    """Of one run, over all its providers."""
    stop_policy: StopPolicy | None = None
    """None: the profile's."""
    profile: Text | None = None
    """None: the default provider's."""
    extends: Text | None = None

    @field_validator("subtasks", mode="before")
    @classmethod
    def _named(cls, value: Any) -> Any:
        """`plan: large` is short for `plan: {provider: large}`."""
        if not isinstance(value, Mapping):
            return value
        return {key: {"provider": item} if isinstance(item, str) else item for key, item in value.items()}

    @model_validator(mode="after")
    def _ladder(self) -> Router:
        for field, names in (("fallback", self.fallback), ("escalate.to", self.escalate.to)):
            if len(set(names)) < len(names):
                raise ValueError(f"{field} names a provider twice")
        return self

    @classmethod
    def alone(cls, provider: Provider) -> Router:
        """The rules of a run with one provider: nobody else is asked."""
        return cls(name=provider.name, default=provider.name, profile=provider.profile)

    @property
    def ladder(self) -> list[str]:
        """Providers from weaker to stronger, the default first unless it stands further up."""
        up = self.escalate.to or self.fallback
        return list(up) if self.default in up else [self.default, *up]

    @property
    def members(self) -> list[str]:
        """Every provider named, the default first."""
        routes = [*self.subtasks.values(), *self.rules]
        named = [self.default, *(name for route in routes for name in (route.provider, *route.fallback))]
        return list(dict.fromkeys([*named, *self.fallback, *self.escalate.to]))


@dataclass(frozen=True)
class Team:
    """What `--slm NAME` means for one run: the rules, and the providers they name."""

    router: Router
    providers: Mapping[str, Provider]
    """Every member of the router, by name, the default first."""

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
