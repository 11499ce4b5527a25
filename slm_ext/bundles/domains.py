"""`domains.yaml` of a bundle: where the values of its tools' arguments come from.

    edit_line: {path: shown_file, line: shown_line, old: piece_of_line}
    pytest_run: {}

It lies beside `config.yaml`, not in it: SWE-agent reads that one strictly, and a model's hash of its tools covers it.
What the names mean, `slm_ext/completion/grounding` decides. A tool without arguments there changes no file and shows no
line of one; of a tool that is not listed nothing is known.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from slm_ext.errors import BundleError

if TYPE_CHECKING:
    from slm_ext.bundles.bundle import Bundle, Tool

__all__ = ["DOMAINS", "declared_domains", "read_domains", "read_yaml"]

DOMAINS: dict[str, tuple[str, str]] = {
    "tracked_file": ("string", ""),
    "shown_file": ("string", ""),
    "edited_file": ("string", ""),
    "shown_line": ("integer", "shown_file"),
    "piece_of_line": ("string", "shown_line"),
    "symbol_of_file": ("string", "tracked_file or shown_file"),
}
"""Domain → (type of the argument, the domain that another argument of the same tool must have)."""

_FILES = ("tracked_file", "shown_file", "edited_file")


def declared_domains(bundles: Sequence[Bundle]) -> dict[str, dict[str, str]]:
    """Tool → argument → domain, of all bundles."""
    return {tool: dict(arguments) for bundle in bundles for tool, arguments in bundle.domains.items()}


def read_domains(folder: Path, tools: Mapping[str, Tool]) -> dict[str, dict[str, str]]:
    """The declarations of one bundle; none where there is no `domains.yaml`.

    Raises:
        BundleError: a tool, argument or domain that is not there, one that does not fit its argument.
    """
    file = folder / "domains.yaml"
    if not file.exists():
        return {}
    attempted = f"read the domains of the tool bundle {folder.name} ({file})"
    data = read_yaml(file, attempted)
    data = {} if data is None else data
    if not isinstance(data, dict):
        raise BundleError(attempted, seen=type(data).__name__, allowed="a mapping of tools to their arguments")
    for tool, arguments in data.items():
        _known(attempted, "tool", tool, list(tools))
        if not isinstance(arguments, dict):
            raise BundleError(attempted, seen=f"{tool}: {arguments!r}", allowed="a mapping of arguments to domains")
        _check(attempted, tool, arguments, tools[tool])
    return data


def read_yaml(file: Path, attempted: str) -> Any:
    """What a YAML file of a bundle holds. Raises BundleError with the line where it is not YAML."""
    try:
        return yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise BundleError(attempted, seen=str(error), allowed=f"a readable {file.name}") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f"line {mark.line + 1}: " if mark else ""
        raise BundleError(attempted, seen=f"{line}{getattr(error, 'problem', error)}", allowed="YAML") from None


def _check(attempted: str, tool: str, arguments: dict, schema: Tool) -> None:
    types = {argument.name: argument.type for argument in schema.arguments}
    for argument, domain in arguments.items():
        _known(attempted, f"argument of {tool}", argument, list(types))
        _known(attempted, f"domain of {tool}.{argument}", domain, list(DOMAINS))
        kind, beside = DOMAINS[domain]
        fitting = (kind, "array") if domain in _FILES else (kind,)
        if types[argument] not in fitting:
            raise BundleError(
                attempted,
                seen=f"{tool}.{argument}: {domain}, but it is {types[argument]}",
                allowed=" or ".join(fitting),
            )
        if beside and not any(other in arguments.values() for other in beside.split(" or ")):
            raise BundleError(
                attempted,
                seen=f"{tool}.{argument}: {domain} without {beside}",
                allowed=f"another argument of {tool} that is {beside}",
            )
    for group in (_FILES, *((domain,) for domain in DOMAINS if domain not in _FILES)):
        several = [argument for argument, domain in arguments.items() if domain in group]
        if len(several) > 1:
            raise BundleError(attempted, seen=f"{tool}: {' and '.join(several)} alike", allowed="one of them")


def _known(attempted: str, what: str, name: Any, known: list[str]) -> None:
    if name in known:
        return
    near = difflib.get_close_matches(str(name), known, n=1, cutoff=0.5)
    raise BundleError(
        attempted,
        seen=f"unknown {what}: {name}",
        allowed=", ".join(known) or "none",
        next_step=f"did you mean {near[0]}?" if near else "",
    )
