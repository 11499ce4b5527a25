"""The registry of function families: each builds one small, correct, documented Python sketch from a seed."""

from __future__ import annotations

import random
import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class Sketch:
    """One correct function or class, and what is needed to test and describe it."""

    name: str
    """The function or class name."""
    source: str
    """The whole def or class with its docstring; no imports, no blank lines inside; ends with a newline."""
    what: str
    """One sentence without final period: what it returns or does."""
    checks: tuple[str, ...]
    """Six to ten expressions; evaluated beside `source` they give the expected values."""
    noun: str
    """A word for the module this belongs to, such as `stats` or `text`."""


Builder = Callable[[random.Random], Sketch]


@dataclass(frozen=True)
class Family:
    """One algorithm with its variations."""

    name: str
    group: str
    held_out: bool
    build: Builder


FAMILIES: dict[str, Family] = {}


def family(group: str, held_out: bool = False) -> Callable[[Builder], Builder]:
    """Register a build function under its own name; a second function of that name is a ValueError."""

    def register(build: Builder) -> Builder:
        name = build.__name__
        if name in FAMILIES:
            raise ValueError(f"family {name!r} is registered twice, by {FAMILIES[name].group} and {group}")
        FAMILIES[name] = Family(name, group, held_out, build)
        return build

    return register


def pick(r: random.Random, *options: T) -> T:
    """One of the options."""
    return r.choice(options)


def fill(template: str, **values: object) -> str:
    """Replace each `<key>` of the template by its value; text without such keys (braces too) stays as it is."""
    for key, value in values.items():
        template = template.replace(f"<{key}>", str(value))
    return template


def calls(name: str, arguments: Sequence[str]) -> tuple[str, ...]:
    """A call of `name` for each argument list: `calls("f", ["1, 2"])` gives `("f(1, 2)",)`."""
    return tuple(f"{name}({args})" for args in arguments)


def docstring(r: random.Random, what: str) -> str:
    """`what` as a docstring in one of a few wordings, indented by 4, lines within 88 columns."""
    verbs = ("Return", "Tell", "Check") if what.startswith("whether") else ("Return", "Return", "Give")
    if what.startswith(("the ", "how ")):
        verbs = (*verbs, "Compute", "")
    verb = r.choice(verbs)
    text = f"{verb} {what}." if verb else f"{what[0].upper()}{what[1:]}."
    if len(text) <= 76:
        return f'    """{text}"""\n'
    lines = textwrap.wrap(text, 76)
    return '    """' + "\n    ".join(lines) + '\n    """\n'


def sketch(
    r: random.Random, name: str, what: str, noun: str, params: str, body: str, args: Sequence[str], **names: object
) -> Sketch:
    """A function sketch: `<key>` in what, params and body is replaced by names[key], `<fn>` by the name."""
    names["fn"] = name
    what = fill(what, **names)
    code = textwrap.indent(textwrap.dedent(body).strip("\n"), "    ")
    head = f"def {name}({fill(params, **names)}):\n"
    return Sketch(name, head + docstring(r, what) + fill(code, **names) + "\n", what, calls(name, args), noun)


def text_name(r: random.Random) -> str:
    """A parameter name for some text."""
    return pick(r, "text", "line", "phrase", "string", "note")
