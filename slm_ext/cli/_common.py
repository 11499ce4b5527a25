"""What the verbs share: flags from a dataclass, one JSON document, a table for people."""

from __future__ import annotations

import sys
from argparse import HelpFormatter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, NoReturn, TypeVar

from simple_parsing import ArgumentParser, DashVariant

from slm_ext.errors import UsageError
from slm_ext.registry.nearest import hint

__all__ = ["SWITCH", "CommonFlags", "at_least_one", "emit", "parse", "say", "table", "takes", "words"]

Flags = TypeVar("Flags")

SWITCH = {"custom_args": {"action": "store_true"}}
"""Metadata of a flag without a value."""


def takes(metavar: str, **more: Any) -> dict[str, Any]:
    """Metadata of a flag that takes one value (simple-parsing would make the value optional)."""
    return {"custom_args": {"metavar": metavar, "nargs": None, **more}}


def words(metavar: str, nargs: str | None = None, **more: Any) -> dict[str, Any]:
    """Metadata of a positional argument."""
    return {"positional": True, "custom_args": {"metavar": metavar, "nargs": nargs, **more}}


@dataclass
class CommonFlags:
    """Flags of every verb; `--debug` is taken by `slm` itself."""

    json: bool = field(default=False, metadata=SWITCH, kw_only=True)
    """print one JSON document to stdout and nothing else there"""
    quiet: bool = field(default=False, metadata=SWITCH, kw_only=True)
    """no progress, only the result"""


class _Parser(ArgumentParser):
    """argparse whose complaint is an error of ours, with the nearest flag."""

    def format_help(self) -> str:
        for group in self._action_groups:
            if (group.title or "").endswith("['flags']"):  # simple-parsing's title: class and destination
                group.title = None
        return super().format_help()

    def error(self, message: str) -> NoReturn:
        known = [option for action in self._actions for option in action.option_strings if option.startswith("--")]
        wrong = next((word for word in message.split() if word.startswith("--")), "").partition("=")[0]
        close = hint(wrong, known) if "unrecognized" in message and wrong else ""
        raise UsageError(
            f"read the command line of {self.prog}",
            seen=message,
            allowed=", ".join(known) + (f" ({close})" if close else "") if "unrecognized" in message else "",
            next_step=f"{self.prog} --help",
        )


def parse(flags: type[Flags], verb: str, argv: Sequence[str]) -> Flags:
    """`argv` as an instance of the dataclass `flags`; its docstring is the verb's help.

    Raises:
        UsageError: an unknown flag (the nearest is named), a missing or unusable value.
    """
    parser = _Parser(
        prog=f"slm {verb}",
        formatter_class=HelpFormatter,
        add_option_string_dash_variants=DashVariant.DASH,
        allow_abbrev=False,
    )
    parser.add_arguments(flags, dest="flags")  # ty: ignore[no-matching-overload]
    return parser.parse_args(list(argv)).flags


def at_least_one(**numbers: int | None) -> None:
    """Refuse the flags, given by their fields' names, whose number is below 1. None is a flag that was not given."""
    from slm_ext.errors import UsageError

    for name, number in numbers.items():
        if number is not None and number < 1:
            raise UsageError(f"read --{name.replace('_', '-')}", seen=str(number), allowed="1 or more")


def emit(document: dict[str, Any]) -> None:
    """Print the one JSON document of `--json`."""
    import json

    print(json.dumps(document, ensure_ascii=False, indent=1))


def say(text: str) -> None:
    """A line for people that is no result: on stderr."""
    print(text, file=sys.stderr, flush=True)


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """A rich table on a terminal, aligned plain lines in a pipe."""
    rows = [[str(cell) for cell in row] for row in rows]
    if sys.stdout.isatty():
        from rich.console import Console
        from rich.table import Table
        from rich.text import Text

        shown = Table(*columns, box=None, pad_edge=False)
        for row in rows:
            shown.add_row(*(Text(cell) for cell in row))
        Console().print(shown)
        return
    widths = [max(map(len, column)) for column in zip(columns, *rows, strict=True)]
    for row in [columns, *rows]:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
