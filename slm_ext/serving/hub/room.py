"""Whether the disk has room for a model, and the memory of this machine for serving it."""

from __future__ import annotations

import shutil
from pathlib import Path

from slm_ext.errors import ServingError, SlmError

from ..memory import MemoryEstimate, estimate_shape, memory_bytes, readable
from ..presets import asked, fitting
from ..shape import ModelShape, config_shape
from .fetching import cache_folder, missing_bytes
from .listing import Listing, look, remote_config

__all__ = ["announced_estimate", "require_disk", "require_fit"]

SPARE_BYTES = 64 * 1024**2
LEAST_CONTEXT = 4096
"""Tokens that a model without a provider must have room for."""


def require_disk(listings: list[Listing]) -> tuple[int, int]:
    """(bytes still to fetch, bytes free where they go).

    Raises:
        ServingError: they do not fit.
    """
    missing = sum(missing_bytes(listing) for listing in listings)
    folder = cache_folder()
    free = shutil.disk_usage(_existing(folder)).free
    if missing + (SPARE_BYTES if missing else 0) > free:
        raise ServingError(
            f"fetch {' and '.join(listing.model for listing in listings)}",
            seen=f"{readable(missing)} are to be fetched, {readable(free)} are free in {folder}",
            allowed=f"{readable(missing + SPARE_BYTES)} of free disk",
            next_step="make room, or export HF_HUB_CACHE=FOLDER on another disk",
        )
    return missing, free


def announced_estimate(provider, listing: Listing, draft: Listing | None = None) -> MemoryEstimate:
    """What serving a model of the hub takes, from its file list and its `config.json`; `provider` may be None."""
    shape = _shape(listing)
    numbers = asked(provider, shape) if provider else {"context_tokens": LEAST_CONTEXT, "streams": 1}
    return estimate_shape(shape, draft=_shape(draft) if draft else None, **numbers)


def require_fit(provider, listing: Listing, draft: Listing | None = None, memory: int | None = None) -> MemoryEstimate:
    """The estimate, where this machine's memory (or `memory` bytes) is large enough for it.

    Raises:
        ServingError: it is not; with the numbers, and the providers that fit.
    """
    memory = memory_bytes() if memory is None else memory
    needed = announced_estimate(provider, listing, draft)
    if needed.total <= memory:
        return needed
    name = provider.name if provider else ""
    names = fitting(memory, but=name) + _to_fetch(memory, name)
    raise ServingError(
        f"fetch {listing.model}",
        seen=f"serving it takes {needed}; this machine has {readable(memory)} of memory for it",
        allowed=f"a model that fits, such as {' or '.join(dict.fromkeys(names))}" if names else "a smaller model",
        next_step=f"slm pull {names[0]}" if names else "choose a smaller one, or one in fewer bits",
    )


def _to_fetch(memory: int, but: str) -> list[str]:
    """Names of providers whose model is on the hub, not here, and would fit; the largest first."""
    from slm_ext.registry import load_registry

    found: list[tuple[int, str]] = []
    try:
        registry = load_registry()
    except SlmError:
        return []
    for name in registry.provider_names():
        provider = registry.provider(name)
        spec = provider.server
        if name == but or spec is None or spec.command or spec.folder is not None:
            continue
        try:
            listing = look(spec.model_path or provider.model, spec.revision)
            needed = announced_estimate(provider, listing)
        except SlmError:
            continue
        if needed.total <= memory:
            found.append((needed.weights, name))
    return [name for _, name in sorted(found, reverse=True)]


def _shape(listing: Listing) -> ModelShape:
    return config_shape(remote_config(listing), weights=listing.weights)


def _existing(folder: Path) -> Path:
    return next(path for path in (folder, *folder.parents) if path.exists())
