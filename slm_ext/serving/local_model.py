"""What every engine over mlx-lm needs before it starts: mlx-lm itself, and a checked model with its hashes.

Nothing here imports mlx: it takes seconds, and belongs into the child.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from slm_ext.errors import MissingExtra

from .folders import adapter_folder, model_folder
from .identity import file_sha, folder_identity
from .openblas import preload_environment
from .widening import pays, widened

__all__ = ["LocalModel", "local_model", "mlx_version", "require_mlx"]


@dataclass(frozen=True)
class LocalModel:
    """A provider's model on this disk, checked and hashed."""

    folder: Path
    weights: Path
    """What the engine loads: `folder`, or its copy with wider weights; so `draft_weights`."""
    adapter: Path | None
    draft: Path | None
    draft_weights: Path | None
    identity: dict[str, Any]
    draft_identity: dict[str, Any] | None
    env: dict[str, str]
    """Of the child."""

    def fingerprint_parts(self) -> dict[str, Any]:
        """Everything of the model that changes what is answered."""
        return {
            "identity": self.identity,
            "draft": self.draft_identity,
            "configs": [file_sha(at / name) for at, name in _configs(self.folder, self.adapter)],
            "version": mlx_version(),
        }


def local_model(spec, model: str, model_id: str) -> LocalModel:
    """The model that `spec`, a provider's `server`, names; `model` where it names none.

    Raises:
        ServingError: a folder that is missing or broken.
    """
    folder = model_folder(spec.model_path or model, revision=spec.revision)
    adapter = adapter_folder(spec.adapter_path) if spec.adapter_path else None
    draft = model_folder(spec.draft_model, what="draft model") if spec.draft_model else None
    identity = folder_identity(folder, model_id, adapter=adapter).model_dump()
    draft_identity = folder_identity(draft, model_id).model_dump() if draft else None
    return LocalModel(
        folder=folder,
        weights=widened(folder, identity) if pays(folder) else folder,
        adapter=adapter,
        draft=draft,
        draft_weights=widened(draft, draft_identity) if draft and draft_identity and pays(draft) else draft,
        identity=identity,
        draft_identity=draft_identity,
        env={
            "HF_HUB_OFFLINE": "1",
            "PYTHONUNBUFFERED": "1",
            **_arenas(),
            **preload_environment({**os.environ, **spec.env}),
        },
    )


def require_mlx(attempted: str, *more: str) -> Path:
    """The folder of the installed mlx-lm.

    Args:
        attempted: for the error.
        more: other packages of the extra that are needed.

    Raises:
        MissingExtra: mlx-lm, mlx itself or one of `more` is missing; `mlx-lm` without `[cpu]` brings no mlx on Linux.
    """
    folders: list[str] = []
    for package in ("mlx_lm", "mlx.core", *more):
        try:
            found = importlib.util.find_spec(package)
        except (ModuleNotFoundError, ValueError):
            found = None
        if found is None:
            raise MissingExtra(package, "mlx", attempted)
        folders = folders or list(found.submodule_search_locations or [])
    return Path(folders[0])


def mlx_version() -> str:
    return importlib.metadata.version("mlx-lm")


def _configs(folder: Path, adapter: Path | None) -> list[tuple[Path, str]]:
    """Small files that change what the same weights answer."""
    names = ("config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json")
    found = [(folder, name) for name in names if (folder / name).is_file()]
    return [*found, (adapter, "adapter_config.json")] if adapter else found


def _arenas() -> dict[str, str]:
    """glibc keeps an arena of freed memory for many a thread; a server that lives for hours is better off with two."""
    return {"MALLOC_ARENA_MAX": "2"} if sys.platform == "linux" and "MALLOC_ARENA_MAX" not in os.environ else {}
