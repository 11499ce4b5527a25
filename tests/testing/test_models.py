"""The random model folder: whole as serving checks it, a function of its seed, small."""

from __future__ import annotations

import pytest

from slm_ext.serving.folders import check_model_folder

pytest.importorskip("safetensors")
pytest.importorskip("tokenizers")

from slm_ext.testing.models import make_random_model


def test_whole_and_seeded(tmp_path):
    one, same, other = (make_random_model(tmp_path / name, seed=seed) for name, seed in (("a", 0), ("b", 0), ("c", 1)))
    for folder in (one, same, other):
        check_model_folder(folder)
        assert sum(file.stat().st_size for file in folder.iterdir()) < 60_000
    weights = [(folder / "model.safetensors").read_bytes() for folder in (one, same, other)]
    assert weights[0] == weights[1] != weights[2]


def test_tokenizer_round_trip(tmp_path):
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(make_random_model(tmp_path) / "tokenizer.json"))
    text = "<tool_call>\n    naïve = x >= 1\n</tool_call><|im_end|>"
    assert tokenizer.decode(tokenizer.encode(text).ids, skip_special_tokens=False) == text
