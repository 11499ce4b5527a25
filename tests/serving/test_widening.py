"""Widened weights are the same numbers, made once, and few copies stay."""

from __future__ import annotations

import os
import struct
from pathlib import Path

import pytest

from slm_ext.serving import widening
from slm_ext.serving.folders import check_model_folder

numpy = pytest.importorskip("numpy")
safetensors_numpy = pytest.importorskip("safetensors.numpy")


@pytest.fixture
def folder(home, tmp_path) -> Path:
    path = tmp_path / "model"
    path.mkdir()
    (path / "config.json").write_text('{"model_type": "llama"}')
    (path / "tokenizer.json").write_text("{}")
    tensors = {
        "half": numpy.array([[1.5, -2.0], [6e-8, 65504.0]], numpy.float16),
        "codes": numpy.arange(6, dtype=numpy.uint32),
        "single": numpy.array([1 / 3], numpy.float32),
    }
    safetensors_numpy.save_file(tensors, str(path / "model.safetensors"), metadata={"format": "mlx"})
    return path


def test_values_are_the_same(folder):
    copy = widening.widened(folder, {"weights_sha": "a"})
    assert copy != folder and check_model_folder(copy) == copy
    before = safetensors_numpy.load_file(str(folder / "model.safetensors"))
    after = safetensors_numpy.load_file(str(copy / "model.safetensors"))
    assert after["half"].dtype == numpy.float32 and after["codes"].dtype == numpy.uint32
    for name, values in before.items():
        assert numpy.array_equal(values.astype(after[name].dtype), after[name]), name
    assert (copy / "config.json").read_bytes() == (folder / "config.json").read_bytes()


def test_bfloat16(folder):
    values = numpy.array([1.0, -0.15625, 3.0e38], numpy.float32)
    upper = (values.view(numpy.uint32) >> 16).astype(numpy.uint16)
    header = b'{"w": {"dtype": "BF16", "shape": [3], "data_offsets": [0, 6]}}'
    (folder / "model.safetensors").write_bytes(struct.pack("<Q", len(header)) + header + upper.tobytes())
    after = safetensors_numpy.load_file(str(widening.widened(folder, {}) / "model.safetensors"))["w"]
    assert numpy.array_equal(after.view(numpy.uint32), upper.astype(numpy.uint32) << 16)


def test_made_once_and_anew_for_another_content(folder):
    first = widening.widened(folder, {"weights_sha": "a"})
    stamp = (first / "model.safetensors").stat().st_mtime_ns
    assert widening.widened(folder, {"weights_sha": "a"}) == first
    assert (first / "model.safetensors").stat().st_mtime_ns == stamp
    (folder / "config.json").write_text('{"model_type": "llama", "eos_token_id": 2}')
    assert widening.widened(folder, {"weights_sha": "a"}) != first


def test_only_the_last_copies_stay(folder):
    copies = []
    for number in range(widening.KEPT + 2):
        copies.append(widening.widened(folder, {"weights_sha": str(number)}))
        os.utime(copies[-1], (number, number))
    assert [path.is_dir() for path in copies] == [False] * 2 + [True] * widening.KEPT
    assert not list(copies[-1].parent.glob(".making-*"))


def test_a_place_that_cannot_be_written_leaves_the_folder_as_it_is(folder, home):
    home.mkdir(exist_ok=True)
    (home / "cache").write_text("a file in its place")
    assert widening.widened(folder, {}) == folder


def test_pays_only_for_narrow_weights(folder):
    if not widening.pays(folder):
        pytest.skip("MLX does not compute on a Linux CPU here")
    safetensors_numpy.save_file({"w": numpy.zeros(3, numpy.float32)}, str(folder / "model.safetensors"))
    assert not widening.pays(folder)
