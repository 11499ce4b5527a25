"""One-line bugs: every way to change one spot of a function that a reviewer might overlook.

Works on tokens, so the rest of the line keeps its formatting. `mutations` lists all candidates of a source text;
whether one changes behaviour is found out by running it (`execution`), never guessed here.
"""

from __future__ import annotations

import ast
import io
import keyword
import tokenize
from dataclasses import dataclass

__all__ = ["KINDS", "Edit", "Mutation", "line_edit", "local_names", "mutations"]

KINDS = ("operator", "comparator", "boundary", "constant", "variable", "boolean", "call", "return")

_OPERATORS = {
    "+": "-*", "-": "+", "*": "+", "/": ("//", "*"), "//": ("/", "*", "%"), "%": ("//",), "**": ("*",),
    "+=": ("-=", "="), "-=": ("+=",), "*=": ("+=", "="), "//=": ("*=",), "|": "&", "&": "|",
}  # fmt: skip
_COMPARATORS = {
    "<": (">", "<="), "<=": ("<", ">="), ">": ("<", ">="), ">=": (">", "<="), "==": ("!=",), "!=": ("==",),
}  # fmt: skip
_BOUNDARY = {("<", "<="), ("<=", "<"), (">", ">="), (">=", ">")}
_WORDS = {
    "and": ("or",), "or": ("and",), "True": ("False",), "False": ("True",), "break": ("continue",),
    "continue": ("break",),
}  # fmt: skip
_CALLS = {
    "min": ("max",), "max": ("min",), "sum": ("len", "max"), "len": ("sum",), "any": ("all",), "all": ("any",),
    "upper": ("lower",), "lower": ("upper",), "startswith": ("endswith",), "endswith": ("startswith",),
    "strip": ("lstrip", "rstrip"), "lstrip": ("rstrip",), "rstrip": ("lstrip",), "keys": ("values",),
    "values": ("keys",), "append": ("extend",), "extend": ("append",), "find": ("rfind",), "rfind": ("find",),
    "isdigit": ("isalpha",), "isalpha": ("isdigit",), "ljust": ("rjust",), "rjust": ("ljust",),
    "isupper": ("islower",), "islower": ("isupper",), "abs": ("int",), "add": ("discard",), "title": ("lower",),
    "capitalize": ("upper",), "index": ("count",), "split": ("strip",), "set": ("list",), "round": ("int",),
}  # fmt: skip


@dataclass(frozen=True)
class Mutation:
    """A changed source text.

    Attributes:
        kind: one of `KINDS`.
        line: 1-based line that differs.
        source: the whole text after the change.
    """

    kind: str
    line: int
    source: str


@dataclass(frozen=True)
class Edit:
    """Arguments of `edit_line` that turn one text into another: `old` stands exactly once on line `line` (1-based)."""

    line: int
    old: str
    new: str


def mutations(source: str) -> list[Mutation]:
    """All one-spot changes of `source` (one def or class), without those that no longer compile."""
    found: dict[str, Mutation] = {}
    for kind, row, start, end, text in _spots(source):
        lines = source.splitlines(keepends=True)
        line = lines[row - 1]
        lines[row - 1] = line[:start] + text + line[end:]
        changed = "".join(lines)
        if changed != source and changed not in found and _compiles(changed):
            found[changed] = Mutation(kind, row, changed)
    return list(found.values())


def line_edit(before: str, after: str) -> Edit | None:
    """The `edit_line` call that turns `before` into `after`, or None where more than one line differs.

    Old and new are the whole line without its indentation: a line is copied token by token as it was read, which a
    small model does well, while a piece cut out of it begins and ends amid tokens.
    """
    a, b = before.splitlines(), after.splitlines()
    rows = [i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y]
    if len(a) != len(b) or len(rows) != 1:
        return None
    row = rows[0]
    old, new = a[row].strip(), b[row].strip()
    return Edit(row + 1, old, new) if old != new else None


