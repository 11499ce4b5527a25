"""Random weights under a real tokenizer, at any size: for benchmarks and soaks of a server, where meaning is no matter.

For the small tests there is `models`, whose folder takes a blink; here width, depth and vocabulary are the caller's, so
that a decoding step costs what it does in a model people use. The tokenizer is flywheel-tiny's, with its wire format's
tags as single tokens; a larger vocabulary adds merges of its own words, so it stays byte-level BPE.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

__all__ = ["parameters", "write_random_model"]

Wire = Literal["qwen3_coder", "hermes"]

_PLAIN = (
    "{%- for m in messages %}{{- '<|im_start|>' + m.role + '\n' + (m.content or '') + '<|im_end|>\n' }}{%- endfor %}"
    "{%- if add_generation_prompt %}{{- '<|im_start|>assistant\n' }}{%- endif %}"
)

_HERMES = (
    "{%- if tools %}"
    "{{- '<|im_start|>system\n' }}"
    "{%- if messages[0].role == 'system' %}{{- messages[0].content + '\n\n' }}{%- endif %}"
    "{{- '# Tools\n\nYou are provided with function signatures within <tools></tools> XML tags:\n<tools>' }}"
    "{%- for tool in tools %}{{- '\n' + (tool | tojson) }}{%- endfor %}"
    "{{- '\n</tools>\n\nFor each call, return a JSON object within <tool_call></tool_call> XML tags:\n<tool_call>\n"
    '{"name": <function-name>, "arguments": <args-json-object>}'
    "\n</tool_call><|im_end|>\n' }}"
    "{%- elif messages[0].role == 'system' %}"
    "{{- '<|im_start|>system\n' + messages[0].content + '<|im_end|>\n' }}"
    "{%- endif %}"
    "{%- for m in messages %}"
    "{%- if m.role == 'tool' %}"
    "{{- '<|im_start|>user\n<tool_response>\n' + (m.content or '') + '\n</tool_response><|im_end|>\n' }}"
    "{%- elif m.role != 'system' or not loop.first %}"
    "{{- '<|im_start|>' + m.role + '\n' + (m.content or '') }}"
    "{%- for tool_call in m.tool_calls or [] %}"
    "{%- if tool_call.function is defined %}{%- set tool_call = tool_call.function %}{%- endif %}"
    "{%- if m.content or not loop.first %}{{- '\n' }}{%- endif %}"
    '{{- \'<tool_call>\n{"name": "\' + tool_call.name + \'", "arguments": \' + (tool_call.arguments | tojson) '
    "+ '}\n</tool_call>' }}"
    "{%- endfor %}"
    "{{- '<|im_end|>\n' }}"
    "{%- endif %}"
    "{%- endfor %}"
    "{%- if add_generation_prompt %}{{- '<|im_start|>assistant\n' }}{%- endif %}"
)


def write_random_model(
    folder: Path,
    *,
    layers: int = 2,
    hidden: int = 64,
    heads: int = 4,
    kv_heads: int = 2,
    intermediate: int | None = None,
    vocabulary: int | None = None,
    window: int = 4096,
    seed: int = 0,
    wire: Wire | None = "qwen3_coder",
    dtype: Literal["float32", "float16"] = "float32",
    endless: bool = False,
) -> Path:
    """Write a Llama-architecture folder that `mlx_lm.load` takes unchanged; existing files in it are overwritten.

    Args:
        folder: created where it is missing.
        hidden: width, a multiple of `2 * heads`.
        intermediate: width of the feed-forward layers; default: 8/3 of `hidden`, rounded up to a multiple of 32.
        vocabulary: entries of the tokenizer and rows of the embedding; default: flywheel-tiny's own 1,536.
        window: tokens of the context.
        seed: the weights are a function of it and of the shape.
        wire: how the chat template writes tool calls; None for a template that knows no tools.
        endless: greedy decoding never ends by itself, so that an answer has exactly `max_tokens` tokens: the embeddings
            of the end token and of every tag are zero, hence their logits too, and among a thousand random ones the
            largest is above zero.

    Returns:
        `folder`. Logits have a standard deviation of about 1. Needs numpy, safetensors and tokenizers.

    Raises:
        ValueError: sizes that do not go together.
    """
    from slm_ext.paths import tiny_model_dir

    if hidden % (2 * heads) or heads % kv_heads:
        raise ValueError(
            f"hidden {hidden}, heads {heads}, kv_heads {kv_heads}: each must divide the one before, evenly"
        )
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer = _tokenizer(json.loads((tiny_model_dir() / "tokenizer.json").read_text(encoding="utf-8")), vocabulary)
    added = {token["content"]: token["id"] for token in tokenizer["added_tokens"]}
    size = len(tokenizer["model"]["vocab"].keys() | added.keys())
    config = {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "tie_word_embeddings": True,
        "vocab_size": size,
        "hidden_size": hidden,
        "head_dim": hidden // heads,
        "intermediate_size": intermediate or -(-8 * hidden // 96) * 32,
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "num_key_value_heads": kv_heads,
        "max_position_embeddings": window,
        "rope_theta": 10000.0,
        "rms_norm_eps": 1e-5,
        "torch_dtype": dtype,
        "eos_token_id": added["<|im_end|>"],
        "pad_token_id": added["<|im_end|>"],
    }
    _write(folder / "config.json", config)
    _write(folder / "generation_config.json", {"eos_token_id": added["<|im_end|>"], "do_sample": False})
    _write(folder / "tokenizer.json", tokenizer, indent=None)
    _write(folder / "tokenizer_config.json", _tokenizer_config(wire, window))
    _write_weights(folder / "model.safetensors", config, seed, dtype, sorted(added.values()) if endless else [])
    return folder


def parameters(folder: Path) -> int:
    """How many numbers a folder's `model.safetensors` holds."""
    import math

    with open(Path(folder) / "model.safetensors", "rb") as stream:
        header = json.loads(stream.read(int.from_bytes(stream.read(8), "little")))
    return sum(math.prod(entry["shape"]) for name, entry in header.items() if name != "__metadata__")


