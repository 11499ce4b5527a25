"""Half-precision weights as float32, for MLX on Linux CPU: the same values, several times as fast.

MLX has fast matrix products there for float32 only (OpenBLAS takes no other). Measured on two x86-64 cores with a
4 M parameter Llama, prefill of 1,024 tokens: float16 3.5 s, float32 0.4 s; 8-bit weights with float16 scales 178 s,
with float32 scales 3.3 s. Widening is exact, so the identity stays that of the folder it was made from.
"""

from __future__ import annotations

import json
import os
import shutil
import struct
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

from slm_ext import paths

from .identity import file_sha, fingerprint
from .installed import installed

__all__ = ["LIMIT_BYTES", "pays", "widened"]

LIMIT_BYTES = 1024**3
"""Larger weights are served as they are: a copy would cost more disk and memory than it is worth."""
KEPT = 4
_WIDTHS = {"F16": 2, "BF16": 2}


def pays(folder: Path) -> bool:
    """Whether MLX computes on the CPU of a Linux machine here, and `folder` holds narrow weights of bearable size."""
    if sys.platform != "linux" or not installed("mlx-cpu") or installed("mlx-cuda-12") or installed("mlx-cuda-13"):
        return False
    files = list(folder.glob("*.safetensors"))
    return sum(file.stat().st_size for file in files) <= LIMIT_BYTES and any(
        entry["dtype"] in _WIDTHS for file in files for entry in _header(file)[0].values()
    )


def widened(folder: Path, identity: dict) -> Path:
    """A copy of `folder` with float32 in place of float16 and bfloat16; made once for each content.

    Args:
        folder: a checked model folder.
        identity: its identity; with the hashes of the small files it names the copy.

    Returns:
        The copy, or `folder` itself where none can be written (a full disk).
    """
    small = sorted(file for file in folder.iterdir() if file.is_file() and file.suffix != ".safetensors")
    store = paths.home() / "cache" / "float32"
    target = store / fingerprint({"identity": identity, "files": [(file.name, file_sha(file)) for file in small]})
    try:
        if not target.is_dir():
            store.mkdir(parents=True, exist_ok=True, mode=0o700)
            _make(folder, small, store, target)
        os.utime(target)
    except OSError:
        return folder
    _prune(store, target)
    return target


def _make(folder: Path, small: list[Path], store: Path, target: Path) -> None:
    making = Path(tempfile.mkdtemp(prefix=".making-", dir=store))
    try:
        for file in small:
            shutil.copyfile(file, making / file.name)
        for file in folder.glob("*.safetensors"):
            _widen(file, making / file.name)
        with suppress(OSError):  # somebody else was quicker with the same
            making.rename(target)
    finally:
        shutil.rmtree(making, ignore_errors=True)


def _widen(source: Path, target: Path) -> None:
    """Write `source` with its half-precision tensors as F32 and every other one byte for byte."""
    import numpy

    tensors, metadata, start = _header(source)
    header: dict = {"__metadata__": metadata} if metadata else {}
    end = 0
    for name, entry in tensors.items():
        length = (entry["data_offsets"][1] - entry["data_offsets"][0]) * (2 if entry["dtype"] in _WIDTHS else 1)
        dtype = "F32" if entry["dtype"] in _WIDTHS else entry["dtype"]
        header[name] = {"dtype": dtype, "shape": entry["shape"], "data_offsets": [end, end + length]}
        end += length
    raw = json.dumps(header).encode()
    raw += b" " * (-len(raw) % 8)
    with open(source, "rb") as reading, open(target, "wb") as writing:
        writing.write(struct.pack("<Q", len(raw)) + raw)
        for entry in tensors.values():
            begin, stop = entry["data_offsets"]
            reading.seek(start + begin)
            data = reading.read(stop - begin)
            if entry["dtype"] == "F16":
                data = numpy.frombuffer(data, "<f2").astype("<f4").tobytes()
            elif entry["dtype"] == "BF16":  # the upper half of a float32
                data = (numpy.frombuffer(data, "<u2").astype("<u4") << 16).tobytes()
            writing.write(data)


def _header(file: Path) -> tuple[dict[str, dict], dict[str, str], int]:
    """Tensors by name in the order of their data, metadata, and where the data begins."""
    with open(file, "rb") as stream:
        length = struct.unpack("<Q", stream.read(8))[0]
        header = json.loads(stream.read(length))
    metadata = header.pop("__metadata__", {})
    ordered = sorted(header.items(), key=lambda item: item[1]["data_offsets"])
    return dict(ordered), metadata, 8 + length


def _prune(store: Path, keep: Path) -> None:
    """Remove all but the copies used last. A server that runs has read its own."""
    copies = sorted((path for path in store.glob("[0-9a-f]*") if path != keep), key=lambda path: -path.stat().st_mtime)
    for path in copies[KEPT - 1 :]:
        shutil.rmtree(path, ignore_errors=True)
