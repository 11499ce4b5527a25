"""The lines of `calls.jsonl`. Field names are the contract; `schema_version` rises when their meaning changes."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

__all__ = [
    "SCHEMA_VERSION",
    "CallRecord",
    "MessageEntry",
    "ObservationRecord",
    "OutcomeRecord",
    "RequestRecord",
    "Usage",
    "Validation",
]

SCHEMA_VERSION = 1


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid", populate_by_name=True)


class MessageEntry(_Record):
    """A message of a request, written in full the first time in a run and referred to by hash afterwards."""

    sha256: str
    """Of the (scrubbed) message as canonical JSON."""
    message: dict[str, Any] | None = None
    """None: the message stands in an earlier line. A system prompt has `content_blob` (a hash) for `content`."""


class RequestRecord(_Record):
    """What was sent."""

    messages: list[MessageEntry]
    sampling: dict[str, Any] = {}
    chat_template_kwargs: dict[str, Any] | None = None
    tools_sha: str | None = None
    """The blob with the tools' schemas as sent."""
    prompt_sha: str | None = None
    """Of the prompt as it was rendered and sent; None where the server does not tell: our own engine does."""
    prompt_tokens: int | None = None
    """As the server counted them."""
    scrubbed: bool = False
    """Whether a secret or a home folder was replaced in what the prompt is made of: messages, tools or template
    arguments. `prompt_sha` is then not that of the prompt as it stands here."""


class Usage(_Record):
    """Tokens and seconds of one call; None where the server does not say."""

    in_: int | None = Field(default=None, alias="in")
    out: int | None = None
    cached: int | None = None
    """Prompt tokens taken from the server's cache, part of `in`."""
    latency_s: float = 0.0


class Validation(_Record):
    """How the reply was judged."""

    parsed: bool = False
    schema_ok: bool = False
    status: str = "ok"
    """`ok`, `rejected`, `resampled` (drawn again, `error` says why), `overflow`, `provider_down` or `interrupted`."""
    rejection: dict[str, Any] | None = None
    also_rejected: list[dict[str, Any]] = []
    """Further calls of the same reply, which were not taken, each with its rule."""


class CallRecord(_Record):
    """One model call, answered or not."""

    kind: Literal["call"] = "call"
    schema_version: int = SCHEMA_VERSION
    run_id: str
    instance_id: str
    step: int
    ts: float
    """Unix time at which the line was written, in seconds."""
    call_id: str
    request: RequestRecord
    route: dict[str, Any]
    context: dict[str, Any] | None = None
    identity: dict[str, Any]
    raw_response: dict[str, Any] | None = None
    thought: str = ""
    tool_calls: list[dict[str, Any]] = []
    """`{id, name, arguments}`: the call taken, or none."""
    finish_reason: str | None = None
    validation: Validation
    retry_of: str | None = None
    retry_index: int = 0
    usage: Usage
    attempts: int = 1
    """HTTP requests made for this call; more than one after transient errors."""
    error: str | None = None


class ObservationRecord(_Record):
    """What the tool call of `call_id` brought."""

    kind: Literal["observation"] = "observation"
    schema_version: int = SCHEMA_VERSION
    run_id: str
    instance_id: str
    step: int
    ts: float
    call_id: str
    content: str
    tool_report: dict[str, Any] | None = None


class OutcomeRecord(_Record):
    """How the run ended."""

    kind: Literal["outcome"] = "outcome"
    schema_version: int = SCHEMA_VERSION
    run_id: str
    instance_id: str
    step: int
    ts: float
    call_id: str | None = None
    resolved: bool | None = None
    submitted: bool
    exit_status: str
    tests: dict[str, Any] | None = None
    spec_id: str | None = None
    license: str | None = None
