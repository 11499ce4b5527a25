"""Bring the files of a listing into the hub's cache, each verified, so that a model is there whole or not at all.

A file grows as `blobs/HASH.slm-partial`, which is where an interrupted one goes on. It becomes a blob when its content
has that hash. The snapshot's names are made last, `config.json` as the very last one, and then the branch.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from slm_ext.errors import ServingError

from ..folders import check_model_folder, pull_command
from ..identity import file_sha
from .failures import told
from .listing import Listing, RemoteFile

__all__ = ["Fetched", "cache_folder", "fetch", "missing_bytes"]

Progress = Callable[[str, RemoteFile, int], None]
"""Called with an event, the file, and a number of bytes: `start` (those already here), `bytes` (more), `back` (fewer),
`check` and `done` (0); `wait` (0) where another process fetches the same model."""

BLOCK = 1024 * 1024


@dataclass(frozen=True)
class Fetched:
    """A model that is here, whole and verified."""

    listing: Listing
    path: Path
    sha256: dict[str, str]
    """Of every file by name."""
    fetched_bytes: int


def cache_folder() -> Path:
    """Where the hub's library keeps models: `$HF_HUB_CACHE`, `$HF_HOME/hub`, or its default."""
    from huggingface_hub import constants

    return Path(constants.HF_HUB_CACHE).expanduser()


def missing_bytes(listing: Listing) -> int:
    """Bytes of the listing that are not in the cache yet, halves of files counted as what they lack."""
    blobs = _storage(listing) / "blobs"
    total = 0
    for etag, file in {file.etag: file for file in listing.files}.items():
        if not (blobs / etag).exists():
            total += max(0, file.bytes - _size(_partial(blobs / etag)))
    return total


def fetch(listing: Listing, progress: Progress = lambda event, file, number: None) -> Fetched:
    """Fetch what is missing, verify everything, and make the snapshot.

    Raises:
        ServingError: the connection, the disk, access, or a file whose content is not what the hub names. What is
            already here is kept; the same call goes on from there.
    """
    from huggingface_hub.utils import logging

    logging.set_verbosity_error()  # it tells of each try again, with an address of a thousand characters
    attempted = f"fetch {listing.model}"
    storage = _storage(listing)
    fetched, shas = 0, {}
    with told(attempted, listing.model, listing.revision):
        (storage / "blobs").mkdir(parents=True, exist_ok=True)
        (storage / "refs").mkdir(exist_ok=True)
        with _alone(storage, lambda: progress("wait", listing.files[0], 0)):
            for file in sorted(listing.files, key=lambda file: file.bytes):
                blob = storage / "blobs" / file.etag
                got, shas[file.name] = _bring(listing, file, blob, progress)
                fetched += got
            path = _snapshot(listing)
            check_model_folder(path)
            if listing.revision != listing.commit:
                _write_ref(storage / "refs" / (listing.revision or "main"), listing.commit)
    return Fetched(listing, path, shas, fetched)


@contextmanager
def _alone(storage: Path, waiting: Callable[[], None]) -> Generator[None]:
    """One process at a time; calls `waiting` where that takes a while."""
    from filelock import FileLock, Timeout

    lock = FileLock(storage / ".slm-pull.lock")
    try:
        lock.acquire(timeout=0.5)
    except Timeout:
        waiting()
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def _bring(listing: Listing, file: RemoteFile, blob: Path, progress: Progress) -> tuple[int, str]:
    """Make the blob of one file. Returns the bytes fetched, and its sha256."""
    if blob.exists():
        progress("start", file, file.bytes)
        progress("check", file, 0)
        wrong, sha = _verify(file, blob)
        if not wrong:
            progress("done", file, 0)
            return 0, sha
        blob.unlink()  # somebody's broken copy; fetched anew below
        progress("back", file, file.bytes)
    partial = _partial(blob)
    had = _size(partial)
    if had > file.bytes:
        partial.unlink()
        had = 0
    progress("start", file, had)
    _download(listing, file, partial, had, progress)
    progress("check", file, 0)
    wrong, sha = _verify(file, partial)
    if wrong:
        partial.unlink()
        raise ServingError(
            f"fetch {file.name} of {listing.model}", seen=wrong, allowed="the content that the hub describes",
            next_step=f"{pull_command(listing.model, listing.revision)} fetches this file again",
        )  # fmt: skip
    os.replace(partial, blob)
    progress("done", file, 0)
    return file.bytes - had, sha


def _download(listing: Listing, file: RemoteFile, partial: Path, had: int, progress: Progress) -> None:
    from huggingface_hub import get_hf_file_metadata, hf_hub_url
    from huggingface_hub.file_download import http_get
    from huggingface_hub.utils import build_hf_headers

    if had == file.bytes and partial.exists():
        return
    headers = build_hf_headers()
    url = hf_hub_url(listing.model, file.name, revision=listing.commit)
    metadata = get_hf_file_metadata(url, headers=headers)
    if urlsplit(metadata.location).netloc != urlsplit(url).netloc:
        headers.pop("authorization", None)  # a signed address elsewhere
    with open(partial, "ab") as stream:
        http_get(
            metadata.location, stream, resume_size=had, headers=headers, expected_size=file.bytes,
            displayed_filename=file.name, tqdm_class=_bar(file, progress),
        )  # fmt: skip
        stream.flush()
        os.fsync(stream.fileno())


def _verify(file: RemoteFile, path: Path) -> tuple[str, str]:
    """(what is wrong with the content of `path`, empty where nothing is; its sha256)."""
    size = path.stat().st_size
    if size != file.bytes:
        return f"it has {size} bytes, the hub says {file.bytes}", ""
    sha = file_sha(path)
    if file.sha256:
        found, named, kind = sha, file.sha256, "sha256"
    else:
        found, named, kind = _git_sha(path, size), file.git_sha, "git hash"
    return (f"its {kind} is {found}, the hub says {named}" if found != named else ""), sha


def _git_sha(path: Path, size: int) -> str:
    """The hash git gives to a file of that content."""
    digest = hashlib.sha1(f"blob {size}\0".encode(), usedforsecurity=False)
    with open(path, "rb") as stream:
        while block := stream.read(BLOCK):
            digest.update(block)
    return digest.hexdigest()


def _snapshot(listing: Listing) -> Path:
    """Give the blobs their names. The hub's library finds each blob and only makes the link."""
    from huggingface_hub import hf_hub_download

    ordered = sorted(listing.files, key=lambda file: file.name == "config.json")
    for file in ordered:
        path = hf_hub_download(listing.model, file.name, revision=listing.commit, cache_dir=cache_folder())
    return Path(path).parent


def _write_ref(path: Path, commit: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.slm")
    temporary.write_text(commit)
    os.replace(temporary, path)


def _bar(file: RemoteFile, progress: Progress) -> Any:
    """What `http_get` takes for a progress bar."""

    class Bar:
        def __init__(self, *_: Any, **__: Any):
            pass

        def __enter__(self):
            return self

        def __exit__(self, *_: Any) -> None:
            pass

        def update(self, number: float | None = 1) -> None:
            progress("bytes", file, int(number or 0))

        def close(self) -> None:
            pass

    return Bar


def _storage(listing: Listing) -> Path:
    from huggingface_hub.file_download import repo_folder_name

    return cache_folder() / repo_folder_name(repo_id=listing.model, repo_type="model")


def _partial(blob: Path) -> Path:
    return blob.with_name(f"{blob.name}.slm-partial")


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
