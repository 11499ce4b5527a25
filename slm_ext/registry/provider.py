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
from slm_ext.registry.fields import Count, Endpoint, Fraction, Seconds, Temperature, Text, check_key, number
from slm_ext.registry.policies import Budget, ContextPolicy, Price
from slm_ext.registry.servers import ServerSpec

__all__ = ["DUMMY_KEY", "Capabilities", "Provider", "Replica", "Resample", "Retry", "secrets_in"]

Tokens = Annotated[int, number, Field(ge=0)]

DUMMY_KEY = "dummy"
"""Sent where a provider names no key: clients refuse an empty one, local servers ignore it."""

DEFAULT_OUTPUT_TOKENS = 4096

OWN_ARGUMENTS = {
    "api_base": "api_base",
    "api_key": "api_key",
    "base_url": "api_base",
    "messages": None,
    "model": "model",
    "n": None,
    "stream": None,
    "tools": None,
}
"""Request arguments that `completion_kwargs` may not carry, with the field that does."""

_MAPPED = {
    "max_tokens": "max_output_tokens",
    "timeout": "timeout_s",
    "temperature": "temperature",
    "top_p": "top_p",
    "seed": "seed",
    "stop": "stop",
}
"""Arguments in `completion_kwargs` that are fields of ours: taken out of it; two different values are refused."""

_WITHOUT_EFFECT: dict[str, tuple[Any, ...]] = {
    "per_instance_cost_limit": (0,),
    "total_cost_limit": (0,),
    "convert_system_to_user": (False,),
    "delay": (0,),
    "fallbacks": ([],),
    "choose_api_key_by_thread": (True, False),
    "api_version": (None,),
    "litellm_model_registry": (None,),
    "custom_tokenizer": (None,),
}
"""Fields of `GenericAPIModelConfig` that are accepted only with the value at which they do nothing."""


class Capabilities(BaseModel):
    """What the endpoint can do, where it is known; `None` means unknown. `window` is in tokens."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    native_tools: bool | None = None
    json_schema: bool | None = None
    grammar: bool | None = None
    logprobs: bool | None = None
    thinking: bool | None = None
    window: Count | None = None
    output_limit: Count | None = None
    """Most tokens of one reply."""


class Replica(BaseModel):
    """One of several endpoints that serve the same model."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    url: Endpoint
    weight: Annotated[float, number, Field(gt=0, allow_inf_nan=False)] = 1
    """Its share of the load."""


class Retry(BaseModel):
    """How often a transient error is tried again, and the random exponential wait in seconds between tries."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    retries: Annotated[int, number, Field(ge=0)] = 3
    min_wait: Seconds = 1
    max_wait: Seconds = 20


class Resample(BaseModel):
    """Draw again, instead of telling the model, where a reply holds no usable call or repeats an earlier one.

    Draws come on top of the limits of calls.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    draws: Count = 8
    """Most further draws for one reply; the last one counts, whatever it is."""
    temperature: Annotated[Temperature, Field(gt=0)] = 1.0
    """Of the further draws."""
    once: list[Text] = Field(default_factory=list)
    """Tools of which no call is made a second time with the very same arguments."""
    differ: dict[Text, list[Text]] = Field(default_factory=dict)
    """Per tool, arguments of one call that are not to be the same: text to find, text to put there."""


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
    """Several places that serve the same model; the least busy one is asked, and a run stays with it."""
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
    """The prompt's limit, in tokens; 0 means the same as leaving it out, no limit is checked."""
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
    """How a conversation is fitted into `max_input_tokens`."""
    budget: Budget = Field(default_factory=Budget)
    """Of one run."""
    price: Price = Field(default_factory=Price)
    roles: list[Literal["locate", "read", "plan", "edit", "test", "review", "summarize", "finish"]] = Field(
        default_factory=list
    )
    """Subtasks that a router may give it; none: all."""

    extends: Text | None = None
    profile: Text = "default"
    revision: Text | None = None
    expected_model_id: Text | None = None
    """The name that answers must carry, for `slm providers check`; default: `model`."""

    @model_validator(mode="before")
    @classmethod
    def _from_stock(cls, data: Any) -> Any:
        """Drop stock fields that do nothing at their value, move request arguments into their fields."""
        if not isinstance(data, dict):
            return data
        data = {k: v for k, v in data.items() if not any(_same(v, n) for n in _WITHOUT_EFFECT.get(k, ()))}
        if data.get("constraints") is False:  # YAML's reading of `off`
            data["constraints"] = "off"
        if data.get("max_output_tokens", 1) in (0, None) and not isinstance(data.get("max_output_tokens"), bool):
            data.pop("max_output_tokens", None)
        if isinstance(data.get("completion_kwargs"), dict):
            rest = dict(data["completion_kwargs"])
            for argument, field in _MAPPED.items():
                if argument not in rest:
                    continue
                value = rest.pop(argument)
                if argument == "stop" and isinstance(value, str):
                    value = [value]
                if field in data and data[field] != value:
                    raise ValueError(f"completion_kwargs.{argument} is {value!r}, but {field} is {data[field]!r}")
                data[field] = value
            data["completion_kwargs"] = rest
        server = data.get("server")
        if isinstance(server, dict):
            if data.get("revision") is not None and server.get("revision") is None:
                server = data["server"] = {**server, "revision": data["revision"]}
            elif data.get("revision") is None and server.get("revision") is not None:
                data["revision"] = server["revision"]
            if "model" not in data and isinstance(server.get("model_path"), str):
                data["model"] = server["model_path"]
        return data

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
        return _masked(data, secrets_in(data))


MASK = "**********"
_SECRET_WORDS = ("api_key", "apikey", "authorization", "password", "secret", "token")
_HARMLESS = {"api_key"}  # masked above, where it is no reference


def secrets_in(value: Any, path: str = "") -> list[str]:
    """Dotted paths of texts whose name says that they are a secret, e.g. `extra_headers.Authorization`."""
    if not isinstance(value, dict):
        return []
    found = []
    for key, item in value.items():
        here = f"{path}.{key}" if path else str(key)
        if isinstance(item, str) and key not in _HARMLESS and any(word in str(key).lower() for word in _SECRET_WORDS):
            found.append(here)
        found += secrets_in(item, here)
    return found


def _masked(value: Any, hidden: list[str], path: str = "") -> Any:
    if not isinstance(value, dict):
        return value
    within = {key: f"{path}.{key}" if path else str(key) for key in value}
    return {key: MASK if within[key] in hidden else _masked(item, hidden, within[key]) for key, item in value.items()}


def _same(value: Any, neutral: Any) -> bool:
    if isinstance(value, bool) or isinstance(neutral, bool):
        return value is neutral
    return value == neutral
