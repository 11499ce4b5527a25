"""Find a provider's model folder, and refuse a broken one before anything is started."""

from __future__ import annotations

import json
import re
import struct
from pathlib import Path

from slm_ext import paths
from slm_ext.errors import ModelMissing, ServingError
from slm_ext.registry.servers import is_folder

__all__ = [
    "DATA_FILES",
    "adapter_folder",
    "check_model_folder",
    "model_folder",
    "pull_command",
    "tensors",
    "weight_files",
]

DATA_FILES = (
    "model*.safetensors", "*.json", "*.jinja", "*.txt", "tokenizer.model", "*.tiktoken", "tiktoken.model",
)  # fmt: skip
"""What is taken of a model's repository on the hub: data, never code and never pickles."""

_SHARD = re.compile(r"(?P<stem>.+)-\d{5}-of-(?P<count>\d{5})\.safetensors")


def model_folder(model: str, *, revision: str | None = None, what: str = "model") -> Path:
    """The checked folder that `model` names.

    Args:
        model: `package:flywheel-tiny`, a folder, or a Hugging Face id (`org/name`) whose files are already here.
        revision: of a Hugging Face id.

    Raises:
        ModelMissing: a hub's model that was not downloaded yet, or not all of it. Nothing is ever downloaded here.
        ServingError: nothing there, or not a model folder.
    """
    if model == "package:flywheel-tiny":
        return check_model_folder(paths.tiny_model_dir(), what)
    if model.startswith("package:"):
        raise ServingError(
            f"find the {what} folder", seen=model, allowed="package:flywheel-tiny", next_step="correct model_path"
        )
    if is_folder(model):
        return check_model_folder(Path(model).expanduser().resolve(), what)
    return _hub_snapshot(model, revision, what)


def pull_command(model: str, revision: str | None = None) -> str:
    """The command that downloads a hub's model."""
    return f"slm pull {model} --revision {revision}" if revision else f"slm pull {model}"


def check_model_folder(folder: Path, what: str = "model") -> Path:
    """`folder` itself where mlx-lm could load it, as far as file headers tell.

    Raises:
        ServingError: missing, no `config.json`, no or torn weights, a shard or the tokenizer missing.
    """
    if not folder.is_dir():
        raise _broken(folder, what, "no such folder" if not folder.exists() else "not a folder")
    config = _json(folder / "config.json", folder, what)
    if not config.get("model_type"):
        raise _broken(folder, what, "config.json names no model_type")
    index = folder / "model.safetensors.index.json"
    named = set(_json(index, folder, what).get("weight_map", {}).values()) if index.exists() else set()
    present = weight_files(folder)
    missing = sorted((named | _shards(present)) - {file.name for file in present})
    if missing or not present:
        raise _broken(folder, what, f"weights are missing: {', '.join(missing[:3]) or 'no *.safetensors'}")
    for file in present:
        if problem := _torn(file):
            raise _broken(folder, what, f"{file.name} {problem}")
    if not any(
        (folder / name).is_file() for name in ("tokenizer.json", "tokenizer.model", "tiktoken.model", "vocab.json")
    ):
        raise _broken(folder, what, "no tokenizer.json")
    return folder


def adapter_folder(adapter: str) -> Path:
    """The checked folder of a LoRA adapter.

    Raises:
        ServingError: missing, or without `adapters.safetensors` and `adapter_config.json`.
    """
    folder = Path(adapter).expanduser().resolve()
    for name in ("adapters.safetensors", "adapter_config.json"):
        if not (folder / name).is_file():
            raise _broken(folder, "adapter", f"no {name}")
    return folder


def weight_files(folder: Path) -> list[Path]:
    """The files that mlx-lm loads: `model*.safetensors`; every safetensors file where there is none of that name."""
    return sorted(folder.glob("model*.safetensors")) or sorted(folder.glob("*.safetensors"))


def _shards(files: list[Path]) -> set[str]:
    """Every name that the numbers of shards (`-00001-of-00004`) ask for."""
    wanted = set()
    for file in files:
        if match := _SHARD.fullmatch(file.name):
            count = int(match["count"])
            wanted |= {f"{match['stem']}-{i:05}-of-{count:05}.safetensors" for i in range(1, min(count, 9999) + 1)}
    return wanted


def tensors(file: Path) -> dict[str, dict]:
    """The header of a safetensors file: dtype, shape and data_offsets by the tensor's name."""
    with open(file, "rb") as stream:
        header = json.loads(stream.read(struct.unpack("<Q", stream.read(8))[0]))
    header.pop("__metadata__", None)
    return header


def _hub_snapshot(model: str, revision: str | None, what: str) -> Path:
    def absent(seen: str, does: str) -> ModelMissing:
        return ModelMissing(
            f"find the {what} {model!r}",
            model=model,
            revision=revision,
            seen=seen,
            allowed=f"a folder (a relative one is written ./{model}) or a downloaded model; a run never downloads one",
            next_step=f"{pull_command(model, revision)} {does} it",
        )

    try:
        from huggingface_hub import snapshot_download
        from huggingface_hub.errors import HFValidationError, IncompleteSnapshotError, LocalEntryNotFoundError
    except ImportError:
        raise absent("neither a folder nor in a Hugging Face cache of this machine", "brings") from None
    try:
        folder = snapshot_download(
            model, revision=revision, local_files_only=True, allow_patterns=[*DATA_FILES], ignore_patterns=["*/*"]
        )
    except IncompleteSnapshotError:
        raise absent("only a part of its files is in the Hugging Face cache of this machine", "completes") from None
    except (LocalEntryNotFoundError, HFValidationError):
        raise absent("neither a folder nor in the Hugging Face cache of this machine", "brings") from None
    try:
        return check_model_folder(Path(folder), what)
    except ServingError as error:
        raise absent(f"{folder}: {error.seen}", "completes") from None


def _torn(file: Path) -> str:
    """What the header of a safetensors file says against its length; empty where they agree."""
    size = file.stat().st_size
    with open(file, "rb") as stream:
        start = stream.read(8)
        length = struct.unpack("<Q", start)[0] if len(start) == 8 else size
        if length > size - 8:
            return "is not a safetensors file" if size < 1024 else "is torn or not a safetensors file"
        try:
            header = json.loads(stream.read(length))
            needed = (
                8 + length + max((t["data_offsets"][1] for k, t in header.items() if k != "__metadata__"), default=0)
            )
        except (ValueError, TypeError, KeyError, AttributeError, IndexError):
            return "is not a safetensors file"
    return f"is torn: {size} of {needed} bytes" if size < needed else ""


def _json(file: Path, folder: Path, what: str) -> dict:
    try:
        data = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise _broken(folder, what, f"no {file.name}") from None
    except (OSError, ValueError) as error:
        raise _broken(folder, what, f"{file.name} cannot be read: {error}") from None
    if not isinstance(data, dict):
        raise _broken(folder, what, f"{file.name} holds no object")
    return data


def _broken(folder: Path, what: str, seen: str) -> ServingError:
    return ServingError(
        f"use the {what} folder {folder}",
        seen=seen,
        allowed="config.json, *.safetensors and tokenizer.json, as mlx-lm loads them"
        if what != "adapter"
        else "adapters.safetensors and adapter_config.json, as `mlx_lm.lora` writes them",
        next_step="correct model_path, or bring the folder again" if what != "adapter" else "correct adapter_path",
    )
