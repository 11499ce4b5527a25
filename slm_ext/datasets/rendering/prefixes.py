"""The texts of all beginnings of a conversation, from one rendering of the whole.

Every trained turn needs its prompt as the template renders it, and these are beginnings of each other. A template
writes message by message; what it has written when it takes the next message is the text of those before, if it looked
at nothing behind them. Whether it did is watched while it runs: what it read of the messages, and when. One that looks
ahead, counts the messages, goes through them twice or looks at them again at the end has no `Prefixes`, and each prompt
is rendered for itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import Any

__all__ = ["Prefixes"]

Message = dict[str, Any]
Pieces = Callable[[Sequence[Message]], Iterator[str]]
"""Messages → what the template writes, piece by piece."""


class Prefixes:
    """A conversation that was rendered once.

    Args:
        messages: all of them.
        text: of them.
        ends: for each number of messages, where their text ends.
    """

    def __init__(self, messages: list[Message], text: str, ends: list[int]):
        self.messages = messages
        self._text, self._ends = text, ends

    @classmethod
    def of(cls, messages: list[Message], pieces: Pieces) -> Prefixes | None:
        """None for a template whose beginnings are not the texts of beginnings. Raises what the template does."""
        watched, written, size = _Watched(messages), [], 0
        for piece in pieces(watched):
            watched.written = size = size + len(piece)
            written.append(piece)
        return cls(messages, "".join(written), watched.ends) if watched.closed else None

    def begins(self, messages: list[Message]) -> bool:
        """Whether these are the first of the conversation."""
        return 0 < len(messages) <= len(self.messages) and self.messages[: len(messages)] == messages

    def text(self, number: int) -> str:
        """The text of the first messages, with what the template writes behind the last of all."""
        return self._text[: self._ends[number]] + self._text[self._ends[-1] :]


class _Watched(Sequence[Message]):
    """Messages that know what was read of them."""

    def __init__(self, messages: list[Message]):
        self._messages, self._at, self._looked = messages, -1, False
        self.written = 0
        self.ends: list[int] = []

    @property
    def closed(self) -> bool:
        """Whether nothing was read before its time, and each message was written before the next one was taken: a
        template that gathers what it writes, in a macro or a block, gives it away only when it has read all."""
        written = all(before < after for before, after in pairwise(self.ends))
        return not self._looked and written and len(self.ends) == len(self._messages) + 1

    def __iter__(self) -> Iterator[Message]:
        if self.ends:
            self._looked = True
        for at, message in enumerate(self._messages):
            self._at = at
            self.ends.append(self.written)
            yield message
        self._at = len(self._messages)
        self.ends.append(self.written)

    def __getitem__(self, index: Any) -> Any:
        """The first message may be looked at from the beginning, later ones from their turn on."""
        known = isinstance(index, int) and 0 <= index <= max(self._at, 0) and self._at < len(self._messages)
        self._looked = self._looked or not known
        return self._messages[index]

    def __len__(self) -> int:
        self._looked = True
        return len(self._messages)
