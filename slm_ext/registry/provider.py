"""A provider: one model, where it answers, and how it is asked.

Field names are those of SWE-agent's `GenericAPIModelConfig` where it has them. `stock.py` compiles a provider into
one; `entries.py` reads providers from YAML.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

from slm_ext.errors import UsageError
from slm_ext.registry.blocks import Capabilities, Replica, Resample, Retry
from slm_ext.registry.fields import (
    Count,
    Endpoint,
    FieldError,
    Fraction,
    Seconds,
    Temperature,
    Text,
    check_key,
    each_once,
    number,
)
from slm_ext.registry.masking import MASK, masked, secrets_in
from slm_ext.registry.policies import Budget, ContextPolicy, Price
from slm_ext.registry.servers import ServerSpec
from slm_ext.registry.stock_fields import OWN_ARGUMENTS, translated
from slm_ext.registry.subtasks import Subtask

__all__ = ["DUMMY_KEY", "Capabilities", "Provider", "Replica", "Resample", "Retry", "secrets_in"]

Tokens = Annotated[int, number, Field(ge=0)]

DUMMY_KEY = "dummy"
"""Sent where a provider names no key: clients refuse an empty one, local servers ignore it."""

DEFAULT_OUTPUT_TOKENS = 4096


class Provider(BaseModel):
    """One model under one name. Exactly one of `server` (we start it), `api_base` and `endpoints` (others run it) is
    set."""

    model_config = ConfigDict(extra="forbid", frozen=True, protected_namespaces=())

    name: Text
    """The registry key; a run names it `slm/NAME`."""
    model: Text
    """What the endpoint calls the model. An entry may write it `name:`. Managed servers: defaults to `model_path`."""
    api_base: Endpoint | None = None
    endpoints: list[Replica] = Field(default_factory=list)
    """Several places that serve the same model, below, in place of `api_base`. The least busy one is asked, and a run
    stays with it."""
    api_key: SecretStr | None = None
    """`$VARIABLE`, or a literal (never written anywhere); without one a dummy is sent."""
    server: ServerSpec | None = None

    temperature: Temperature = 0.0
    top_p: Fraction | None = None
    seed: Annotated[int, number] | None = None
    stop: list[str] = Field(default_factory=list)
    timeout_s: Seconds = 600
    """For one answer, in seconds."""
    max_input_tokens: Tokens | None = None
    """The prompt's limit, in tokens; 0 means the same as leaving it out: what `capabilities.window` leaves beside the
    reply, and without that no limit."""
    max_output_tokens: Count = DEFAULT_OUTPUT_TOKENS
    """The reply's limit, in tokens; always sent as `max_tokens`: servers have defaults as low as 512."""

    tool_mode: Literal["native", "xml", "json", "text"] = "native"
    """How tools are offered: `native` as `tools` of the API; in the system prompt, with calls written as Qwen3-Coder's
    XML (`xml`), as Hermes' JSON (`json`) or as fenced text (`text`, for models without tool training)."""
    constraints: Literal["off", "calls", "grounded"] = "grounded"
    """What the `slm` engine decodes within; other servers are sent none of it. `calls`: every reply is one call that
    fits the tools' schemas; `grounded`: and that names what is there; `off`: whatever the model writes."""
    thought_chars: Annotated[int, number, Field(ge=0, le=100_000)] = 1500
    """Most characters of text before the call, where `constraints` are in effect."""
    chat_template_kwargs: dict[str, Any] = Field(default_factory=dict)
    capabilities: Capabilities = Field(default_factory=Capabilities)
    completion_kwargs: dict[str, Any] = Field(default_factory=dict, repr=False)
    """Further arguments of the request, passed on as they are."""
    retry: Retry = Field(default_factory=Retry)
    resample: Resample | None = None
    """None: every reply counts as it comes."""
    per_instance_call_limit: Annotated[int, number, Field(ge=0)] = 0
    """Most model calls in one task; 0 leaves it to the profile's step limit."""
    system: Text | None = None
    """System text for this model in place of the profile's; small models do better with a short one."""
    context: ContextPolicy = Field(default_factory=ContextPolicy)
    """How a conversation is fitted into the prompt's limit, below."""
    budget: Budget = Field(default_factory=Budget)
    """What one run may take of this provider, below."""
    price: Price = Field(default_factory=Price)
    """What tokens cost, below: it makes `budget.usd` count. Local models cost nothing."""
    roles: list[Subtask] = Field(default_factory=list)
    """Subtasks that a router may give it; none: all."""

    extends: Text | None = None
    profile: Text = "default"
    revision: Text | None = None
    expected_model_id: Text | None = None
    """The name that answers must carry, for `slm providers check`; default: `model`."""

    @model_validator(mode="before")
    @classmethod
    def _translated(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        data = translated(value)
        able = data.get("capabilities")
        most = able.get("output_limit") if isinstance(able, dict) else None
        if isinstance(most, int) and 1 <= most < DEFAULT_OUTPUT_TOKENS:
            data.setdefault("max_output_tokens", most)
        return data

    _roles = field_validator("roles")(each_once)

    @field_validator("endpoints")
    @classmethod
    def _different(cls, value: list[Replica]) -> list[Replica]:
        for index, replica in enumerate(value):
            if replica.url in [other.url for other in value[:index]]:
                raise FieldError(f"{replica.url} a second time; `weight` gives one endpoint more load", index, "url")
        return value

    @field_validator("api_key", mode="before")
    @classmethod
    def _key_form(cls, value: Any) -> Any:
        if isinstance(value, str):
            check_key(value)
        return value

    @field_validator("completion_kwargs")
    @classmethod
    def _not_ours(cls, value: dict[str, Any]) -> dict[str, Any]:
        for argument in value:
            if argument in OWN_ARGUMENTS:
                field = OWN_ARGUMENTS[argument]
                where = f"the field `{field}` holds it" if field else "slm-ext sets it"
                raise ValueError(f"must not carry `{argument}`: {where}")
        return value

    @model_validator(mode="after")
    def _one_place(self) -> Provider:
        places = {"api_base": self.api_base, "endpoints": self.endpoints, "server": self.server}
        given = [f"`{name}`" for name, value in places.items() if value]
        if len(given) != 1:
            has = " and ".join(given) if given else "none of `api_base`, `endpoints` and `server`"
            raise ValueError(f"has {has}; one of them says where the model answers")
        if self.server and self.revision != self.server.revision:
            raise ValueError(f"revision is {self.revision!r}, but server.revision is {self.server.revision!r}")
        return self

    @model_validator(mode="after")
    def _fits_the_window(self) -> Provider:
        able, prompt, reply = self.capabilities, self.max_input_tokens, self.max_output_tokens
        if able.output_limit and reply > able.output_limit:
            raise FieldError(
                f"{self._reply()} is more than capabilities.output_limit, {able.output_limit}", "max_output_tokens"
            )
        if able.window and prompt and prompt + reply > able.window:
            raise FieldError(
                f"{prompt} and max_output_tokens, {self._reply()}, are {prompt + reply} together, more than "
                f"capabilities.window, {able.window}",
                "max_input_tokens",
            )
        if able.window and reply >= able.window:
            raise FieldError(
                f"{self._reply()} leaves nothing of capabilities.window, {able.window}, to the prompt",
                "max_output_tokens",
            )
        limit = prompt or (able.window - reply if able.window else None)
        if limit and self.context.reserve_tokens >= limit:
            raise FieldError(
                f"{self.context.reserve_tokens} leaves nothing of the prompt's limit, {limit}",
                "context",
                "reserve_tokens",
            )
        return self

    @model_validator(mode="after")
    def _can_be_spent(self) -> Provider:
        if self.budget.usd is not None and self.price.free:
            raise FieldError(
                "could never be spent, since the provider has no price; give `price: {input: …, output: …}` in dollars "
                "per million tokens, or leave it out",
                "budget",
                "usd",
            )
        return self

    def _reply(self) -> str:
        return f"{self.max_output_tokens}" + ("" if "max_output_tokens" in self.model_fields_set else " (the default)")

    @property
    def managed(self) -> bool:
        """Whether slm-ext starts and stops the server."""
        return self.server is not None

    @property
    def replicas(self) -> list[Replica]:
        """Where others serve it; empty where we do."""
        return [Replica(url=self.api_base)] if self.api_base else list(self.endpoints)

    @property
    def prompt_limit(self) -> int | None:
        """Most tokens of a prompt: `max_input_tokens`, else what the declared window leaves beside the reply; the
        `context.reserve_tokens` are taken off. None: unknown."""
        limit = self.max_input_tokens
        if not limit and self.capabilities.window:
            limit = self.capabilities.window - self.max_output_tokens
        return max(1, limit - self.context.reserve_tokens) if limit else None

    @property
    def constraints_in_effect(self) -> Literal["off", "calls", "grounded"] | None:
        """`constraints` where our own engine answers; None where another server does."""
        ours = self.server is not None and self.server.engine == "slm" and self.server.command is None
        return self.constraints if ours else None

    @property
    def model_folder(self) -> Path | None:
        """The model folder on this machine, where the provider names one."""
        return self.server.folder if self.server else None

    @property
    def key_reference(self) -> str | None:
        """`$VARIABLE` where the key is one, else `None`; never a literal."""
        raw = self.api_key.get_secret_value() if self.api_key else ""
        return raw if raw.startswith("$") else None

    def resolve_api_key(self) -> str:
        """The key to send: the literal, the variable's value, or `"dummy"`.

        Raises:
            UsageError: the variable is unset or empty, or holds several keys joined by `:::`.
        """
        if self.api_key is None:
            return DUMMY_KEY
        reference = self.key_reference
        if reference is None:
            return self.api_key.get_secret_value()
        value = os.environ.get(reference[1:], "").strip()
        if value and ":::" not in value:
            return value
        raise UsageError(
            f"read the key of provider {self.name!r}",
            seen=f"the environment variable {reference[1:]} " + ("holds several keys" if value else "is not set"),
            allowed=f"one key in {reference[1:]}",
            next_step=f"export {reference[1:]}=…",
        )

    def public_dump(self) -> dict[str, Any]:
        """The provider as JSON-ready data without `None`; a literal key and other secrets appear as asterisks."""
        data = self.model_dump(mode="json", exclude_none=True)
        if self.api_key is not None:
            data["api_key"] = self.key_reference or MASK
        if self.server is not None:
            data["server"]["env"] = dict.fromkeys(self.server.env, MASK)
        return masked(data, secrets_in(data))
