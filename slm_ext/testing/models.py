"""A model folder with random weights: what mlx-lm loads in a blink, for tests of everything but intelligence."""

from __future__ import annotations

import json
from pathlib import Path

__all__ = ["make_random_model"]

_SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<tool_call>", "</tool_call>"]
_TEMPLATE = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content or '' }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def make_random_model(path: Path, *, hidden: int = 32, layers: int = 1, seed: int = 0, chat_template: str = _TEMPLATE):
    """Write a Llama-architecture folder (about 40 kB) that `mlx_lm.load` takes unchanged.

    Args:
        path: folder to create; existing files in it are overwritten.
        hidden: width of the model; a multiple of 16.
        layers: number of decoder layers.
        seed: weights are a function of it, so two seeds give two identities.
        chat_template: Jinja source written to `chat_template.jinja`.

    Returns:
        `path`. Needs numpy, safetensors and tokenizers, which mlx-lm brings.
    """
    import numpy as np
    from safetensors.numpy import save_file
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers

    path = Path(path)
    path.mkdir(parents=True, exist_ok=True)
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocab = {token: i for i, token in enumerate([*_SPECIAL, *alphabet])}
    tokenizer = Tokenizer(models.BPE(vocab=vocab, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(_SPECIAL)
    tokenizer.save(str(path / "tokenizer.json"))
    (path / "tokenizer_config.json").write_text(
        json.dumps(
            {
                "tokenizer_class": "PreTrainedTokenizerFast",
                "eos_token": "<|im_end|>",
                "pad_token": "<|endoftext|>",
                "clean_up_tokenization_spaces": False,
            }
        )
    )
    (path / "chat_template.jinja").write_text(chat_template)
    config = {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "hidden_size": hidden,
        "num_hidden_layers": layers,
        "intermediate_size": 2 * hidden,
        "num_attention_heads": 2,
        "num_key_value_heads": 1,
        "rms_norm_eps": 1e-5,
        "rope_theta": 10000.0,
        "max_position_embeddings": 4096,
        "vocab_size": len(vocab),
        "tie_word_embeddings": True,
        "eos_token_id": vocab["<|im_end|>"],
    }
    (path / "config.json").write_text(json.dumps(config, indent=1))
    rng = np.random.default_rng(seed)

    def matrix(rows: int, columns: int):
        return (rng.standard_normal((rows, columns)) * 0.1).astype(np.float16)

    weights = {
        "model.embed_tokens.weight": matrix(len(vocab), hidden),
        "model.norm.weight": np.ones(hidden, np.float16),
    }
    for i in range(layers):
        at = f"model.layers.{i}."
        for name, rows, columns in (
            ("self_attn.q_proj", hidden, hidden),
            ("self_attn.k_proj", hidden // 2, hidden),
            ("self_attn.v_proj", hidden // 2, hidden),
            ("self_attn.o_proj", hidden, hidden),
            ("mlp.gate_proj", 2 * hidden, hidden),
            ("mlp.up_proj", 2 * hidden, hidden),
            ("mlp.down_proj", hidden, 2 * hidden),
        ):
            weights[f"{at}{name}.weight"] = matrix(rows, columns)
        for name in ("input_layernorm", "post_attention_layernorm"):
            weights[f"{at}{name}.weight"] = np.ones(hidden, np.float16)
    save_file(weights, str(path / "model.safetensors"), metadata={"format": "mlx"})
    return path