def _write(path: Path, data: dict[str, Any], indent: int | None = 1) -> None:
    path.write_text(json.dumps(data, indent=indent, ensure_ascii=False) + "\n", encoding="utf-8")


def _tokenizer(document: dict[str, Any], vocabulary: int | None) -> dict[str, Any]:
    """`document`, a byte-level BPE `tokenizer.json`, with merges of its own words up to `vocabulary` entries."""
    vocab, merges = document["model"]["vocab"], document["model"]["merges"]
    for token in document["added_tokens"]:  # part of the vocabulary, so that they keep their numbers under larger ones
        vocab[token["content"]] = token["id"]
    more = (vocabulary or len(vocab)) - len(vocab)
    if more < 0:
        raise ValueError(f"vocabulary {vocabulary}: the tokenizer alone has {len(vocab)} entries")
    tags = {token["content"] for token in document["added_tokens"]}
    pairs = _pairs([token for token in sorted(vocab, key=vocab.get) if token not in tags])
    for _ in range(more):
        left, right = next((pair for pair in pairs if "".join(pair) not in vocab), ("", ""))
        if not left:
            raise ValueError(f"vocabulary {vocabulary}: the tokenizer's words make only {len(vocab)} entries")
        vocab[left + right] = len(vocab)
        merges.append([left, right])
    return document


def _pairs(tokens: list[str]) -> Iterator[tuple[str, str]]:
    """Pairs that make words, with a space in front or without: whatever splits text into words leaves them whole."""
    words = [token for token in tokens if token.removeprefix("Ġ").isascii() and token.removeprefix("Ġ").isalpha()]
    ends = [token for token in words if token[0] != "Ġ"]
    for total in range(len(words) + len(ends)):  # early tokens are common ones: their pairs come first
        for i in range(max(0, total - len(ends) + 1), min(total + 1, len(words))):
            yield words[i], ends[total - i]


def _tokenizer_config(wire: Wire | None, window: int) -> dict[str, Any]:
    from slm_ext.tiny.wire import TEMPLATE

    templates = {"qwen3_coder": (TEMPLATE, "qwen3_coder"), "hermes": (_HERMES, "json_tools"), None: (_PLAIN, None)}
    template, parser = templates[wire]
    config = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "chat_template": template,
        "eos_token": "<|im_end|>",
        "pad_token": "<|im_end|>",
        "additional_special_tokens": ["<|im_start|>", "<|im_end|>"],
        "clean_up_tokenization_spaces": False,
        "model_max_length": window,
    }
    return config | ({"tool_parser_type": parser} if parser else {})


def _write_weights(path: Path, config: dict[str, Any], seed: int, dtype: str, silent: list[int]) -> None:
    """Matrices of variance 1 / fan-in, so that every layer keeps the scale; rows `silent` of the embedding are zero."""
    import numpy as np
    from safetensors.numpy import save_file

    rng = np.random.default_rng(seed)
    hidden, wide = config["hidden_size"], config["intermediate_size"]
    narrow = config["num_key_value_heads"] * config["head_dim"]

    def matrix(rows: int, columns: int):
        return (rng.standard_normal((rows, columns), dtype=np.float32) * columns**-0.5).astype(dtype)

    weights = {"model.embed_tokens.weight": matrix(config["vocab_size"], hidden)}
    weights["model.embed_tokens.weight"][silent] = 0
    weights["model.norm.weight"] = np.ones(hidden, dtype)
    shapes = {
        "self_attn.q_proj": (hidden, hidden),
        "self_attn.k_proj": (narrow, hidden),
        "self_attn.v_proj": (narrow, hidden),
        "self_attn.o_proj": (hidden, hidden),
        "mlp.gate_proj": (wide, hidden),
        "mlp.up_proj": (wide, hidden),
        "mlp.down_proj": (hidden, wide),
    }
    for layer in range(config["num_hidden_layers"]):
        at = f"model.layers.{layer}."
        for name, shape in shapes.items():
            weights[f"{at}{name}.weight"] = matrix(*shape)
        for name in ("input_layernorm", "post_attention_layernorm"):
            weights[f"{at}{name}.weight"] = np.ones(hidden, dtype)
    save_file(weights, str(path), metadata={"format": "mlx"})
