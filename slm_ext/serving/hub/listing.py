"""What a model's repository on the hub holds, before any of it is fetched."""

from __future__ import annotations

import fnmatch
from dataclasses import dataclass
from typing import Any

from slm_ext.errors import MissingExtra, ServingError

from ..folders import DATA_FILES
from .failures import told

__all__ = ["Listing", "RemoteFile", "look", "remote_config", "require_hub"]

TIMEOUT_S = 20


@dataclass(frozen=True)
class RemoteFile:
    """A file as the hub describes it. Large ones have a sha256, small ones the hash git gives them."""

    name: str
    bytes: int
    sha256: str | None
    git_sha: str | None

    @property
    def etag(self) -> str:
        """Its name in the hub's cache."""
        return self.sha256 or self.git_sha or ""


@dataclass(frozen=True)
class Listing:
    """One revision of a model: the commit it means now, and the files that would be fetched."""

    model: str
    revision: str | None
    commit: str
    files: tuple[RemoteFile, ...]
    left_out: int
    """Files that are not fetched: documents, other formats, code."""
    code: tuple[str, ...] = ()
    """Those of them that are Python."""

    @property
    def bytes(self) -> int:
        return sum(file.bytes for file in self.files)

    @property
    def weights(self) -> int:
        """Bytes of the weights."""
        return sum(file.bytes for file in self.files if file.name.endswith(".safetensors"))


def require_hub(attempted: str) -> None:
    """Raises MissingExtra where `huggingface_hub` is not installed."""
    try:
        import huggingface_hub  # noqa: F401
    except ImportError:
        raise MissingExtra("huggingface_hub", "mlx", attempted) from None


def look(model: str, revision: str | None = None) -> Listing:
    """Ask the hub for a model's files.

    Raises:
        MissingExtra: huggingface_hub is not installed.
        ServingError: no such model or revision, no access, no connection, or no weights in it that mlx-lm loads.
    """
    attempted = f"look at {model} on the hub"
    require_hub(attempted)
    from huggingface_hub import HfApi

    with told(attempted, model, revision):
        info = HfApi().model_info(model, revision=revision, files_metadata=True, timeout=TIMEOUT_S)
    siblings = info.siblings or []
    wanted = [sibling for sibling in siblings if _is_data(sibling.rfilename)]
    files = tuple(
        RemoteFile(
            name=sibling.rfilename,
            bytes=(sibling.lfs.size if sibling.lfs else sibling.size) or 0,
            sha256=sibling.lfs.sha256 if sibling.lfs else None,
            git_sha=None if sibling.lfs else sibling.blob_id,
        )
        for sibling in wanted
    )
    names = {file.name for file in files}
    if "config.json" not in names or not any(name.endswith(".safetensors") for name in names):
        other = sorted({f"*.{s.rfilename.rpartition('.')[2]}" for s in siblings if _is_weights(s.rfilename)})
        raise ServingError(
            attempted,
            seen="no config.json with model*.safetensors" + (f", but {', '.join(other)}" if other else ""),
            allowed="a model in the form mlx-lm loads, such as those of https://huggingface.co/mlx-community",
            next_step="choose another repository",
        )
    if any(not file.etag for file in files):
        raise ServingError(attempted, seen="the hub names no hashes of its files", allowed="a hub that does")
    code = tuple(sorted(s.rfilename for s in siblings if s.rfilename.endswith(".py")))
    return Listing(model, revision, str(info.sha), files, len(siblings) - len(files), code)


def remote_config(listing: Listing) -> dict[str, Any]:
    """`config.json` of that commit, without keeping it."""
    from huggingface_hub import hf_hub_url
    from huggingface_hub.utils import build_hf_headers, get_session, hf_raise_for_status

    attempted = f"read config.json of {listing.model} on the hub"
    with told(attempted, listing.model, listing.revision):
        url = hf_hub_url(listing.model, "config.json", revision=listing.commit)
        reply = get_session().get(url, headers=build_hf_headers(), timeout=TIMEOUT_S, follow_redirects=True)
        hf_raise_for_status(reply)
    try:
        config = reply.json()
    except ValueError:
        config = None
    if not isinstance(config, dict):
        raise ServingError(attempted, seen="it is no JSON object", next_step="choose another repository")
    return config


def _is_data(name: str) -> bool:
    return "/" not in name and any(fnmatch.fnmatchcase(name, pattern) for pattern in DATA_FILES)


def _is_weights(name: str) -> bool:
    return name.endswith((".bin", ".pt", ".pth", ".gguf", ".onnx", ".safetensors", ".npz", ".h5"))
