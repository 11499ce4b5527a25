"""The start of our own engine, `python -m slm_ext.serving.engine`, for a provider with `engine: slm`.

The engine reads one document, which the keeper completes with what only it knows: port, launch id, ready file. Nothing
here imports mlx.
"""

from __future__ import annotations

import importlib.metadata
import sys
from functools import partial
from pathlib import Path
from typing import Any

from slm_ext import __version__

from . import states
from .engine_limits import limits
from .identity import fingerprint
from .launch import Launch, life
from .local_model import LocalModel, local_model, require_mlx
from .memory import default_cache_bytes

__all__ = ["MAX_STREAMS", "slm_launch"]

MAX_STREAMS = 4
_PACKAGES = ("starlette", "uvicorn", "llguidance", "prometheus_client")


def slm_launch(provider) -> Launch:
    """The launch of the engine for a provider.

    Raises:
        MissingExtra: a package of the extra `mlx` is not installed.
        ServingError: a folder that is missing or broken. What does not fit into memory is refused only at the start.
    """
    spec = provider.server
    require_mlx(f"serve provider {provider.name!r} with our engine", *_PACKAGES)
    model = local_model(spec, provider.model, provider.model)
    config = _config(provider, model)
    return Launch(
        engine="slm",
        argv=[sys.executable, "-m", "slm_ext.serving.engine", "{config}"],
        model_id=provider.model,
        model_path=str(model.folder),
        identity=model.identity,
        fingerprint=fingerprint(
            {
                "engine": ["slm", __version__, importlib.metadata.version("llguidance")],
                "config": config,
                "env": {**spec.env, **model.env},
                "host": spec.host,
                "port": spec.port,
                **model.fingerprint_parts(),
            }
        ),
        env=model.env,
        config=config,
        port_from_child=True,
        before_start=partial(limits, provider, model, config),
        **life(provider),
    )


def _config(provider, model: LocalModel) -> dict[str, Any]:
    """The engine's settings; None leaves the choice to the engine."""
    spec = provider.server
    return {
        "model_id": provider.model,
        "model_path": str(model.folder),
        "weights_path": str(model.weights),
        "adapter_path": str(model.adapter) if model.adapter else None,
        "draft_model": str(model.draft_weights) if model.draft_weights else None,
        "num_draft_tokens": spec.num_draft_tokens,
        "kv_bits": spec.kv_bits,
        "prompt_cache_bytes": spec.prompt_cache_bytes or default_cache_bytes(),
        "prompt_cache_size": spec.prompt_cache_size,
        "max_streams": spec.max_streams or MAX_STREAMS,
        "queue_limit": spec.queue_limit,
        "context_tokens": spec.context_tokens or _window(model.folder),
        "max_tokens": spec.max_tokens or provider.max_output_tokens,
        "temp": spec.temp,
        "top_p": spec.top_p,
        "chat_template_args": spec.chat_template_args,
        "weights_sha": model.identity["weights_sha"],
        "template_sha": model.identity["template_sha"],
    }


def _window(folder: Path) -> int | None:
    """The longest context that the model was made for, tokens; None where its config does not say."""
    config = states.read_json(folder / "config.json") or {}
    text: dict[str, Any] = config["text_config"] if isinstance(config.get("text_config"), dict) else {}
    window = config.get("max_position_embeddings") or text.get("max_position_embeddings")
    return window if isinstance(window, int) and window > 0 else None