def _spots(source: str):
    """Yield (kind, row, start column, end column, replacement)."""
    tokens = [
        t
        for t in tokenize.generate_tokens(io.StringIO(source).readline)
        if t.type not in (tokenize.NL, tokenize.COMMENT, tokenize.INDENT, tokenize.DEDENT)
    ]
    names = local_names(source)
    docstrings = _docstring_rows(source)
    for i, token in enumerate(tokens):
        row, start = token.start
        end = token.end[1]
        if row in docstrings or row == 1 or token.start[0] != token.end[0] or token.line.lstrip().startswith("def "):
            continue
        before = tokens[i - 1].string if i else ""
        after = tokens[i + 1].string if i + 1 < len(tokens) else ""
        text = token.string
        if token.type == tokenize.OP:
            if text in _COMPARATORS:
                for other in _COMPARATORS[text]:
                    yield ("boundary" if (text, other) in _BOUNDARY else "comparator"), row, start, end, other
            elif text in _OPERATORS and not (text in "*-" and (before in "(,[=:" or before in ("return", "in"))):
                for other in _OPERATORS[text]:
                    yield "operator", row, start, end, other
        elif token.type == tokenize.NUMBER and text.isdigit():
            value = int(text)
            for other in {value + 1, max(value - 1, 0)} - {value}:
                yield "constant", row, start, end, str(other)
        elif token.type == tokenize.STRING and len(text) > 2 and text[0] in "\"'" and len(text) < 14:
            if text[1:-1].strip() and not text.startswith(('"""', "'''")):
                inner = text[1:-1]
                yield "constant", row, start, end, text[0] + (inner[:-1] if len(inner) > 1 else " ") + text[0]
        elif token.type == tokenize.NAME:
            yield from _name_spots(token, before, after, names)
        if text == "return" and after and after not in ("not", "") and tokens[i + 1].start[0] == row:
            following = tokens[i + 1]
            if following.string in ("True", "False", "None"):
                continue
            line_end = len(token.line.rstrip("\n"))
            if following.type == tokenize.NAME and following.end[1] == line_end:
                yield "return", row, following.start[1], line_end, f"not {following.string}"
            else:
                yield "return", row, line_end, line_end, " + 1"
        if text in ("if", "while") and after != "not" and _is_single_name_condition(token.line):
            yield "boolean", row, end, end, " not"
        if text == "not" and after != "in":
            yield "boolean", row, start, end + 1, ""
        if text == "in" and before != "not" and not token.line.lstrip().startswith("for") and " for " not in token.line:
            yield "boolean", row, start, end, "not in"
        if text == "range" and after == "(":
            close = _closing(token.line, token.line.index("(", end - 1))
            if close:
                yield "boundary", row, close, close, " - 1"
                yield "boundary", row, close, close, " + 1"


def _name_spots(token, before: str, after: str, names: list[str]):
    row, start = token.start
    end, text = token.end[1], token.string
    if text in _WORDS:
        for other in _WORDS[text]:
            yield "boolean", row, start, end, other
    elif text in _CALLS and after == "(":
        for other in _CALLS[text]:
            yield "call", row, start, end, other
    elif text in names and before not in (".", "for", "def", "class", "lambda") and after not in ("=", "(", "+=", "-="):
        if after == "." and text == "self":
            return
        kind = "return" if before == "return" else "variable"
        for other in names:
            if other != text and other != "self":
                yield kind, row, start, end, other


def _is_single_name_condition(line: str) -> bool:
    words = line.strip().rstrip(":").split()
    return (
        len(words) == 2 and words[1].replace("_", "a").replace(".", "a").replace("(", "a").replace(")", "a").isalnum()
    )


def _closing(line: str, opening: int) -> int | None:
    depth = 0
    for i in range(opening, len(line)):
        depth += (line[i] == "(") - (line[i] == ")")
        if depth == 0:
            return i
    return None


def local_names(source: str) -> list[str]:
    """Parameters and variables of a function or class, sorted, without `self`."""
    tree = ast.parse(source)
    names = {node.arg for node in ast.walk(tree) if isinstance(node, ast.arg)}
    names |= {n.id for n in ast.walk(tree) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    return sorted(n for n in names if not keyword.iskeyword(n) and n != "self")


def _docstring_rows(source: str) -> set[int]:
    rows: set[int] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and node.body:
            first = node.body[0]
            if isinstance(first, ast.Expr) and isinstance(getattr(first, "value", None), ast.Constant):
                rows |= set(range(first.lineno, (first.end_lineno or first.lineno) + 1))
    return rows


def _compiles(source: str) -> bool:
    import warnings

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            compile(source, "<mutant>", "exec")
    except (SyntaxError, ValueError):
        return False
    return True
