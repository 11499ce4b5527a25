"""What makes a build reproducible: its inputs and settings by hash, its counts, its outputs by hash. No times, no paths
outside the inputs' own folder."""

from __future__ import annotations

import json
import os
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from slm_ext.datasets.config import BuildConfig
from slm_ext.errors import UsageError

__all__ = ["Manifest", "read_manifest", "require_manifest", "versions", "write_json", "write_whole"]

_PACKAGES = ("slm-ext", "tokenizers", "jinja2", "regex", "msgspec")
"""What the bytes of a dataset depend on."""


class Manifest(BaseModel):
    """`manifest.json` of a dataset."""

    model_config = ConfigDict(extra="forbid")

    schema_version: int = 1
    config: BuildConfig
    versions: dict[str, str]
    tokenizer: dict[str, str]
    counts: dict[str, dict[str, int]]
    """Stage → what → number."""
    inputs: list[tuple[str, int, str]]
    """(file, bytes, SHA-256)."""
    labels: list[tuple[str, int, str]] = []
    """Files of verdicts, in the same form."""
    tasks: list[tuple[str, int, str]] = []
    """Files of tasks that were kept out, or whose patches were."""
    unreadable: list[tuple[str, int, str]]
    """(file, byte, cause)."""
    outputs: dict[str, str]
    """File → SHA-256."""


def versions() -> dict[str, str]:
    """Versions of the packages that the result depends on."""
    found = {}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "unknown"
    return found


def read_manifest(folder: Path) -> Manifest | None:
    """The manifest in a folder; None where there is none, or one that cannot be read."""
    try:
        return Manifest.model_validate_json((folder / "manifest.json").read_bytes())
    except (OSError, ValidationError):
        return None


def require_manifest(folder: Path, attempted: str) -> Manifest:
    """The manifest of a dataset.

    Raises:
        UsageError: the folder is none.
    """
    found = read_manifest(folder)
    if found is None:
        raise UsageError(
            attempted, seen=f"no manifest.json in {folder}", allowed="a folder that slm dataset build made",
            next_step=f"slm dataset build RUNS --out {folder}",
        )  # fmt: skip
    return found


def write_json(path: Path, data: Any) -> None:
    """Write a document, whole or not at all."""
    write_whole(path, (json.dumps(data, indent=1, ensure_ascii=False, sort_keys=False) + "\n").encode())


def write_whole(path: Path, data: bytes) -> None:
    """Write a file, whole or not at all; what a kill leaves has a name with a dot before it."""
    part = path.with_name(f".{path.name}.{os.getpid()}")
    part.write_bytes(data)
    part.replace(path)
