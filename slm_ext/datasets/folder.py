"""The folder of a dataset: whether the one that was asked for is there, and where a build keeps what it has so far.

OUT/.build            what the dataset that stands here was built of
OUT/.work/lock        held while a build writes here
OUT/.work/IDENTITY/   what the shards of an unfinished build brought
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import shutil
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from slm_ext.datasets.manifest import Manifest, read_manifest
from slm_ext.errors import UsageError

__all__ = ["DatasetFolder", "identity_of"]

_BUILT, _WORK = ".build", ".work"
"""Places and times of inputs stand in `.build`, so that the manifest need not hold them."""
_OWN = ("train.jsonl", "valid.jsonl", "test.jsonl", "chat_template.jinja", "provenance", "exports")
"""What a build that was ended while it wrote may have left."""


def identity_of(files: Iterable[Path], settings: list[Any]) -> str:
    """What a build depends on: a changed file or setting is another one.

    Args:
        files: whose place, size and time count; one that is not there counts too.
        settings: all else, as JSON.
    """
    stamps = [[str(file.resolve()), *_stamp(file)] for file in files]
    return hashlib.sha256(json.dumps([stamps, *settings], sort_keys=True).encode()).hexdigest()


def _stamp(path: Path) -> list[int]:
    try:
        found = path.stat()
    except OSError:
        return []
    return [found.st_size, found.st_mtime_ns]


class DatasetFolder:
    """A folder for a dataset. The last step of a build is `finish`."""

    def __init__(self, path: Path, identity: str):
        self.path, self._identity = path, identity

    def finished(self) -> Manifest | None:
        """The dataset that stands there, where it is the one that is asked for; None where none does.

        Raises:
            UsageError: something else is there, or rows of it are missing or changed.
        """
        if not self.path.exists() or not any(self.path.iterdir()):
            return None
        known = read_manifest(self.path)
        if known is None and (self.path / _WORK).is_dir():
            return None
        try:
            same = (self.path / _BUILT).read_text(encoding="utf-8").strip() == self._identity
        except OSError:
            same = False
        if known is None or not same:
            raise self._refusal("another dataset, or one of changed inputs" if known else "files that are no dataset")
        if changed := [name for name, sha in known.outputs.items() if _sha(self.path / name) != sha]:
            raise self._refusal(f"the dataset, but {', '.join(changed[:5])} missing or changed")
        shutil.rmtree(self.path / _WORK, ignore_errors=True)  # where the build was killed between its last two steps
        return known

    @contextmanager
    def building(self) -> Generator[Path]:
        """Where this build keeps what its shards bring; what another one left there is removed. Nobody else builds here
        meanwhile.

        Raises:
            UsageError: another build is writing here.
        """
        work = self.path / _WORK / self._identity[:16]
        work.mkdir(parents=True, exist_ok=True)
        with (self.path / _WORK / "lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise UsageError(
                    f"build a dataset in {self.path}", seen="another build, which is writing there",
                    allowed="one at a time", next_step="wait for it, or name another --out",
                ) from None  # fmt: skip
            for old in (self.path / _WORK).iterdir():
                if old.is_dir() and old != work:
                    shutil.rmtree(old)
            for part in work.glob(".*"):  # what a killed build was writing
                part.unlink()
            yield work

    def clear(self) -> None:
        """Remove what a build with other settings wrote before it was ended."""
        for place in [*(self.path / name for name in _OWN), *self.path.glob(".manifest.json.*")]:
            if place.is_dir():
                shutil.rmtree(place)
            else:
                place.unlink(missing_ok=True)

    def mark(self) -> None:
        """Say which dataset it is; its manifest, the last file, makes it one."""
        (self.path / _BUILT).write_text(self._identity + "\n", encoding="utf-8")

    def finish(self) -> None:
        """Remove what is not needed any more."""
        shutil.rmtree(self.path / _WORK)

    def _refusal(self, seen: str) -> UsageError:
        return UsageError(
            f"build a dataset in {self.path}", seen=seen,
            allowed="an empty folder, or one where a build was begun and not ended",
            next_step=f"name another --out, or remove {self.path}",
        )  # fmt: skip


def _sha(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return ""
