"""What `slm pull NAME` means: the model of a provider, and its draft model, or a hub id."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from slm_ext.errors import UsageError
from slm_ext.registry.servers import is_folder

from ..folders import model_folder

__all__ = ["Targets", "targets"]


@dataclass(frozen=True)
class Targets:
    """What is to be on this machine. `provider` is None for a hub id that was named itself."""

    provider: Any
    hub: tuple[tuple[str, str | None], ...]
    """(org/name, revision): the model first, then its draft model; those that are folders are left out."""
    here: tuple[Path, ...]
    """Checked folders: nothing has to be fetched for them."""
    revision: str | None = None
    """That the provider names."""


def targets(name: str, revision: str | None = None) -> Targets:
    """Resolve a name.

    Args:
        name: of a provider, or a hub id.
        revision: in place of the provider's.

    Raises:
        UnknownName: neither.
        UsageError: a provider that others serve, or whose model is a folder while a revision was given.
        ServingError: the provider's model is a folder that is missing or broken.
    """
    from slm_ext.registry import load_registry

    registry = load_registry()
    key = name.strip().removeprefix("slm/")
    if key not in registry.names() and not is_folder(key):
        return Targets(None, ((key, revision),), ())
    provider = registry.provider(key)
    spec = provider.server
    if spec is None:
        raise UsageError(
            f"fetch the model of provider {provider.name!r}",
            seen=f"others serve it, at {provider.api_base}",
            allowed="a provider with `server`, or a hub id org/name",
            next_step="have that server fetch it",
        )
    model = spec.model_path or provider.model
    if revision and not _on_hub(model):
        raise UsageError(f"fetch revision {revision} of {model}", seen="it is a folder", allowed="no --revision")
    hub = [(model, revision or spec.revision)] if _on_hub(model) else []
    here = [] if hub else [model_folder(model)]
    if spec.draft_model:
        hub += [(spec.draft_model, None)] if _on_hub(spec.draft_model) else []
        here += [] if _on_hub(spec.draft_model) else [model_folder(spec.draft_model, what="draft model")]
    return Targets(provider, tuple(hub), tuple(here), spec.revision)


def _on_hub(model: str) -> bool:
    return not model.startswith("package:") and not is_folder(model)
