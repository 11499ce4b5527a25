"""JSON schema's `pattern` (searched for, Python's syntax, as `jsonschema` reads it) as a regular expression of
llguidance that matches whole texts (Rust's syntax, no anchors, no look-around).

Where the two dialects differ beyond ASCII (`\\w`, `\\d`, `\\s`), the narrower reading is taken: what the result admits
is found by the pattern.
"""

from __future__ import annotations

import re
from re import _constants as sre  # ty: ignore  # the parser's names; no public module has them
from re import _parser  # ty: ignore

from slm_ext.toolcalls.lark import GrammarError, escape

__all__ = ["whole"]

_ANYTHING = "(?s:.*)"
LARGEST = 10_000
_INSIDE = {
    sre.CATEGORY_DIGIT: "0-9",
    sre.CATEGORY_WORD: "0-9A-Za-z_",
    sre.CATEGORY_SPACE: r" \t\n\r\x0b\x0c",
    sre.CATEGORY_NOT_DIGIT: r"\P{Nd}",
    sre.CATEGORY_NOT_WORD: r"\x00-\x2f:-@\[-\^`\{-\x7f",
    sre.CATEGORY_NOT_SPACE: r"[^\s\x1c-\x1f]",
}
_OUTSIDE = {  # in a negated class: everything that Python could mean
    sre.CATEGORY_DIGIT: r"\p{Nd}",
    sre.CATEGORY_WORD: r"\w\p{N}",
    sre.CATEGORY_SPACE: r"\s\x1c-\x1f",
    sre.CATEGORY_NOT_DIGIT: "[^0-9]",
    sre.CATEGORY_NOT_WORD: "[^0-9A-Za-z_]",
    sre.CATEGORY_NOT_SPACE: r"[^ \t\n\r\x0b\x0c]",
}


def whole(pattern: str) -> str:
    """The regular expression of every text in which `pattern` is found.

    Raises:
        GrammarError: no regular expression of Python, or one with look-around, back-references, flags, or anchors in
            the middle.
    """
    try:
        parsed = _parser.parse(pattern)
    except (re.error, OverflowError, RecursionError) as error:
        raise GrammarError(f"the pattern {pattern!r} is not a regular expression ({error})") from None
    if parsed.state.flags & ~re.UNICODE.value:
        raise GrammarError(f"the pattern {pattern!r} sets flags")
    if (size := _size(parsed)) > LARGEST:
        raise GrammarError(f"the pattern {pattern!r} stands for {size:,} characters or more; allowed: {LARGEST:,}")
    try:
        return _searched(list(parsed))
    except _Unsupported as error:
        raise GrammarError(f"the pattern {pattern!r} cannot be enforced: {error}") from None


def _size(nodes) -> int:
    """How many single characters a pattern comes to, its repeats written out. Compiling takes time by this number."""
    total = 0
    for kind, value in nodes:
        if kind in (sre.MAX_REPEAT, sre.MIN_REPEAT):
            low, high, repeated = value
            total += (max(low, 1) if high is sre.MAXREPEAT else max(int(high), 1)) * _size(repeated)
        elif kind is sre.SUBPATTERN:
            total += _size(value[3])
        elif kind is sre.BRANCH:
            total += sum(_size(branch) for branch in value[1])
        else:
            total += 1
    return total


class _Unsupported(Exception):
    """A part of a pattern that no regular expression of llguidance can stand for."""


def _searched(nodes: list, left: str = _ANYTHING, right: str = _ANYTHING) -> str:
    """left, right: what may stand around a match."""
    while nodes and nodes[0][0] is sre.AT and nodes[0][1] in (sre.AT_BEGINNING, sre.AT_BEGINNING_STRING):
        left, nodes = "", nodes[1:]
    while nodes and nodes[-1][0] is sre.AT and nodes[-1][1] in (sre.AT_END, sre.AT_END_STRING):
        right, nodes = "", nodes[:-1]
    if len(nodes) == 1:
        kind, value = nodes[0]
        if kind is sre.BRANCH:
            return "(?:" + "|".join(_searched(list(branch), left, right) for branch in value[1]) + ")"
        if kind is sre.SUBPATTERN and not value[1] and not value[2]:
            return _searched(list(value[3]), left, right)
    return left + _sequence(nodes) + right


def _sequence(nodes) -> str:
    return "".join(_node(kind, value) for kind, value in nodes)


def _node(kind, value) -> str:
    if kind is sre.LITERAL:
        return escape(chr(value))
    if kind is sre.NOT_LITERAL:
        return f"[^{escape(chr(value))}]"
    if kind is sre.ANY:
        return r"[^\n]"
    if kind is sre.IN:
        return _class(value)
    if kind is sre.BRANCH:
        return "(?:" + "|".join(_sequence(branch) for branch in value[1]) + ")"
    if kind is sre.SUBPATTERN and not value[1] and not value[2]:
        return f"(?:{_sequence(value[3])})"
    if kind in (sre.MAX_REPEAT, sre.MIN_REPEAT):
        low, high, nodes = value
        times = f"{{{low},}}" if high is sre.MAXREPEAT else f"{{{low},{high}}}"
        return f"(?:{_sequence(nodes)}){times}"
    raise _Unsupported(f"{str(kind).lower()} inside of it")


def _class(items: list) -> str:
    negated = items[0][0] is sre.NEGATE
    categories = _OUTSIDE if negated else _INSIDE
    parts = []
    for kind, value in items[1:] if negated else items:
        if kind is sre.LITERAL:
            parts.append(escape(chr(value)))
        elif kind is sre.RANGE:
            parts.append(f"{escape(chr(value[0]))}-{escape(chr(value[1]))}")
        else:
            parts.append(categories[value])
    return f"[{'^' if negated else ''}{''.join(parts)}]"
