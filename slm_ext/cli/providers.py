"""`slm providers`: the models and routers there are by name, what one of them is told, and whether they answer."""

from __future__ import annotations

from dataclasses import dataclass, field

from slm_ext.cli._common import SWITCH, CommonFlags, parse, words
from slm_ext.errors import UsageError

__all__ = ["main"]

ACTIONS = ("list", "show", "check")


@dataclass
class ProvidersFlags(CommonFlags):
    """List the models there are, show one, or check that they answer: the right model, its window, a tool call.

    `check` asks for one token and one tool call. It starts the server of a provider that has one, and stops it again;
    of a router it checks every provider. Without a NAME it checks all whose models are here. Exit code 1: a check
    failed.
    """

    words: list[str] = field(default_factory=list, metadata=words("ACTION", nargs="*"))
    """list (default), show NAME, or check [NAME …]"""
    deep: bool = field(default=False, metadata=SWITCH)
    """with check: also send a prompt as long as the entry allows, which some servers cut in silence, and ask for an
    answer by a JSON schema; takes the time, and where calls are paid for the price, of reading that prompt"""


def main(argv: list[str]) -> int:
    """Run the verb; errors are the caller's to show."""
    flags = parse(ProvidersFlags, "providers", argv)
    action, *names = flags.words or ["list"]
    if action not in ACTIONS:
        from slm_ext.registry.nearest import hint

        raise UsageError(
            "read the command line of slm providers",
            seen=f"{action!r}" + (f"; {close}" if (close := hint(action, ACTIONS)) else ""),
            allowed="list, show NAME, check [NAME …]",
            next_step="slm providers --help",
        )
    if flags.deep and action != "check":
        raise UsageError(
            f"read the command line of slm providers {action}",
            seen="--deep",
            allowed="--deep with check",
            next_step="slm providers check --deep",
        )
    if (action == "list" and names) or (action == "show" and len(names) != 1):
        raise UsageError(
            f"read the command line of slm providers {action}",
            seen=f"{len(names)} names",
            allowed="one NAME" if action == "show" else "no NAME",
            next_step="slm providers" if action == "show" else f"slm providers show {names[0]}",
        )
    from slm_ext.registry import load_registry

    registry = load_registry()
    if action == "show":
        from slm_ext.cli._provider_entries import show_entry

        return show_entry(registry, names[0], flags)
    if action == "check":
        from slm_ext.cli._provider_checks import check_providers

        return check_providers(registry, names, flags)
    from slm_ext.cli._provider_entries import list_entries

    return list_entries(registry, flags)
