"""How much window and how many streams a provider asks for, and which providers fit the memory there is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from slm_ext.errors import SlmError

from .folders import adapter_folder, model_folder
from .memory import MemoryEstimate, estimate_shape
from .shape import ModelShape, folder_shape

__all__ = ["asked", "fitting", "folder_of", "provider_estimate", "shape_estimate", "streams_of", "window_of"]

DEFAULT_WINDOW = 32768
"""Tokens, where neither the provider nor the model names a number."""


def window_of(provider, shape: ModelShape) -> int:
    """Tokens of context that a managed provider uses: its own limit, its prompt and reply, or what the model can."""
    asked = (provider.max_input_tokens or 0) + provider.max_output_tokens if provider.max_input_tokens else 0
    return provider.server.context_tokens or asked or min(shape.trained_context or DEFAULT_WINDOW, DEFAULT_WINDOW)


def streams_of(provider) -> int:
    """Requests that a managed provider decodes at the same time; 1 where it names no number."""
    return provider.server.max_streams or 1


def provider_estimate(provider) -> MemoryEstimate:
    """What serving a managed provider takes. Raises ServingError where its files are missing or broken."""
    spec = provider.server
    folder = model_folder(spec.model_path or provider.model, revision=spec.revision)
    adapter = adapter_folder(spec.adapter_path) if spec.adapter_path else None
    draft = folder_shape(model_folder(spec.draft_model, what="draft model")) if spec.draft_model else None
    return shape_estimate(provider, folder_shape(folder, adapter), draft)


def shape_estimate(provider, shape: ModelShape, draft: ModelShape | None = None) -> MemoryEstimate:
    """Like `provider_estimate`, for a model of which only the shape is known."""
    return estimate_shape(shape, draft=draft, **asked(provider, shape))


def asked(provider, shape: ModelShape) -> dict[str, Any]:
    """The provider's numbers as arguments of `estimate`."""
    return {
        "context_tokens": window_of(provider, shape),
        "streams": streams_of(provider),
        "kv_bits": provider.server.kv_bits,
        "cache_bytes": provider.server.prompt_cache_bytes or 0,
    }


def fitting(available: int, but: str = "") -> list[str]:
    """Names of the managed providers whose model is here and fits into `available` bytes, the largest first."""
    from slm_ext.registry import load_registry

    found: list[tuple[int, str]] = []
    try:
        registry = load_registry()
        providers = [registry.provider(name) for name in registry.provider_names() if name != but]
    except SlmError:
        return []
    for provider in providers:
        if provider.server is None or provider.server.command:
            continue
        try:
            needed = provider_estimate(provider)
        except (SlmError, OSError, ValueError, KeyError):
            continue
        if needed.total <= available:
            found.append((needed.weights, provider.name))
    return [name for _, name in sorted(found, reverse=True)]


def folder_of(provider) -> Path:
    """The checked model folder of a managed provider."""
    return model_folder(provider.server.model_path or provider.model, revision=provider.server.revision)
