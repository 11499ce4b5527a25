"""How a family's templates become a sketch: word pools, `$word` substitution, docstrings, optional type hints."""

from __future__ import annotations

import random
import textwrap
from string import Template

from slm_ext.tiny.families.base import Sketch, docstring

PLURALS = (
    ("values", "value"),
    ("numbers", "number"),
    ("items", "item"),
    ("scores", "score"),
    ("readings", "reading"),
    ("amounts", "amount"),
    ("prices", "price"),
    ("samples", "sample"),
    ("points", "point"),
    ("nums", "num"),
    ("levels", "level"),
    ("sizes", "size_value"),
)
POOLS = {
    "limit": ("limit", "threshold", "bound", "cutoff"),
    "out": ("result", "out", "collected", "answer"),
    "total": ("total", "acc", "tally", "running"),
    "i": ("index", "i", "position", "idx"),
    "best": ("best", "chosen", "top", "winner"),
    "d": ("mapping", "table", "data", "lookup"),
    "k": ("key", "name", "label"),
    "v": ("count", "quantity", "worth"),
    "prev": ("previous", "prev", "before"),
    "seen": ("seen", "known", "visited"),
    "streak": ("streak", "current", "run"),
}
SHORT = {"xs": "nums", "x": "num", "i": "i", "out": "out", "limit": "limit", "prev": "prev", "k": "key"}
WIDTH = 88
COMPARISONS = {
    ">": (("above", "over"), ("strictly greater than", "strictly above", "greater than")),
    ">=": (("at_least", "not_below"), ("greater than or equal to", "at least", "no less than")),
    "<": (("below", "under"), ("strictly less than", "strictly below", "less than")),
    "<=": (("at_most", "not_above"), ("less than or equal to", "at most", "no greater than")),
}
OPPOSITE = {">": "<=", ">=": "<", "<": ">=", "<=": ">"}


def words(r: random.Random) -> dict[str, str]:
    """One consistent choice of parameter and local names."""
    xs, x = r.choice(PLURALS)
    return {"xs": xs, "x": x, **{role: r.choice(pool) for role, pool in POOLS.items()}}


def comparison(r: random.Random, ops: str = "> >= < <=") -> tuple[str, str, str]:
    """An operator with the word for a function's name and the phrase for its docstring."""
    op = r.choice(ops.split())
    names, phrases = COMPARISONS[op]
    return op, r.choice(names), r.choice(phrases)


def _annotated(params: str, hints: str) -> str:
    kinds, returned = hints.split(" -> ")
    marked = []
    for param, kind in zip(params.split(", "), kinds.split("; "), strict=True):
        name, equals, default = param.partition("=")
        marked.append(f"{name}: {kind} = {default}" if equals else f"{name}: {kind}")
    return f"({', '.join(marked)}) -> {returned}"


def _checks(text: str, known: dict[str, str]) -> tuple[str, ...]:
    parts = (part.strip() for line in text.splitlines() for part in line.split(";"))
    return tuple(dict.fromkeys(Template(part).substitute(known) for part in parts if part))


def function(
    r: random.Random,
    *,
    names: str,
    params: str,
    what: str,
    bodies: str,
    checks: str,
    noun: str,
    hints: str = "",
    **more: str,
) -> Sketch:
    """A function sketch. names and noun are split at spaces, what at `|`, bodies at `---` lines, checks at `;`."""
    known = {**words(r), **more}

    def fill(text: str) -> str:
        return Template(text).substitute(known)

    known["f"] = fill(r.choice(names.split()))
    said = fill(r.choice(what.split("|")).strip())
    body = fill(textwrap.dedent(r.choice(bodies.split("---\n"))).strip("\n"))
    listed = fill(params)
    signature = _annotated(listed, hints) if hints and r.random() < 0.3 else f"({listed})"
    source = f"def {known['f']}{signature}:\n" + docstring(r, said) + textwrap.indent(f"{body}\n", "    ")
    if "xs" not in more and max(map(len, source.splitlines())) > WIDTH:  # once more, with short words
        again = {"names": names, "params": params, "what": what, "bodies": bodies, "checks": checks, "noun": noun}
        return function(r, **again, **{**SHORT, **more})
    return Sketch(known["f"], source, said, _checks(checks, known), r.choice(noun.split()))


def _class_docstring(said: str) -> str:
    lines = textwrap.wrap(f"{said[:1].upper()}{said[1:]}.", 76)
    return '"""' + "\n".join(lines) + ('"""' if len(lines) == 1 else '\n"""')


def class_(r: random.Random, *, names: str, what: str, bodies: str, checks: str, noun: str, **more: str) -> Sketch:
    """A class sketch; the same splitting as `function`, and `$f` is the class name."""
    known = {**words(r), **more}
    known["f"] = r.choice(names.split())
    said = Template(r.choice(what.split("|")).strip()).substitute(known)
    body = Template(textwrap.dedent(r.choice(bodies.split("---\n"))).strip("\n")).substitute(known)
    source = f"class {known['f']}:\n" + textwrap.indent(f"{_class_docstring(said)}\n{body}\n", "    ")
    return Sketch(known["f"], source, said, _checks(checks, known), r.choice(noun.split()))
