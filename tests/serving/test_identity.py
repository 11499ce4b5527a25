"""Identity of a folder: hashes of what is there, taken again when a file changes."""

from __future__ import annotations

import hashlib
import json
import os

from slm_ext import paths
from slm_ext.serving.identity import template_sha, weights_sha


def sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def test_one_file_has_the_hash_that_sha256sum_shows(home, tmp_path):
    (tmp_path / "model.safetensors").write_bytes(b"weights")
    assert weights_sha(tmp_path) == sha(b"weights")


def test_shards_and_adapter_count(home, tmp_path):
    for name in ("model-1.safetensors", "model-2.safetensors"):
        (tmp_path / name).write_bytes(name.encode())
    lines = "".join(f"{sha(n.encode())}  {n}\n" for n in ("model-1.safetensors", "model-2.safetensors"))
    assert weights_sha(tmp_path) == sha(lines.encode())
    adapter = tmp_path / "adapter"
    adapter.mkdir()
    (adapter / "adapters.safetensors").write_bytes(b"lora")
    assert weights_sha(tmp_path, adapter) != weights_sha(tmp_path)


def test_cache_is_used_and_dropped_when_the_file_changes(home, tmp_path):
    file = tmp_path / "model.safetensors"
    file.write_bytes(b"one")
    first = weights_sha(tmp_path)
    store = paths.servers_dir() / "hashes.json"
    entry = json.loads(store.read_text())[str(file)]
    assert entry == [3, file.stat().st_mtime_ns, first]
    store.write_text(json.dumps({str(file): [*entry[:2], "planted"]}))
    assert weights_sha(tmp_path) == "planted", "an unchanged file is not read again"
    file.write_bytes(b"two")
    os.utime(file, ns=(1, 1))
    assert weights_sha(tmp_path) == sha(b"two")
    store.write_text("{torn")
    assert weights_sha(tmp_path) == sha(b"two")


def test_template_where_transformers_finds_it(tmp_path):
    assert template_sha(tmp_path) is None
    (tmp_path / "tokenizer_config.json").write_text(json.dumps({"chat_template": "old"}))
    assert template_sha(tmp_path) == sha(b"old")
    (tmp_path / "chat_template.jinja").write_text("new")
    assert template_sha(tmp_path) == sha(b"new")
