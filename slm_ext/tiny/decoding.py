"""Decode many conversations at once with the PyTorch model: for looking at a model in training, and for its mistakes.

Serving is mlx-lm's; this is only fast where hundreds of prompts are at hand.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F

from slm_ext.tiny.model import Llama, _angles, _rotate
from slm_ext.tiny.wire import END, START, render

__all__ = ["Decoder"]


class Decoder:
    """Batched generation with a key-value cache.

    Args:
        model: weights; used as they are at each call.
        tokenizer: a `tokenizers.Tokenizer`.
        seed: of the sampling.
    """

    def __init__(self, model: Llama, tokenizer, seed: int = 0):
        self.model, self.tokenizer = model, tokenizer
        self.end = tokenizer.token_to_id(END)
        self.device = next(model.parameters()).device
        self.random = torch.Generator(self.device).manual_seed(seed)

    def replies(
        self, conversations: list[list[dict]], samples: int = 1, temperature: float = 0.0, max_tokens: int = 160
    ) -> list[list[str]]:
        """`samples` next assistant turns for each conversation, as text without the end token."""
        texts = [render(c) + f"{START}assistant\n" for c in conversations]
        prompts = [self.tokenizer.encode(text, add_special_tokens=False).ids for text in texts]
        rows = self._generate(prompts, samples, temperature, max_tokens)
        texts = [self.tokenizer.decode(row, skip_special_tokens=False) for row in rows]
        return [texts[i : i + samples] for i in range(0, len(texts), samples)]

    @torch.no_grad()
    def _generate(self, prompts: list[list[int]], samples: int, temperature: float, max_tokens: int) -> list[list[int]]:
        longest = max(map(len, prompts))
        tokens = torch.zeros(len(prompts), longest, dtype=torch.long, device=self.device)
        seen = torch.zeros(len(prompts), longest, dtype=torch.bool, device=self.device)
        for i, prompt in enumerate(prompts):  # padded on the left, so that all end together
            tokens[i, longest - len(prompt) :] = torch.tensor(prompt)
            seen[i, longest - len(prompt) :] = True
        cache: list = [None] * len(self.model.model.layers)
        with torch.autocast(self.device.type, dtype=torch.bfloat16):
            logits = self._forward(tokens, seen, cache, 0)
        if samples > 1:
            logits, seen = logits.repeat_interleave(samples, 0), seen.repeat_interleave(samples, 0)
            cache = [(k.repeat_interleave(samples, 0), v.repeat_interleave(samples, 0)) for k, v in cache]
        cache = [(k.float(), v.float()) for k, v in cache]
        out: list[list[int]] = [[] for _ in range(len(logits))]
        done = torch.zeros(len(logits), dtype=torch.bool, device=self.device)
        for step in range(max_tokens):
            chosen = self._choose(logits, temperature)
            done |= chosen == self.end
            if bool(done.all()):
                break
            for i, token in enumerate(chosen.tolist()):
                if not done[i]:
                    out[i].append(token)
            seen = torch.cat((seen, torch.ones(len(seen), 1, dtype=torch.bool, device=self.device)), 1)
            logits = self._forward(chosen[:, None], seen, cache, longest + step)
        return out

    def _choose(self, logits: torch.Tensor, temperature: float) -> torch.Tensor:
        if temperature <= 0:
            return logits.argmax(-1)
        return torch.multinomial((logits.float() / temperature).softmax(-1), 1, generator=self.random)[:, 0]

    def _forward(self, tokens: torch.Tensor, seen: torch.Tensor, cache: list, start: int) -> torch.Tensor:
        """Logits [rows, vocabulary] after the last of `tokens`, which stand at `start` and after."""
        model, count = self.model.model, tokens.shape[1]
        cos, sin = _angles(start + count, self.model.config.head_dim, self.model.config.rope_theta, tokens.device)
        cos, sin = cos[start:], sin[start:]
        mask = seen[:, None, None, :]
        if count > 1:
            mask = mask & torch.ones(count, count, dtype=torch.bool, device=self.device).tril()
            mask = mask | torch.eye(
                count, dtype=torch.bool, device=self.device
            )  # a padded position sees itself: no empty softmax
        x = model.embed_tokens(tokens)
        for i, layer in enumerate(model.layers):
            attention = layer.self_attn
            y = layer.input_layernorm(x)
            b = len(y)
            q = attention.q_proj(y).view(b, count, attention.heads, attention.head_dim).transpose(1, 2)
            k = attention.k_proj(y).view(b, count, attention.kv_heads, attention.head_dim).transpose(1, 2)
            v = attention.v_proj(y).view(b, count, attention.kv_heads, attention.head_dim).transpose(1, 2)
            q, k = _rotate(q, cos, sin), _rotate(k, cos, sin)
            if cache[i] is not None:
                k, v = torch.cat((cache[i][0], k), 2), torch.cat((cache[i][1], v), 2)
            cache[i] = (k, v)
            groups = attention.heads // attention.kv_heads
            z = F.scaled_dot_product_attention(
                q, k.repeat_interleave(groups, 1), v.repeat_interleave(groups, 1), attn_mask=mask
            )
            x = x + attention.o_proj(z.transpose(1, 2).reshape(b, count, -1))
            x = x + layer.mlp(layer.post_attention_layernorm(x))
        return self.model.logits(model.norm(x[:, -1]))
