"""Where a reply thinks, as regular expressions of a grammar."""

from __future__ import annotations

from dataclasses import dataclass

from slm_ext.toolcalls.lark import escape

__all__ = ["NO_THINKING", "Thinking"]


@dataclass(frozen=True)
class Thinking:
    """Where a reply thinks, and between which tags.

    Attributes:
        opened: the prompt ends inside thinking: text up to `end` comes first.
        own: the model thinks of its own accord, so a reply may begin with `start`, text and `end` whatever else it has
            to be. Free text may begin so in any case.
    """

    opened: bool = False
    own: bool = False
    start: str = "<think>"
    end: str = "</think>"

    @property
    def rest(self) -> str:
        """A terminal's expression: thinking that has begun."""
        return f"/(?s:.*){escape(self.end)}/"

    @property
    def whole(self) -> str:
        return rf"/[ \t\r\n]*{escape(self.start)}(?s:.*){escape(self.end)}/"

    @property
    def begun(self) -> str:
        """Every text that opens with thinking."""
        return rf"/[ \t\r\n]*{escape(self.start)}(?s:.*)/"


NO_THINKING = Thinking()
"""Of a model that is not thinking and does not begin to, but in free text."""
