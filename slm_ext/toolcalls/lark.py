"""The text of an llguidance grammar: rules and terminals under construction, and how texts are quoted in it.

Rules are lower case and context-free, terminals are upper case and regular (`A B`, `A | B`, `A & B`, `~A`). Equal
bodies share one name. Syntax: docs/syntax.md of guidance-ai/llguidance.
"""

from __future__ import annotations

import json
from typing import Any

__all__ = ["ANY_TEXT", "GrammarError", "Lark", "containing", "escape", "quote"]

ANY_TEXT = "/(?s:.*)/"


class GrammarError(ValueError):
    """A request that no grammar can enforce: a schema feature, a domain or a tool choice; the message says which."""


class Lark:
    """A grammar under construction."""

    def __init__(self):
        self._rules: dict[tuple[str, str], str] = {}
        self._terminals: dict[str, str] = {}

    def rule(self, body: str, options: str = "") -> str:
        """The name of a rule with this body; options: `lazy` lets its one terminal match as little as it can."""
        return self._rules.setdefault((body, options), f"r{len(self._rules)}")

    def terminal(self, body: str) -> str:
        """The name of a terminal with this body."""
        return self._terminals.setdefault(body, f"T{len(self._terminals)}")

    def lazy(self, body: str) -> str:
        """A rule that ends at the first place where this regular body matches."""
        return self.rule(self.terminal(body), "lazy")

    def json(self, schema: Any) -> str:
        """A rule for JSON of a schema, with the separators `json.dumps` writes and no other white space."""
        options = {"item_separator": ", ", "key_separator": ": ", "whitespace_flexible": False}
        return self.rule("%json " + _dumps({"x-guidance": options, **schema}))

    def text(self, start: str) -> str:
        """The whole grammar, with the body of its start rule."""
        lines = ["%llguidance {}", f"start: {start}"]
        for (body, options), name in self._rules.items():
            lines.append(f"{name}{f'[{options}]' if options else ''}: {body}")
        lines += [f"{name}: {body}" for body, name in self._terminals.items()]
        return "\n".join(lines) + "\n"


def quote(text: str) -> str:
    """A literal. Control characters and everything beyond ASCII are escaped.

    Raises:
        GrammarError: the text cannot be UTF-8.
    """
    return _dumps(text)


def escape(text: str) -> str:
    """A text as it stands within `/…/`."""
    _dumps(text)
    return "".join(c if c.isascii() and c.isalnum() else f"\\x{{{ord(c):x}}}" for c in text)


def containing(*regexes: str) -> str:
    """A terminal's expression for every text in which one of these regular expressions matches."""
    return f"/(?s:.*)({'|'.join(regexes)})(?s:.*)/"


def _dumps(value: Any) -> str:
    try:
        text = json.dumps(value, allow_nan=False)
        json.dumps(value, ensure_ascii=False).encode()
    except ValueError as error:
        raise GrammarError(f"a value cannot be written: {error}") from None
    return text.replace("\x7f", "\\u007f")
