"""Broken and missing model folders are refused, each with its reason, before anything is started."""

from __future__ import annotations

import json
import struct

import pytest

from slm_ext.errors import ServingError
from slm_ext.serving.folders import adapter_folder, check_model_folder, model_folder


def safetensors(length: int = 4, claimed: int | None = None) -> bytes:
    header = json.dumps({"w": {"dtype": "U8", "shape": [length], "data_offsets": [0, claimed or length]}}).encode()
    return struct.pack("<Q", len(header)) + header + bytes(length)


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "config.json").write_text('{"model_type": "llama"}')
    (tmp_path / "tokenizer.json").write_text("{}")
    (tmp_path / "model.safetensors").write_bytes(safetensors())
    return tmp_path


def test_whole_folder(folder):
    assert check_model_folder(folder) == folder == model_folder(str(folder))


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("config.json", None, "no config.json"),
        ("config.json", b"{", "config.json cannot be read"),
        ("config.json", b"[]", "config.json holds no object"),
        ("config.json", b"{}", "names no model_type"),
        ("config.json", b"\xff\xfe", "config.json cannot be read"),
        ("tokenizer.json", None, "no tokenizer.json"),
        ("model.safetensors", None, r"no \*.safetensors"),
        ("model.safetensors", b"", "not a safetensors file"),
        ("model.safetensors", b"version https://git-lfs.github.com/spec/v1\n", "not a safetensors file"),
        ("model.safetensors", safetensors(4, claimed=4096), "is torn: "),
        ("model.safetensors", struct.pack("<Q", 2) + b"[]", "not a safetensors file"),
        ("model.safetensors.index.json", b'{"weight_map": {"a": "model-00002.safetensors"}}', "missing: model-00002"),
    ],
)
def test_what_is_broken_is_named(folder, name, content, reason):
    if content is None:
        (folder / name).unlink()
    else:
        (folder / name).write_bytes(content)
    with pytest.raises(ServingError, match=reason) as caught:
        check_model_folder(folder)
    assert caught.value.exit_code == 2 and str(folder) in str(caught.value)


def test_missing_folder_and_file_in_its_place(folder):
    with pytest.raises(ServingError, match="no such folder"):
        model_folder(str(folder / "nowhere"))
    with pytest.raises(ServingError, match="not a folder"):
        model_folder(str(folder / "config.json"))


def test_hub_model_that_is_not_here_names_the_download(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(ServingError, match="slm pull org/never-downloaded-model --revision v1"):
        model_folder("org/never-downloaded-model", revision="v1")


def test_a_missing_shard_is_noticed_without_an_index(folder):
    (folder / "model.safetensors").rename(folder / "model-00001-of-00002.safetensors")
    with pytest.raises(ServingError, match=r"missing: model-00002-of-00002\.safetensors"):
        check_model_folder(folder)
    (folder / "model-00002-of-00002.safetensors").write_bytes(safetensors())
    assert check_model_folder(folder) == folder


def test_adapter_folder(tmp_path):
    with pytest.raises(ServingError, match=r"no adapters\.safetensors"):
        adapter_folder(str(tmp_path))
