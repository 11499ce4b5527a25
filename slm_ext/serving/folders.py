"""Find a provider's model folder, and refuse a broken one before anything is started."""

from __future__ import annotations

import json
import struct
from pathlib import Path

from slm_ext import paths
from slm_ext.errors import ServingError
from slm_ext.registry.servers import is_folder

__all__ = ["adapter_folder", "check_model_folder", "model_folder", "tensors"]


def model_folder(model: str, *, revision: str | None = None, what: str = "model") -> Path:
    """The checked folder that `model` names.

    Args:
        model: `package:flywheel-tiny`, a folder, or a Hugging Face id (`org/name`) whose files are already here.
        revision: of a Hugging Face id.

    Raises:
        ServingError: nothing there, not downloaded yet, or not a model folder. Nothing is ever downloaded here.
    """
    if model == "package:flywheel-tiny":
        return check_model_folder(paths.tiny_model_dir(), what)
    if model.startswith("package:"):
        raise ServingError(
            f"find the {what} folder", seen=model, allowed="package:flywheel-tiny", next_step="correct model_path"
        )
    if is_folder(model):
        return check_model_folder(Path(model).expanduser().resolve(), what)
    return check_model_folder(_hub_snapshot(model, revision, what), what)


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
    present = sorted(folder.glob("*.safetensors"))
    missing = sorted(named - {file.name for file in present})
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


def tensors(file: Path) -> dict[str, dict]:
    """The header of a safetensors file: dtype, shape and data_offsets by the tensor's name."""
    with open(file, "rb") as stream:
        header = json.loads(stream.read(struct.unpack("<Q", stream.read(8))[0]))
    header.pop("__metadata__", None)
    return header


def _hub_snapshot(model: str, revision: str | None, what: str) -> Path:
    wanted = f"{model} --revision {revision}" if revision else model
    absent = ServingError(
        f"find the {what} {model!r}",
        seen="neither a folder nor in the Hugging Face cache of this machine",
        allowed=f"a folder (a relative one is written ./{model}) or a downloaded model; a run never downloads one",
        next_step=f"hf download {wanted}",
    )
    try:
        from huggingface_hub import snapshot_download
        from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError
    except ImportError:
        raise absent from None
    try:
        return Path(snapshot_download(model, revision=revision, local_files_only=True))
    except (LocalEntryNotFoundError, HFValidationError):
        raise absent from None


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
