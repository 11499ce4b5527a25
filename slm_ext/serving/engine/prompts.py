"""Messages as tokens.

What a model generated is kept as the tokens it chose: when the conversation comes back with an observation behind it,
the known text is replaced by its tokens and only the rest is tokenized. So the prefix cache fits also where the model
spelled a word in an unusual way (as constrained decoding makes it do), and long prompts are not tokenized again.
"""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from typing import Any, NamedTuple

from .errors import ApiError

__all__ = ["Prompt", "Prompts"]

KEPT = 64


class Prompt:
    """A prompt as text and token ids.

    Attributes:
        in_thinking: it ends inside the model's thinking.
        thought: it ends right behind the model's thinking, which is over, or was switched off.
        sha: of the text.
    """

    def __init__(self, text: str, ids: list[int], in_thinking: bool = False, thought: bool = False):
        self.text, self.ids, self.in_thinking, self.thought = text, ids, in_thinking, thought

    @property
    def sha(self) -> str:
        return hashlib.sha256(self.text.encode("utf-8", "surrogatepass")).hexdigest()


class _Known(NamedTuple):
    """Tokens of a text that was generated to its end, or only to its limit."""

    ids: list[int]
    cut: bool


class Prompts:
    """Renders and tokenizes for one model. Call it from one thread at a time: tokenizers are not made for more.

    Args:
        tokenizer: mlx-lm's.
        template_args: arguments of the chat template that a request may override.
        window: tokens; a text that cannot fit is refused before it is tokenized, which takes long for a large one.
    """

    def __init__(self, tokenizer: Any, template_args: dict[str, Any] | None = None, window: int | None = None):
        self._tokenizer, self._template_args = tokenizer, template_args or {}
        self._known: OrderedDict[str, _Known] = OrderedDict()
        self._lock = threading.Lock()
        self._window = window
        self._longest = max(map(len, tokenizer.get_vocab()))  # characters of one token
        added = getattr(tokenizer, "added_tokens_decoder", {})
        self._splits = not any(getattr(added.get(i), "rstrip", False) for i in tokenizer.eos_token_ids)
        self._walls = tuple(str(token) for token in added.values() if not (token.lstrip or token.single_word))

    def chat(self, messages: list[dict], tools: list[dict] | None, template_args: dict[str, Any] | None) -> Prompt:
        """The conversation, rendered by the model's chat template, up to where the assistant speaks.

        Raises:
            ApiError: 400 where there is no template, or it refuses the messages.
        """
        if not self._tokenizer.has_chat_template:
            raise ApiError(400, "this model has no chat template; use /v1/completions", code="no_chat_template")
        arguments = {**self._template_args, **(template_args or {})}
        try:
            text = self._tokenizer.apply_chat_template(
                messages, tools=tools, tokenize=False, add_generation_prompt=True, **arguments
            )
        except Exception as error:  # a template is a program: it raises what it likes
            raise ApiError(400, f"the chat template refuses these messages: {error}", param="messages") from None
        ids, end = self._encode(text), text.rstrip()
        if not self._tokenizer.has_thinking:
            return Prompt(text, ids)
        return Prompt(text, ids, end.endswith(self._tokenizer.think_start), end.endswith(self._tokenizer.think_end))

    def plain(self, prompt: str | list) -> Prompt:
        """A prompt of the completions endpoint. Raises ApiError (400) where it is empty or more than one."""
        if isinstance(prompt, list) and len(prompt) == 1 and isinstance(prompt[0], str):
            prompt = prompt[0]
        if isinstance(prompt, str):
            self._refuse_long(prompt)
            text, ids = prompt, list(self._tokenizer.encode(prompt))
        elif all(isinstance(item, int) for item in prompt):
            size = len(self._tokenizer)
            if any(not 0 <= item < size for item in prompt):
                raise ApiError(400, f"prompt: token ids are 0 to {size - 1}", param="prompt")
            text, ids = self._tokenizer.decode(prompt), list(prompt)
        else:
            raise ApiError(400, "prompt: one prompt a request, as text or as token ids", param="prompt")
        if not ids:
            raise ApiError(400, "the prompt is empty; allowed: at least one token", param="prompt", code="empty_prompt")
        return Prompt(text, ids)

    def learn(self, prompt: Prompt, answer: str, ids: list[int], stopped_by: int | None) -> None:
        """Remember the tokens behind `prompt` and its finished answer, `ids` being those that follow the prompt's.

        Args:
            stopped_by: the end token among them, by which the model ended its turn; None where it was cut.
        """
        end = ""
        if stopped_by is not None:
            if not self._splits:  # an end token may swallow the blanks behind it
                return
            end = self._tokenizer.convert_ids_to_tokens(stopped_by)
        with self._lock:
            self._known[prompt.text + answer + end] = _Known(prompt.ids + ids, cut=stopped_by is None)
            while len(self._known) > KEPT:
                self._known.popitem(last=False)

    def _refuse_long(self, text: str) -> None:
        least = len(text) // self._longest
        if self._window and least > self._window:
            raise ApiError(
                400, f"this model's context is {self._window} tokens; the prompt has at least {least}",
                code="context_length_exceeded", param="messages", context_tokens=self._window, prompt_tokens=least,
            )  # fmt: skip

    def _fits(self, known: _Known, text: str, key: str) -> bool:
        """Whether no token can reach from a known text into what follows it: one that was cut needs a tag behind it."""
        return not known.cut or text.startswith(self._walls, len(key))

    def _encode(self, text: str) -> list[int]:
        self._refuse_long(text)
        with self._lock:
            known = [key for key, value in self._known.items() if text.startswith(key) and self._fits(value, text, key)]
            best = max(known, key=len, default="")
            head = []
            if best:
                self._known.move_to_end(best)
                head = list(self._known[best].ids)
        rest = text[len(best) :]
        ids = head + (self._tokenizer.encode(rest, add_special_tokens=False) if rest else [])
        if not ids:
            raise ApiError(400, "the prompt is empty", param="messages", code="empty_prompt")
        return ids
