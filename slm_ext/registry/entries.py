"""The entries that one document holds, each with its place. Next: `composition.py`, what they come to."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from slm_ext.errors import RegistryError
from slm_ext.registry.documents import Document, KeyPath
from slm_ext.registry.nearest import hint

__all__ = ["SECTION", "Entry", "entries_of", "lift_providers"]

SECTION = "slm_providers"
_PLACES: tuple[tuple[str, ...], ...] = ((SECTION,), ("agent", "model", SECTION))
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


@dataclass(frozen=True, eq=False)
class Entry:
    """One provider or router as written in one document; `prefix` is the path of keys that leads to it."""

    name: str
    raw: Mapping[str, Any]
    document: Document
    prefix: KeyPath

    def at(self, *path: str | int) -> str:
        return self.document.at(*self.prefix, *path)

    def has(self, *path: str | int) -> bool:
        value: Any = self.raw
        for key in path:
            within = (
                key in value if isinstance(value, Mapping) else isinstance(value, list) and key in range(len(value))
            )
            if not within:
                return False
            value = value[key]
        return True


def lift_providers(data: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Split a SWE-agent configuration into the providers it holds, by name, and the rest without their sections."""
    found: dict[str, Any] = {}
    rest = dict(data)
    for place in _PLACES:
        if (parent := _parent(rest, place)) is None:
            continue
        if isinstance(parent[SECTION], Mapping):
            found.update(parent[SECTION])
        here = rest
        for key in place[:-1]:
            here[key] = here = dict(here[key])
        del here[SECTION]
    return found, rest


def _parent(data: Mapping[str, Any], place: tuple[str, ...]) -> Mapping[str, Any] | None:
    """The mapping that holds the section at `place`, if there is one."""
    value: Any = data
    for key in place[:-1]:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value if isinstance(value, Mapping) and SECTION in value else None


def entries_of(document: Document, *, bare: bool = False, ours: bool = True) -> Iterator[Entry]:
    """Every provider in `document`.

    Args:
        bare: the document itself is the mapping from names to entries.
        ours: it is a providers file, so other keys at its top are mistakes; else a SWE-agent configuration.

    Raises:
        RegistryError: a section that is no mapping, a blank or unusable name, one name in both sections.
    """
    if bare and SECTION not in document.data and "agent" not in document.data:
        yield from _section(document, document.data, ())
        return
    if ours:
        for key in document.data:
            if key not in (SECTION, "agent"):
                raise RegistryError(
                    f"read {document.label}",
                    seen=f"{document.at(str(key))}: the key {key!r}",
                    allowed=f"`{SECTION}:` at the top"
                    + (f" ({close})" if (close := hint(str(key), [SECTION])) else ""),
                )
    seen: dict[str, Entry] = {}
    for place in _PLACES:
        if (parent := _parent(document.data, place)) is None:
            continue
        for entry in _section(document, parent[SECTION], place):
            if entry.name in seen:
                raise RegistryError(
                    f"read {document.label}",
                    seen=f"{entry.at()}: provider {entry.name!r} a second time, first at {seen[entry.name].at()}",
                    allowed="each provider once in a file",
                    next_step="rename or delete one of the two",
                )
            seen[entry.name] = entry
            yield entry


def _section(document: Document, section: Any, place: KeyPath) -> Iterator[Entry]:
    if section is None:
        return
    if not isinstance(section, Mapping):
        raise RegistryError(
            f"read {document.label}",
            seen=f"{document.at(*place)}: `{SECTION}` is {type(section).__name__}",
            allowed="a mapping from provider names to their fields",
        )
    for name, raw in section.items():
        where = document.at(*place, str(name))
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            blank = name is None or not str(name).strip()
            raise RegistryError(
                f"read {document.label}",
                seen=f"{where}: " + ("a blank provider name" if blank else f"the provider name {name!r}"),
                allowed="letters, digits, `.`, `_` and `-`, beginning with a letter or digit; quote a number",
                next_step=f"name the provider at {where}",
            )
        if not isinstance(raw, Mapping):
            what = "nothing" if raw is None else type(raw).__name__
            raise RegistryError(
                f"read provider {name!r}",
                seen=f"{where}: {what} below the name",
                allowed="fields such as `model:` and `api_base:`",
            )
        for key in raw:
            if not isinstance(key, str):
                raise RegistryError(
                    f"read provider {name!r}", seen=f"{where}: the field {key!r}", allowed="field names"
                )
        yield Entry(name, raw, document, (*place, name))
