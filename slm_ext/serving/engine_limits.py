"""What our engine may use of the memory there is now. Asked right before a start, never to join a server that runs.

What a provider says is kept or refused; where it leaves a number open, the engine's default is lowered to what fits.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from . import memory
from .local_model import LocalModel
from .presets import asked
from .shape import folder_shape

__all__ = ["limits"]

LEAST_CACHE = 64 * 1024**2


def limits(provider, model: LocalModel, config: dict[str, Any], available: int | None = None) -> dict[str, Any]:
    """Changes of the engine's `config`: `max_streams`, `context_tokens`, `prompt_cache_bytes` where they were open.

    Args:
        provider: registry entry with `server`.
        model: its model.
        config: the engine's settings, with its defaults.
        available: bytes; default: what this machine has now.

    Raises:
        ServingError: what the provider asks for does not fit; with the numbers, and what would.
    """
    spec = provider.server
    available = memory.available_bytes() if available is None else available
    shape = folder_shape(model.weights, model.adapter)
    numbers = asked(provider, shape)
    memory.require_memory(
        model.weights,
        **numbers,
        adapter=model.adapter,
        draft=model.draft_weights,
        available=available,
        attempted=f"serve provider {provider.name!r} with our engine",
    )
    draft = folder_shape(model.draft_weights) if model.draft_weights else None
    size = partial(memory.estimate_shape, shape, draft=draft, **numbers)
    found: dict[str, Any] = {}
    if spec.max_streams is None:
        found["max_streams"] = max(1, memory.largest_streams(available, size, config["max_streams"]))
        size = partial(size, streams=found["max_streams"])
    if spec.prompt_cache_bytes is None:
        spare = (available - size().total) // 2
        found["prompt_cache_bytes"] = max(LEAST_CACHE, min(config["prompt_cache_bytes"], spare))
        size = partial(size, cache_bytes=min(found["prompt_cache_bytes"], max(0, spare)))
    if spec.context_tokens is None:
        window = config["context_tokens"] or numbers["context_tokens"]
        longest = max(numbers["context_tokens"], memory.largest_context(available, size))
        found["context_tokens"] = min(window, longest)
    return found
