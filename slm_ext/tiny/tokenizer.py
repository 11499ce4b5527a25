"""The tokenizer of flywheel-tiny: byte-level BPE of about 1,500 entries, trained on rendered trajectories.

Digits, four-space indents and underscores are split off, so that numbers, depth and the parts of a name are each
copied as themselves; the wire format's tags and the tools' names are single tokens.
"""

from __future__ import annotations

from collections.abc import Iterable

from slm_ext.tiny.wire import END, START, TOKENS

__all__ = ["TOOL_NAMES", "VOCABULARY", "train_tokenizer"]

VOCABULARY = 1536
TOOL_NAMES = ("pytest_run", "read_file", "edit_line", "undo_edit", "submit")


def train_tokenizer(texts: Iterable[str], size: int = VOCABULARY):
    """A `tokenizers.Tokenizer` of `size` entries, special and added tokens included."""
    from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(" {4}"), "isolated"),
            pre_tokenizers.Digits(individual_digits=True),
            pre_tokenizers.Split("_", "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    tags = [*TOKENS, *TOOL_NAMES]
    trainer = trainers.BpeTrainer(
        vocab_size=size - len(tags) - 2,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator((_without(text, (START, END, *tags)) for text in texts), trainer)
    tokenizer.add_special_tokens([AddedToken(t, special=True, normalized=False) for t in (START, END)])
    tokenizer.add_tokens([AddedToken(t, special=False, normalized=False) for t in tags])
    return tokenizer


def _without(text: str, tokens: tuple[str, ...]) -> str:
    for token in tokens:
        text = text.replace(token, "\n")
    return text
