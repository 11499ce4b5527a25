"""Where registry files are looked for, and the registry that results from all of them.

A later layer overrides an earlier one by name: shipped < user < project < given. An entry replaces the one below it
as a whole, unless it says `extends:`; extending its own name means the entry below.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from slm_ext import paths
from slm_ext.errors import RegistryError, UnknownName
from slm_ext.registry.composition import build
from slm_ext.registry.documents import Document, read_document
from slm_ext.registry.entries import Entry, entries_of
from slm_ext.registry.nearest import listed
from slm_ext.registry.profile import Profile, read_profile
from slm_ext.registry.provider import Provider
from slm_ext.registry.references import check_references, summarizers_of
from slm_ext.registry.router import Router, Team

__all__ = ["MODEL_PREFIX", "Registry", "load_registry"]

MODEL_PREFIX = "slm/"
"""Hosts call the provider NAME the model `slm/NAME`."""


def load_registry(
    project_dir: Path | str | None = None, extra_layers: Iterable[tuple[str, Mapping[str, Any] | Path | str]] = ()
) -> Registry:
    """Read every layer and check every entry.

    Args:
        project_dir: folder with `.slm/providers.yaml` or `slm_providers.yaml`; default: the current one.
        extra_layers: pairs of a label for messages and either a YAML file or a mapping. A mapping is one from names
            to entries, or a whole configuration that holds `slm_providers` (at its top or under `agent.model`).

    Raises:
        RegistryError: a file cannot be read, or an entry cannot be used; with file and line.
    """
    project = Path(project_dir) if project_dir is not None else Path.cwd()
    layers: list[list[Entry]] = []
    shipped = paths.config_dir() / "providers.yaml"
    for path, label in (
        (shipped, str(shipped)),
        (paths.home() / "providers.yaml", None),
        (_project_file(project), None),
    ):
        if path is not None and path.exists():
            layers.append(list(entries_of(read_document(path, label))))
    for label, source in extra_layers:
        if isinstance(source, Mapping):
            document = Document(label, source, project.resolve())
            layers.append(list(entries_of(document, bare=True, ours=False)))
        else:
            layers.append(list(entries_of(read_document(Path(source), label), ours=False)))
    return Registry(layers, [paths.config_dir() / "profiles", paths.home() / "profiles", project / ".slm" / "profiles"])


def _project_file(project: Path) -> Path | None:
    found = [path for path in (project / ".slm" / "providers.yaml", project / "slm_providers.yaml") if path.exists()]
    if len(found) > 1:
        raise RegistryError(
            f"read the providers of {project}",
            seen=" and ".join(str(path.relative_to(project)) for path in found),
            allowed="one of the two",
            next_step=f"move the entries of one file into the other and delete it: {found[1]}",
        )
    return found[0] if found else None


class Registry:
    """Providers, routers and profiles by name. Made by `load_registry`."""

    def __init__(self, layers: list[list[Entry]], profile_dirs: list[Path]):
        self._stacks: dict[str, list[Entry]] = {}
        for layer in layers:
            for entry in layer:
                self._stacks.setdefault(entry.name, []).append(entry)
        self._profile_dirs = profile_dirs
        self._entries = {name: build(self._chain(stack[-1])) for name, stack in self._stacks.items()}
        check_references(self._entries, self.profile_names(), self._place)

    def names(self) -> list[str]:
        """Every name that `--slm` takes, providers and routers, in the order of their files."""
        return list(self._entries)

    def provider_names(self) -> list[str]:
        """Names of the providers, in the order of their files."""
        return [name for name, entry in self._entries.items() if isinstance(entry, Provider)]

    def entry(self, name: str) -> Provider | Router:
        """The provider or router called `name` or `slm/name`.

        Raises:
            UnknownName: there is none; the message names the nearest and lists all.
        """
        key = name.strip().removeprefix(MODEL_PREFIX)
        if key in self._entries:
            return self._entries[key]
        raise UnknownName(
            f"find the provider {key!r}",
            seen="a blank name" if not key else "no provider of that name",
            allowed=listed(key, self.names()),
            next_step="slm providers",
        )

    def provider(self, name: str) -> Provider:
        """The provider called `name` or `slm/name`.

        Raises:
            UnknownName: there is none; the message names the nearest and lists all.
            RegistryError: it is a router.
        """
        entry = self.entry(name)
        if isinstance(entry, Provider):
            return entry
        raise RegistryError(
            f"use {entry.name!r} as a provider",
            seen=f"a router, over {', '.join(entry.members)}",
            allowed="the name of one provider",
            next_step=f"name one of its providers, e.g. {entry.default}",
        )

    def team(self, name: str) -> Team:
        """What a run with `--slm name` has: a router's rules and providers, or one provider alone.

        Raises:
            UnknownName: there is no such entry.
        """
        entry = self.entry(name)
        router = Router.alone(entry) if isinstance(entry, Provider) else entry
        members = {member: self.provider(member) for member in router.members}
        writers = [writer for member in members.values() for writer in summarizers_of(member)]
        return Team(router, members, {writer: self.provider(writer) for writer in writers})

    def source(self, name: str) -> str:
        """``FILE:LINE`` of the entry that counts."""
        return self._stacks[self.entry(name).name][-1].at()

    def profile_names(self) -> list[str]:
        """Names of the profiles there are."""
        found: dict[str, None] = {}
        for folder in self._profile_dirs:
            found.update(dict.fromkeys(path.stem for path in sorted(folder.glob("*.yaml"))))
        return list(found)

    def profile(self, name: str) -> Profile:
        """The profile called `name`; the project's before the user's before the shipped one.

        Raises:
            UnknownName: there is none.
            RegistryError: its file cannot be used.
        """
        if name in self.profile_names():
            for folder in reversed(self._profile_dirs):
                if (path := folder / f"{name}.yaml").exists():
                    return read_profile(path)
        raise UnknownName(
            f"find the profile {name!r}",
            seen="no profile of that name",
            allowed=listed(name, self.profile_names()),
            next_step=f"write {self._profile_dirs[1] / 'NAME.yaml'}, or name another one in the provider",
        )

    def _chain(self, entry: Entry) -> list[Entry]:
        """`entry`, then what it extends, and so on."""
        chain = [entry]
        while (base := chain[-1].raw.get("extends")) is not None:
            last = chain[-1]
            stack = self._stacks.get(base, []) if isinstance(base, str) else []
            if base == last.name:
                stack = stack[: stack.index(last)]
            if not stack:
                raise UnknownName(
                    f"read provider {entry.name!r}",
                    seen=f"{last.at('extends')}: extends {base!r}, "
                    + ("of which no lower layer has an entry" if base == last.name else "which is no provider"),
                    allowed=listed(str(base), [name for name in self._stacks if name != last.name]),
                )
            if stack[-1] in chain:
                names = " → ".join(link.name for link in [*chain, stack[-1]])
                raise RegistryError(
                    f"read provider {entry.name!r}",
                    seen=f"{last.at('extends')}: a circle of extends: {names}",
                    allowed="a chain that ends",
                )
            chain.append(stack[-1])
        return chain

    def _place(self, name: str, *path: str | int) -> str:
        """Where `path`, or the longest beginning of it that was written, stands in the entry or in one it extends."""
        chain = self._chain(self._stacks[name][-1])
        for length in range(len(path), 0, -1):
            for link in chain:
                if link.has(*path[:length]):
                    return link.at(*path[:length])
        return self.source(name)
