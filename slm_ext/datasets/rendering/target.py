"""The model to be trained, as far as a dataset has to know it: its chat template, its tokens, its form of a call."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path
from typing import Any

from slm_ext import paths
from slm_ext.context.template import Template, read_template, template_source
from slm_ext.datasets.rendering.prefixes import Prefixes
from slm_ext.datasets.rendering.words import word_counter
from slm_ext.errors import UsageError
from slm_ext.serving.identity import template_sha
from slm_ext.toolcalls import WireFormat, detect, wire_format

__all__ = ["Target"]

_ALLOWED = "a model folder with tokenizer.json and a chat template, or package:flywheel-tiny"
_KEPT_CHARS = 32_000_000
_LARGEST = 32_768
_NEAR = 64
"""Characters in which an answer's first word ends."""
_SHORT = 80
_LINES = re.compile(r"\n?[^\n]*+(?:(?<![A-Za-z0-9])\n[^\n]*+)*+")
"""Up to a line feed behind a letter or a digit, where a word ends in every tokenizer that words are counted for; code
says the same lines again and again."""
_PROOFS = 8
"""Texts that are counted both ways."""
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
        ends: the texts that end an answer: those of the end tokens that its folder names.
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
        from tokenizers import Tokenizer

        try:
            self._tokenizer = Tokenizer.from_file(str(file))
        except Exception as error:  # the package raises its own bare Exception
            raise UsageError(attempted, seen=f"{file} cannot be read: {error}", allowed=_ALLOWED) from None
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()
        template = read_template(self.folder)
        if template is None:
            raise UsageError(attempted, seen="no chat template that can be read", allowed=_ALLOWED)
        self._template: Template = template
        self.source, special = template_source(self.folder)
        self.template_sha = template_sha(self.folder) or ""
        self.tokenizer_sha = hashlib.sha256(file.read_bytes()).hexdigest()
        self.ends = _ends(self.folder, special.get("eos_token"), self._tokenizer)
        self._end = re.compile("|".join(map(re.escape, sorted(self.ends, key=lambda end: (-len(end), end)))) or r"(?!)")
        vocabulary = self._tokenizer.get_vocab()
        self._arguments = {"enable_thinking": any(a in vocabulary and b in vocabulary for a, b in _THINKING)}
        config = _json(self.folder / "tokenizer_config.json")
        name = detect(self.source, config.get("tool_parser_type"))
        self.wire: WireFormat | None = wire_format(name) if name else None
        model = _json(self.folder / "config.json")
        known = model.get("max_position_embeddings") or (model.get("text_config") or {}).get("max_position_embeddings")
        known = known or config.get("model_max_length")
        self.window = int(known) if isinstance(known, (int, float)) and 0 < known < 1e9 else _LARGEST
        self._words = word_counter(
            _json(file), lambda word: len(self._tokenizer.model.tokenize(word)), lambda text: len(self.ids(text))
        )
        self._walls = _walls(self._tokenizer) if self._words else None
        self._unproven = _PROOFS
        self._counts: dict[str, int] = {}
        self._longest = max((len(t.content) for t in self._tokenizer.get_added_tokens_decoder().values()), default=0)
        self._before = "", 0, 0
        self._kept = 0

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
        """Number of tokens.

        A tokenizer splits at its added tokens first, so what stands between two of them is counted once and known then.
        The first texts are tokenized whole too; where the counts differ, all are.
        """
        if self._walls is None or self._words is None:
            return len(self.ids(text))
        found = self._going_on(text)
        if self._unproven:
            self._unproven -= 1
            if found != (whole := len(self.ids(text))):
                self._walls = None
            return whole
        return found

    def _going_on(self, text: str) -> int:
        """Counts; a text that goes on from the one before, as prompts do, from an added token of that one. Remembered
        are the characters behind it too that could make it part of a longer one."""
        assert self._walls is not None
        at, tokens = self._resumed(text)
        safe = len(text) - self._longest
        for index, part in enumerate(self._walls.split(text[at:])):
            tokens += 1 if index % 2 else self._count(part)
            at += len(part)
            if index % 2 and at <= safe:
                self._before = text[: at + self._longest], at, tokens
        return tokens

    def _resumed(self, text: str) -> tuple[int, int]:
        """Up to where the tokens of a text are known, and their number."""
        known, at, tokens = self._before
        return (at, tokens) if text.startswith(known) else (0, 0)

    def added(self, prompt: str, answer: str) -> int | None:
        """Number of tokens that an answer adds to its prompt; None where the tokens of both together do not begin with
        those of the prompt: a mask cannot end between them then."""
        if self._walls is None or self._words is None:
            return self._added_ids(prompt, answer)
        rest = prompt[self._resumed(prompt)[0] :]
        before, after = self._walls.split(rest), self._walls.split(rest + answer)
        tail = before.pop()
        first = after[len(before)] if len(before) < len(after) else ""
        if after[: len(before)] != before or not first.startswith(tail):
            return self._added_ids(rest, answer)
        head = first[len(tail) :]
        if tail and head and not self._words.parts(tail, head[:_NEAR]) and self._added_ids(tail, head) is None:
            return None
        more = after[len(before) + 1 :]
        return self._count(first) - self._count(tail) + sum(map(self._count, more[1::2])) + len(more[::2])

    def _added_ids(self, one: str, other: str) -> int | None:
        before, after = self.ids(one), self.ids(one + other)
        return len(after) - len(before) if after[: len(before)] == before else None

    def ids(self, text: str) -> list[int]:
        """The tokens."""
        return self._tokenizer.encode(text, add_special_tokens=False).ids

    def _count(self, part: str) -> int:
        assert self._words is not None
        if len(part) < _SHORT or not self._words.by_line:
            return self._known(part)
        return sum(map(self._known, _LINES.findall(part)))

    def _known(self, part: str) -> int:
        found = self._counts.get(part)
        if found is None:
            assert self._words is not None
            if self._kept > _KEPT_CHARS:
                self._counts.clear()
                self._kept = 0
            found = self._counts[part] = self._words(part)
            self._kept += len(part)
        return found


def _walls(tokenizer: Any) -> re.Pattern[str] | None:
    """Splits at added tokens, which it keeps: every second part is one. The longest is tried first, as tokenizers do.
    None where some are matched in another way: with the space around them, as words, or in the normalized text."""
    added = tokenizer.get_added_tokens_decoder().values()
    if any(token.lstrip or token.rstrip or token.single_word for token in added):
        return None
    late = {token.content for token in added if token.normalized}
    if late and (tokenizer.normalizer is not None or len(late) < len(added)):
        return None
    if not added:
        return re.compile("((?!))")
    names = sorted({token.content for token in added}, key=lambda name: (-len(name), name))
    return re.compile("(" + "|".join(map(re.escape, names)) + ")")


def _ends(folder: Path, named: str | None, tokenizer: Any) -> frozenset[str]:
    """The end tokens as serving knows them: `eos_token`, and `eos_token_id` of the model's configurations."""
    ids: list[Any] = []
    for name in ("generation_config.json", "config.json"):
        given = _json(folder / name).get("eos_token_id")
        ids += given if isinstance(given, list) else [given]
    found = {tokenizer.id_to_token(i) for i in ids if isinstance(i, int)} | {named}
    return frozenset(end for end in found if end)


def _json(path: Path) -> dict[str, Any]:
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return data if isinstance(data, dict) else {}
