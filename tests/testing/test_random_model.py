"""The random model folder: its tokenizer stays one at any size, its templates speak the formats, mlx-lm loads it."""

from __future__ import annotations

import json

import pytest

from slm_ext.serving.folders import check_model_folder
from slm_ext.toolcalls.formats import detect

pytest.importorskip("safetensors")
pytest.importorskip("tokenizers")

from slm_ext.testing.random_model import parameters, write_random_model

TEXT = "def naïve_total(xs):\n    return sum(xs[:14]) - 1  # 中文 no\tlonger\n<tool_call>\n<function=read_file>\n"
TOOLS = [{"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}}}]
CALL = {"type": "function", "function": {"name": "f", "arguments": {"path": "a\n b", "lines": [1, 2]}}}
TALK = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "Look."},
    {"role": "assistant", "content": "", "tool_calls": [CALL]},
    {"role": "tool", "content": "nothing"},
]


def test_whole_seeded_and_of_the_size_asked_for(tmp_path):
    same = [write_random_model(tmp_path / name) for name in "ab"]
    other = write_random_model(tmp_path / "c", seed=1)
    for folder in (*same, other):
        check_model_folder(folder)
    weights = [(folder / "model.safetensors").read_bytes() for folder in (*same, other)]
    assert weights[0] == weights[1] != weights[2]
    wide = write_random_model(tmp_path / "w", layers=3, hidden=128, heads=8, kv_heads=2, intermediate=256)
    layer = 2 * 128 * 128 + 2 * 32 * 128 + 3 * 256 * 128 + 2 * 128
    assert parameters(wide) == 1536 * 128 + 128 + 3 * layer


@pytest.mark.parametrize("sizes", [{"hidden": 60}, {"heads": 4, "kv_heads": 3}, {"vocabulary": 1000}])
def test_sizes_that_do_not_go_together(tmp_path, sizes):
    with pytest.raises(ValueError):
        write_random_model(tmp_path, **sizes)


def test_larger_vocabulary_is_the_same_tokenizer_with_longer_words(tmp_path):
    from tokenizers import Tokenizer

    small = Tokenizer.from_file(str(write_random_model(tmp_path / "s") / "tokenizer.json"))
    folder = write_random_model(tmp_path / "l", vocabulary=20_000, hidden=16, layers=1)
    large = Tokenizer.from_file(str(folder / "tokenizer.json"))
    assert large.get_vocab_size() == json.loads((folder / "config.json").read_text())["vocab_size"] == 20_000
    assert sorted(large.get_vocab().values()) == list(range(20_000))
    for token in ("<|im_end|>", "<tool_call>", "</parameter>", "read_file"):
        assert large.token_to_id(token) == small.token_to_id(token)
        assert large.encode(token).ids == [small.token_to_id(token)]
    assert large.decode(large.encode(TEXT).ids) == small.decode(small.encode(TEXT).ids) == TEXT
    new = [large.id_to_token(i) for i in range(1536, 20_000, 97)]
    reached = [word for word in new if len(large.encode(large.decode([large.token_to_id(word)])).ids) == 1]
    assert len(reached) > len(new) / 2  # most of the added words are what their text is tokenized to


@pytest.mark.parametrize("wire", ["qwen3_coder", "hermes", None])
def test_template_speaks_the_wire_format(tmp_path, wire):
    transformers = pytest.importorskip("transformers")
    folder = write_random_model(tmp_path, wire=wire, hidden=16, layers=1)
    settings = json.loads((folder / "tokenizer_config.json").read_text())
    assert detect(settings["chat_template"], settings.get("tool_parser_type")) == wire
    assert detect(settings["chat_template"]) == wire
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    text = tokenizer.apply_chat_template(TALK, tools=TOOLS, tokenize=False, add_generation_prompt=True)
    assert text.startswith("<|im_start|>system\nBe brief.") and text.endswith("<|im_start|>assistant\n")
    assert text.count("<|im_start|>system") == 1
    if wire:
        from slm_ext.toolcalls import FORMATS

        answer = text.split("<|im_start|>assistant\n")[1].split("<|im_end|>")[0]
        (call,) = FORMATS[wire].parse(answer, None).calls
        assert (call.name, call.arguments) == ("f", {"path": "a\n b", "lines": [1, 2]} if wire == "hermes" else {
            "path": "a\n b", "lines": "[1, 2]"})  # fmt: skip
    assert ('"name": "f"' in text) == (wire == "hermes")


@pytest.mark.mlx
@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_mlx_lm_loads_it_and_an_endless_one_does_not_end(tmp_path, dtype):
    mlx_lm = pytest.importorskip("mlx_lm", reason="mlx-lm is not installed")
    model, tokenizer = mlx_lm.load(str(write_random_model(tmp_path, dtype=dtype, endless=True)))
    tokens = [answer.token for answer in mlx_lm.stream_generate(model, tokenizer, "Now then: ", max_tokens=200)]
    assert len(tokens) == 200 and not set(tokens) & set(range(1521, 1536))
    assert len(set(tokens)) > 4


@pytest.mark.mlx
def test_llguidance_reads_the_large_tokenizer(tmp_path):
    llguidance = pytest.importorskip("llguidance", reason="llguidance is not installed")
    folder = write_random_model(tmp_path, vocabulary=20_000, hidden=16, layers=1)
    reader = llguidance.LLTokenizer((folder / "tokenizer.json").read_text(), n_vocab=20_000, eos_token=1522)
    assert reader.vocab_size == 20_000 and reader.eos_token == 1522
    assert reader.decode_str(reader.tokenize_str(TEXT)) == TEXT
