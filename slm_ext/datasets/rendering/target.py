"""The model to be trained, as far as a dataset has to know it: its chat template, its tokens, its form of a call."""

from __future__ import annotations

import hashlib
import json
import re
from functools import cached_property
from pathlib import Path
from typing import Any

import msgspec

from slm_ext import paths
from slm_ext.context.template import Template, read_template, template_source
from slm_ext.datasets.rendering.prefixes import Prefixes
from slm_ext.datasets.rendering.tokens import Tokens
from slm_ext.errors import UsageError
from slm_ext.serving.identity import template_sha
from slm_ext.toolcalls import WireFormat, detect, wire_format

__all__ = ["Target"]

_ALLOWED = "a model folder with tokenizer.json and a chat template, or package:flywheel-tiny"
_LARGEST = 32_768
_THINKING = (
    ("<think>", "</think>"),
    ("<longcat_think>", "</longcat_think>"),
    ("<|think:start|>", "<|think:end|>"),
    ("<|channel>", "<channel|>"),
    ("<|open|>", "<|close|>"),
)
"""Tokens by which mlx-lm knows that a model thinks; it tells the template so, in training and serving alike
(`mlx_lm.tokenizer_utils`)."""


class Target:
    """A model folder.

    Attributes:
        wire: how it writes calls; None: in a form that is none of ours, and calls cannot be read back.
        window: tokens of prompt and answer together.
        template_sha: SHA-256 of the chat template's text, as an identity has it.

    Raises:
        UsageError: no tokenizer or no chat template there.
    """

    def __init__(self, folder: str):
        self.name = folder
        self.folder = paths.tiny_model_dir() if folder == "package:flywheel-tiny" else Path(folder).expanduser()
        attempted = f"read the tokenizer of {folder}"
        file = self.folder / "tokenizer.json"
        if not file.is_file():
            raise UsageError(attempted, seen=f"no {file}", allowed=_ALLOWED, next_step="name it with --tokenizer")
        raw = file.read_bytes()
        try:
            msgspec.json.decode(raw, type=dict[str, msgspec.Raw])["model"]
        except (ValueError, KeyError) as error:
            raise UsageError(attempted, seen=f"{file} cannot be read: {error}", allowed=_ALLOWED) from None
        self._file = file
        self.tokenizer_sha = hashlib.sha256(raw).hexdigest()
        template = read_template(self.folder)
        if template is None:
            raise UsageError(attempted, seen="no chat template that can be read", allowed=_ALLOWED)
        self._template: Template = template
        self.source, special = template_source(self.folder)
        self.template_sha = template_sha(self.folder) or ""
        self._eos = special.get("eos_token")
        config = _json(self.folder / "tokenizer_config.json")
        name = detect(self.source, config.get("tool_parser_type"))
        self.wire: WireFormat | None = wire_format(name) if name else None
        model = _json(self.folder / "config.json")
        known = model.get("max_position_embeddings") or (model.get("text_config") or {}).get("max_position_embeddings")
        known = known or config.get("model_max_length")
        self.window = int(known) if isinstance(known, (int, float)) and 0 < known < 1e9 else _LARGEST

    @cached_property
    def vocabulary(self) -> Tokens:
        """Read when it is first asked for: the process that only shares out the work does not need it."""
        try:
            return Tokens(self._file)
        except ValueError as error:
            attempted = f"read the tokenizer of {self.name}"
            raise UsageError(attempted, seen=f"{self._file} cannot be read: {error}", allowed=_ALLOWED) from None

    @cached_property
    def ends(self) -> frozenset[str]:
        """The texts that end an answer: those of the end tokens that the folder names, as serving knows them:
        `eos_token`, and `eos_token_id` of the model's configurations."""
        ids: list[Any] = []
        for name in ("generation_config.json", "config.json"):
            given = _json(self.folder / name).get("eos_token_id")
            ids += given if isinstance(given, list) else [given]
        found = {self.vocabulary.tokenizer.id_to_token(i) for i in ids if isinstance(i, int)} | {self._eos}
        return frozenset(end for end in found if end)

    @cached_property
    def _end(self) -> re.Pattern[str]:
        longest_first = sorted(self.ends, key=lambda end: (-len(end), end))
        return re.compile("|".join(map(re.escape, longest_first)) or r"(?!)")

    @cached_property
    def _arguments(self) -> dict[str, Any]:
        return {"enable_thinking": any(a in self.vocabulary and b in self.vocabulary for a, b in _THINKING)}

    def render(self, messages: list[dict], tools: list[dict] | None, *, answer: bool, **arguments: Any) -> str:
        """The text of a conversation; `answer`: up to where the assistant speaks. A template raises what it likes."""
        return self._template(messages, tools, add_generation_prompt=answer, **{**self._arguments, **arguments})

    def prefixes(self, messages: list[dict], tools: list[dict] | None, *, answer: bool) -> Prefixes | None:
        """`render` of every beginning of a conversation at once, for templates that allow it."""
        if self._template.peeks:
            return None
        given = {**self._arguments, "add_generation_prompt": answer}
        return Prefixes.of(messages, lambda watched: self._template.pieces(watched, tools, **given))

    def answer(self, text: str) -> str | None:
        """A rendered answer up to its end token; None where there is none, or where the model would not have stopped
        there: behind the end are at most white space and other end tokens."""
        found = self._end.search(text)
        if found is None or self._end.sub("", text[found.end() :]).strip():
            return None
        return text[: found.end()]

    def said(self, answer: str) -> str:
        """The text of an answer without its end token."""
        return self._end.split(answer)[0]

    def tokens(self, text: str) -> int:
        """Number of tokens."""
        return self.vocabulary.count(text)

    def added(self, prompt: str, answer: str) -> int | None:
        """Number of tokens that an answer adds to its prompt; None where a token spans the border of both."""
        return self.vocabulary.added(prompt, answer)

    def ids(self, text: str) -> list[int]:
        """The tokens."""
        return self.vocabulary.ids(text)


def _json(path: Path) -> dict[str, Any]:
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return data if isinstance(data, dict) else {}
