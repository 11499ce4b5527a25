"""A request's body, checked. Explicit nulls count as left out; what we cannot honour is refused by name.

`ChatRequest` and `TextRequest` hold the fields of the OpenAI API that are honoured. Fields without a meaning for one
local model (`user`, `metadata`…) are accepted; every other one is a 400, so that no client believes in a setting that
does nothing.
"""

from __future__ import annotations

import json
from collections.abc import Generator
from contextlib import contextmanager
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, field_validator

from slm_ext.toolcalls import FORMATS

from .errors import ApiError
from .messages import read_message, refuse_unknown, strict_json

__all__ = ["ChatRequest", "SlmFields", "TextRequest", "read_request"]

Tool = dict[str, Any]
_OURS = {"chat_template", "conversation", "messages", "tools", "tokenize", "add_generation_prompt", "return_dict",
         "return_tensors", "continue_final_message"}  # fmt: skip
"""Arguments of apply_chat_template that are no variables of a template."""


class SlmFields(BaseModel):
    """Our own part of a chat request, under `slm`."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)

    domains: dict[str, list[dict[str, Any]]] | None = None
    """Where argument values come from: tool → cases of {argument: {enum | substring | items}}."""
    thought_chars: Annotated[int, Field(ge=0, le=100_000)] = 0
    """Characters of free text allowed before a call that `tool_choice` requires."""
    wire_format: str | None = None
    """How calls are written, where it is not the model's own way."""
    show_tools: bool = True
    """False where the messages describe the tools already."""
    constrain: bool = True
    """False lets the model write calls as it likes; they are read and checked all the same."""

    @field_validator("wire_format")
    @classmethod
    def _known(cls, value: str | None) -> str | None:
        if value is not None and value not in FORMATS:
            raise ValueError(f"one of {', '.join(FORMATS)}")
        return value


class _Sampling(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)

    model: str
    max_tokens: Annotated[int, Field(ge=1)] | None = None
    temperature: Annotated[float, Field(ge=0, le=10)] | None = None
    top_p: Annotated[float, Field(gt=0, le=1)] | None = None
    top_k: Annotated[int, Field(ge=-1)] | None = None
    min_p: Annotated[float, Field(ge=0, le=1)] | None = None
    repetition_penalty: Annotated[float, Field(ge=0.01, le=100)] | None = None
    presence_penalty: Annotated[float, Field(ge=-2, le=2)] | None = None
    frequency_penalty: Annotated[float, Field(ge=-2, le=2)] | None = None
    logit_bias: dict[str, Annotated[float, Field(ge=-100, le=100)]] | None = None
    seed: int | None = None
    stop: str | list[str] | None = None
    stream: bool = False
    stream_options: dict[Literal["include_usage"], bool] | None = None
    n: Literal[1] = 1
    user: Any = None
    metadata: Any = None
    store: Literal[False] = False
    service_tier: Any = None
    safety_identifier: Any = None
    prompt_cache_key: Any = None

    @field_validator("stop")
    @classmethod
    def _stops(cls, value: str | list[str] | None) -> list[str]:
        stops = [value] if isinstance(value, str) else list(value or [])
        if len(stops) > 16 or not all(stops):
            raise ValueError("at most 16 texts, none of them empty")
        return stops

    @field_validator("logit_bias")
    @classmethod
    def _ids(cls, value: dict[str, float] | None) -> dict[str, float] | None:
        if value and not all(key.isascii() and key.isdecimal() and len(key) < 10 for key in value):
            raise ValueError("keys are token ids")
        return value

    @property
    def stops(self) -> list[str]:
        return self.stop if isinstance(self.stop, list) else []

    @property
    def include_usage(self) -> bool:
        return bool((self.stream_options or {}).get("include_usage"))


