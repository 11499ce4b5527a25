"""What the keeper tells the engine: one JSON file."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

__all__ = ["EngineConfig"]


@dataclass(frozen=True)
class EngineConfig:
    """The engine's settings. Sizes in bytes, lengths in tokens."""

    model_id: str
    """The one name that requests may give."""
    model_path: str
    """Folder whose identity is echoed."""
    weights_path: str = ""
    """Folder that is loaded; differs from `model_path` where its weights were widened."""
    host: str = "127.0.0.1"
    port: int = 0
    ready_file: str = ""
    launch_id: str = ""
    adapter_path: str | None = None
    draft_model: str | None = None
    num_draft_tokens: int | None = None
    kv_bits: int | None = None
    prompt_cache_bytes: int | None = None
    prompt_cache_size: int | None = None
    max_streams: int | None = None
    context_tokens: int | None = None
    """None takes the model's own window."""
    max_tokens: int | None = None
    """Limit of an answer whose request names none; None is all that fits."""
    temp: float | None = None
    top_p: float | None = None
    chat_template_args: dict[str, Any] = field(default_factory=dict)
    weights_sha: str | None = None
    template_sha: str | None = None
    queue_limit: int = 64
    """Requests that may wait; the next one gets 429."""

    @classmethod
    def read(cls, path: Path | str) -> EngineConfig:
        """The settings in a file; raises ValueError where it holds a key that is none of them."""
        data = json.loads(Path(path).read_text(encoding="utf-8"))
        data.pop("schema_version", None)
        if unknown := sorted(set(data) - {f.name for f in fields(cls)}):
            raise ValueError(f"{path}: unknown keys {', '.join(unknown)}")
        return cls(**{key: value for key, value in data.items() if value is not None})
