"""The blocks of a provider's entry: its endpoints, what it can do, and what is tried again."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, model_validator

from slm_ext.registry.fields import Count, Endpoint, Seconds, Temperature, Text, number

__all__ = ["Capabilities", "Replica", "Resample", "Retry"]


class Replica(BaseModel):
    """One of several endpoints that serve the same model; an entry may write its URL alone."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    url: Endpoint
    """The address of its OpenAI API, usually ending in `/v1`."""
    weight: Annotated[float, number, Field(gt=0, allow_inf_nan=False)] = 1
    """Its share of the load, against the others' weights."""

    @model_validator(mode="before")
    @classmethod
    def _address(cls, value: Any) -> Any:
        return {"url": value} if isinstance(value, str) else value


class Capabilities(BaseModel):
    """What the endpoint can do, where it is known; nothing written means unknown."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    native_tools: bool | None = None
    """It takes `tools` and answers with tool calls."""
    json_schema: bool | None = None
    """It decodes within a JSON schema."""
    grammar: bool | None = None
    """It decodes within a grammar."""
    logprobs: bool | None = None
    """It tells how likely each token was."""
    thinking: bool | None = None
    """The model writes its thoughts before it answers."""
    window: Count | None = None
    """Most tokens of a prompt and its reply together."""
    output_limit: Count | None = None
    """Most tokens of one reply."""


class Retry(BaseModel):
    """How often a transient error is tried again, and the random exponential wait between tries."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    retries: Annotated[int, number, Field(ge=0)] = 3
    """Further tries; 0: none."""
    min_wait: Seconds = 1
    """Least wait before a try, in seconds."""
    max_wait: Seconds = 20
    """Longest wait before a try, in seconds."""


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
