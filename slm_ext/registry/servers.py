"""`server:` of a provider: what to start for it, and for how long. Data only; `slm_ext/serving` acts on it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from slm_ext.registry.fields import Count, Fraction, Seconds, Temperature, Text, number

__all__ = ["ServerSpec", "is_folder"]

_PACKAGED = ("flywheel-tiny",)


class ServerSpec(BaseModel):
    """A managed server. A provider that has one is served by us; one with `api_base` is served by others.

    A field left at `None` keeps the engine's own default.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, protected_namespaces=())

    engine: Literal["slm", "plain"] = "slm"
    """`slm` is our own engine over mlx-lm; `plain` the unmodified `mlx_lm.server`."""
    command: list[Text] | None = Field(default=None, min_length=1)
    """Another OpenAI-compatible server to start instead; `{port}`, `{host}` and `{model}` are filled in."""
    model_path: Text | None = None
    """`package:flywheel-tiny`, a folder (a relative one starts from the YAML file's folder), or a Hugging Face id whose
    files are already here. Default: the provider's `model`."""
    revision: Text | None = None
    """Revision of a Hugging Face id."""
    adapter_path: Text | None = None
    """Folder of a LoRA adapter."""
    draft_model: Text | None = None
    """Model for speculative decoding: a folder or a Hugging Face id. Switches batching off."""
    num_draft_tokens: Count | None = None
    """Tokens that it drafts at a time."""
    kv_bits: Literal[2, 3, 4, 6, 8] | None = None
    """Bits of a quantized KV cache. Switches batching off."""
    prompt_cache_bytes: Count | None = None
    """Upper bound of the prefix cache, bytes."""
    prompt_cache_size: Count | None = None
    """Upper bound of the prefix cache, entries."""
    max_streams: Count | None = None
    """Requests decoded at the same time."""
    queue_limit: Count = 64
    """Requests that may wait for a free stream; one more gets HTTP 429. For the `slm` engine."""
    context_tokens: Count | None = None
    """The window, tokens; enforced by the `slm` engine."""
    host: Text = "127.0.0.1"
    """The address it listens at."""
    port: Annotated[int, number, Field(ge=0, le=65535)] = 0
    """0 takes a free one; a fixed one that is taken is an error."""
    ttl_s: Annotated[float, number, Field(ge=0, allow_inf_nan=False)] = 0
    """Seconds that the server outlives its last user; 0 stops it with the run."""
    startup_timeout_s: Seconds = 300
    """Seconds until the first token must have come back."""
    stall_timeout_s: Seconds = 120
    """Seconds without progress, with work in flight, after which a server counts as stuck and is restarted."""
    idle_probe_s: Seconds = 60
    """Seconds without work after which an idle server is asked for one token."""
    stop_grace_s: Annotated[float, number, Field(ge=0, allow_inf_nan=False)] = 10
    """Seconds between TERM and KILL."""
    max_tokens: Count | None = None
    """The server's own default for requests that name no limit. Default: the provider's `max_output_tokens`."""
    temp: Temperature | None = None
    """The server's own default for requests that name no temperature."""
    top_p: Fraction | None = None
    """The server's own default for requests that name no `top_p`."""
    chat_template_args: dict[str, Any] | None = None
    """Arguments of the chat template, e.g. `{enable_thinking: false}`."""
    log_path: Text | None = None
    """Where the server's output goes. Default: beside its state."""
    env: dict[str, str] = Field(default_factory=dict, repr=False)
    """More environment variables for the server. Values are not written anywhere."""

    @field_validator("env", mode="before")
    @classmethod
    def _text(cls, value: Any) -> Any:
        """YAML turns `1` into a number; environment variables are text."""
        if not isinstance(value, dict):
            return value
        return {key: str(item) if isinstance(item, int | float) else item for key, item in value.items()}

    @model_validator(mode="after")
    def _fits_together(self) -> ServerSpec:
        if self.engine == "plain" and self.context_tokens is not None:
            raise ValueError("context_tokens needs engine `slm`; with `plain`, set the provider's max_input_tokens")
        if self.num_draft_tokens is not None and self.draft_model is None:
            raise ValueError("num_draft_tokens needs a draft_model")
        kind, separator, name = (self.model_path or "").partition(":")
        if separator and kind == "package" and name not in _PACKAGED:
            raise ValueError(f"model_path: the package holds {', '.join(_PACKAGED)}, not {name!r}")
        if self.folder is not None and self.revision is not None:
            raise ValueError("revision belongs to a Hugging Face id; model_path is a folder")
        return self

    @property
    def folder(self) -> Path | None:
        """The model folder on this machine, which may not exist; `None` where `model_path` is a Hugging Face id."""
        if self.model_path is None:
            return None
        if self.model_path.startswith("package:"):
            from slm_ext.paths import tiny_model_dir

            return tiny_model_dir()
        if not is_folder(self.model_path):
            return None
        try:
            return Path(self.model_path).expanduser()
        except RuntimeError:  # `~nobody`
            raise ValueError(f"model_path: {self.model_path} names no home folder") from None


def is_folder(model_path: str) -> bool:
    """Whether `model_path` is written as a folder rather than as a Hugging Face id (`org/name`)."""
    return model_path.startswith((".", "/", "~")) or not re.fullmatch(r"[\w.-]+/[\w.-]+", model_path)
