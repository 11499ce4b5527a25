"""`server:` of a provider: what to start for it, and for how long. Data only; `slm_ext/serving` acts on it."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

__all__ = ["ServerSpec"]


class ServerSpec(BaseModel):
    """A managed server. A provider that has one is served by us; one with `api_base` is served by others."""

    model_config = ConfigDict(extra="forbid", protected_namespaces=())

    engine: Literal["plain", "slm"] = "plain"
    """`plain` is the unmodified `mlx_lm.server`; `slm` our own engine over the same library."""
    command: list[str] | None = Field(default=None, min_length=1)
    """Another OpenAI-compatible server to start instead; `{port}`, `{host}` and `{model}` are filled in."""
    model_path: str | None = None
    """A folder, `package:flywheel-tiny`, or a Hugging Face id already downloaded. Default: the provider's `model`."""
    revision: str | None = None
    """Revision of a Hugging Face id."""
    adapter_path: str | None = None
    """Folder of a LoRA adapter."""
    draft_model: str | None = None
    """Model for speculative decoding: a folder or a Hugging Face id. Switches batching off."""
    num_draft_tokens: int | None = Field(default=None, ge=1)
    kv_bits: int | None = None
    """Bits of a quantized KV cache. Switches batching off."""
    prompt_cache_bytes: int | None = Field(default=None, ge=0)
    """Upper bound of the prefix cache, bytes."""
    prompt_cache_size: int | None = Field(default=None, ge=0)
    """Upper bound of the prefix cache, entries."""
    max_streams: int | None = Field(default=None, ge=1)
    """Requests decoded at the same time."""
    context_tokens: int | None = Field(default=None, ge=1)
    """The window, tokens; enforced by the `slm` engine."""
    host: str = "127.0.0.1"
    """Loopback only."""
    port: int = Field(default=0, ge=0, le=65535)
    """0 takes a free one; a fixed one that is taken is an error."""
    ttl_s: float = Field(default=0, ge=0)
    """Seconds that the server outlives its last user; 0 stops it with the run."""
    startup_timeout_s: float = Field(default=300, gt=0)
    """Seconds until the first token must have come back."""
    stall_timeout_s: float = Field(default=120, gt=0)
    """Seconds without progress, with work in flight, after which a server counts as stuck."""
    stop_grace_s: float = Field(default=10, ge=0)
    """Seconds between TERM and KILL."""
    max_tokens: int | None = Field(default=None, ge=1)
    """The server's own default for requests that name no limit. Default: the provider's `max_output_tokens`."""
    temp: float | None = Field(default=None, ge=0)
    top_p: float | None = Field(default=None, gt=0, le=1)
    chat_template_args: dict[str, Any] | None = None
    """Arguments of the chat template, e.g. `{enable_thinking: false}`."""
    log_path: str | None = None
    """Where the server's output goes. Default: beside its state."""
    env: dict[str, str] = Field(default_factory=dict)
    """More environment variables for the server. Values are not written anywhere."""

    @field_validator("env", mode="before")
    @classmethod
    def _text(cls, value: Any) -> Any:
        """YAML turns `1` into a number; environment variables are text."""
        return {key: str(item) for key, item in value.items()} if isinstance(value, dict) else value
