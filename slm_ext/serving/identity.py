"""What a server serves, as hashes: the weights, the chat template, and the fingerprint under which servers are shared.

Identity is asserted, not assumed: `echoed` by our engine, established by the `keeper` (hash of the folder before the
start, socket owned by its child, `default_model` requested), or `declared` for endpoints that others run.
"""

from __future__ import annotations

import hashlib
import json
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from slm_ext import paths

from . import states

__all__ = ["Identity", "file_sha", "fingerprint", "folder_identity", "template_sha", "weights_sha"]


class Identity(BaseModel):
    """Which model answered, and how that is known. Hashes are hex sha256; None where nobody can know."""

    model_config = ConfigDict(extra="forbid", protected_namespaces=())

    schema_version: int = 1
    kind: Literal["echoed", "keeper", "declared"]
    model_id: str
    weights_sha: str | None = None
    template_sha: str | None = None


def folder_identity(folder: Path, model_id: str, *, adapter: Path | None = None) -> Identity:
    """Identity of a model folder (with a LoRA adapter's folder), as the keeper establishes it."""
    return Identity(
        kind="keeper", model_id=model_id, weights_sha=weights_sha(folder, adapter), template_sha=template_sha(folder)
    )


def weights_sha(folder: Path, adapter: Path | None = None) -> str:
    """Hash of the weights: of the one file where there is one (`sha256sum` shows the same), else of all their hashes.

    Hashes of files are cached by path, size and modification time.
    """
    files = sorted(folder.glob("*.safetensors")) + (sorted(adapter.glob("adapters.safetensors")) if adapter else [])
    shas = _cached(files)
    if len(files) == 1:
        return shas[0]
    lines = [f"{sha}  {file.name}\n" for file, sha in zip(files, shas, strict=True)]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def template_sha(folder: Path) -> str | None:
    """Hash of the chat template's text, found where transformers finds it; None where the model has none."""
    jinja = folder / "chat_template.jinja"
    if jinja.is_file():
        return hashlib.sha256(jinja.read_bytes()).hexdigest()
    template = (states.read_json(folder / "tokenizer_config.json") or {}).get("chat_template")
    if template is None:
        return None
    text = template if isinstance(template, str) else json.dumps(template, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def fingerprint(parts: dict[str, Any]) -> str:
    """32 hex digits that two servers share only if either could stand in for the other."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()[:32]


def file_sha(path: Path) -> str:
    """Hex sha256 of one file."""
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _cached(files: list[Path]) -> list[str]:
    store = paths.servers_dir() / "hashes.json"
    known = states.read_json(store) or {}
    shas, changed = [], False
    for file in files:
        status = file.stat()
        stamp = [status.st_size, status.st_mtime_ns]
        entry = known.get(str(file.resolve()))
        if not (isinstance(entry, list) and entry[:2] == stamp):
            entry, changed = [*stamp, file_sha(file)], True
            known[str(file.resolve())] = entry
        shas.append(entry[2])
    if changed:
        with suppress(OSError):  # a cache that cannot be written costs time, nothing else
            store.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            states.write_json(store, known)
    return shas