class ChatRequest(_Sampling):
    """`POST /v1/chat/completions`."""

    messages: Annotated[list[dict[str, Any]], Field(min_length=1)]
    max_completion_tokens: Annotated[int, Field(ge=1)] | None = None
    tools: list[Tool] | None = None
    tool_choice: Literal["auto", "none", "required"] | dict[str, Any] | None = None
    parallel_tool_calls: bool = True
    response_format: dict[str, Any] | None = None
    logprobs: bool | None = None
    top_logprobs: Annotated[int, Field(ge=0, le=20)] | None = None
    chat_template_kwargs: dict[str, Any] | None = None
    slm: SlmFields = Field(default_factory=SlmFields)

    @field_validator("top_logprobs")
    @classmethod
    def _top(cls, value: int | None, info: ValidationInfo) -> int | None:
        if value and not info.data.get("logprobs"):
            raise ValueError("needs logprobs: true")
        return value

    @field_validator("chat_template_kwargs")
    @classmethod
    def _template_arguments(cls, value: dict[str, Any] | None) -> dict[str, Any] | None:
        if taken := sorted(_OURS & set(value or {})):
            raise ValueError(f"{', '.join(taken)}: not for a request to set")
        return value

    @field_validator("messages")
    @classmethod
    def _messages(cls, messages: list[dict]) -> list[dict]:
        return [read_message(message, at) for at, message in enumerate(messages)]

    @field_validator("tools")
    @classmethod
    def _tools(cls, tools: list[Tool] | None) -> list[Tool] | None:
        for tool in tools or []:
            function = tool.get("function")
            if tool.get("type") != "function" or not isinstance(function, dict) or not _is_name(function.get("name")):
                raise ValueError('each is {"type": "function", "function": {"name": …, "parameters": …}}')
            refuse_unknown(tool, {"type", "function", "cache_control"}, "a tool")
            refuse_unknown(function, {"name", "description", "parameters", "strict"}, f"the tool {function['name']}")
            if not isinstance(function.get("parameters"), dict | None):
                raise ValueError(f"the parameters of {function['name']} are a JSON schema")
        if len({tool["function"]["name"] for tool in tools or []}) != len(tools or []):
            raise ValueError("two tools have one name")
        return tools or None

    @property
    def limit(self) -> int | None:
        return self.max_completion_tokens or self.max_tokens

    @property
    def choice(self) -> str:
        """`auto`, `none`, `required`, or the name of the tool that has to be called after a `:`."""
        if not self.tools:
            if self.tool_choice not in (None, "auto", "none"):
                raise ApiError(400, "tool_choice requires a call, but there are no tools", param="tool_choice",
                               code="invalid_value")  # fmt: skip
            return "none"
        if isinstance(self.tool_choice, dict):
            return ":" + _named(self.tool_choice, [tool["function"]["name"] for tool in self.tools])
        return self.tool_choice or "auto"

    @property
    def schema_wanted(self) -> dict | None:
        """The JSON schema of `response_format`; an empty one for `json_object`."""
        wanted = self.response_format or {"type": "text"}
        kind = wanted.get("type")
        with _refused("response_format"):
            refuse_unknown(wanted, {"type", "json_schema"} if kind == "json_schema" else {"type"}, "response_format")
        if kind == "text":
            return None
        if kind == "json_object":
            return {"type": "object"}
        given = wanted.get("json_schema") if kind == "json_schema" else None
        schema = given.get("schema") if isinstance(given, dict) else None
        if isinstance(given, dict):
            with _refused("response_format"):
                refuse_unknown(given, {"name", "description", "schema", "strict"}, "response_format.json_schema")
        if not isinstance(schema, dict):
            raise ApiError(
                400,
                f"response_format: seen {json.dumps(wanted)[:200]}; allowed: text, json_object, or json_schema with "
                '{"json_schema": {"name": …, "schema": {…}}}',
                param="response_format",
            )
        return schema


class TextRequest(_Sampling):
    """`POST /v1/completions`: one prompt, as text or as token ids."""

    prompt: str | list[int] | list[str]
    echo: Literal[False] = False
    best_of: Literal[1] = 1
    suffix: None = None
    logprobs: Annotated[int, Field(ge=0, le=20)] | None = None

    @property
    def limit(self) -> int | None:
        return self.max_tokens


def read_request(kind: type[ChatRequest] | type[TextRequest], body: bytes):
    """The request in `body`; raises ApiError (400) naming the field that is wrong."""
    try:
        data = strict_json(body.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise ApiError(400, f"the body is not JSON: {error}") from None
    if not isinstance(data, dict):
        raise ApiError(400, "the body is not a JSON object")
    try:
        return kind.model_validate(_without_nulls(data))
    except ValidationError as invalid:
        raise _refusal(invalid.errors()[0], kind) from None


def _without_nulls(data: dict) -> dict:
    """The fields that are given, also of the objects that are our own or small settings."""
    given = {key: value for key, value in data.items() if value is not None}
    for key in ("stream_options", "slm"):
        if isinstance(given.get(key), dict):
            given[key] = {name: value for name, value in given[key].items() if value is not None}
    return given


def _refusal(error: Any, kind: type[BaseModel]) -> ApiError:
    field = ".".join(str(part) for part in error["loc"])
    name = str(error["loc"][0]) if error["loc"] else None
    if error["type"] == "extra_forbidden":
        known = ", ".join(sorted(kind.model_fields))
        return ApiError(
            400, f"{field} is not supported here; supported: {known}", code="unsupported_parameter", param=name
        )
    if error["type"] == "missing":
        return ApiError(400, f"{field} is missing", code="missing_parameter", param=name)
    reason = error["msg"].removeprefix("Value error, ")
    return ApiError(400, f"{field}: {reason}", code=_code(reason), param=name)


def _code(reason: str) -> str:
    return "unsupported_content" if reason.startswith("content parts") else "invalid_value"


def _is_name(value: Any) -> bool:
    return isinstance(value, str) and bool(value)


@contextmanager
def _refused(param: str) -> Generator[None]:
    """A ValueError as a 400 about a parameter."""
    try:
        yield
    except ValueError as error:
        raise ApiError(400, str(error), param=param, code="invalid_value") from None


def _named(choice: dict, names: list[str]) -> str:
    function = choice.get("function") if choice.get("type") == "function" else None
    with _refused("tool_choice"):
        refuse_unknown(choice, {"type", "function"}, "tool_choice")
        refuse_unknown(function if isinstance(function, dict) else {}, {"name"}, "tool_choice.function")
    name = function.get("name") if isinstance(function, dict) else None
    if name not in names:
        raise ApiError(
            400,
            f"tool_choice names {name!r}; the tools are {', '.join(names)}",
            param="tool_choice",
            code="invalid_value",
        )
    return name
