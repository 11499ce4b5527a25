"""What the entries of a registry say about each other: every name stands for something that can do what is asked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Protocol

from slm_ext.errors import RegistryError
from slm_ext.registry.nearest import listed
from slm_ext.registry.provider import Provider
from slm_ext.registry.router import Router

__all__ = ["check_references", "summarizers_of"]

Path = tuple[str | int, ...]


class Place(Protocol):
    """``FILE:LINE`` of a path of keys in the entry of that name."""

    def __call__(self, name: str, *path: str | int) -> str: ...


def check_references(entries: Mapping[str, Provider | Router], profiles: list[str], place: Place) -> None:
    """Look up every name that an entry mentions.

    Raises:
        RegistryError: a member of a router, or a `summarize` strategy's provider, that is unknown or a router; a
            profile that there is not; a subtask given to a provider whose `roles` leave it out; a router's budget in
            dollars over providers without a price.
    """
    for name, entry in entries.items():
        mentions = entry.mentions() if isinstance(entry, Router) else _summaries(entry)
        for path, other in mentions:
            if not isinstance(entries.get(other), Provider):
                known = [each for each, it in entries.items() if isinstance(it, Provider)]
                what = f"{other!r}, " + ("a router" if other in entries else "no provider of that name")
                raise _problem(entry, f"{place(name, *path)}: {what}", listed(other, known), "slm providers")
        if entry.profile is not None and entry.profile not in profiles:
            raise _problem(
                entry, f"{place(name, 'profile')}: the profile {entry.profile!r}", listed(entry.profile, profiles)
            )
        if isinstance(entry, Router):
            members = {member: entries[member] for member in entry.members}
            _roles(entry, members, place)
            _price(entry, members, place)


def summarizers_of(provider: Provider) -> list[str]:
    """Names of the other providers that its strategies ask for summaries."""
    return [name for _, name in _summaries(provider) if name != provider.name]


def _summaries(provider: Provider) -> Iterator[tuple[Path, str]]:
    for index, strategy in enumerate(provider.context.strategies):
        if strategy.provider is not None:
            yield ("context", "strategies", index, "provider"), strategy.provider


def _roles(router: Router, members: Mapping, place: Place) -> None:
    given: list[tuple[Path, str, str]] = [
        (("subtasks", subtask), subtask, route.provider) for subtask, route in router.subtasks.items()
    ]
    for index, rule in enumerate(router.rules):
        if rule.subtask:
            given.append((("rules", index), rule.subtask, rule.provider))
    for path, subtask, name in given:
        roles = members[name].roles
        if roles and subtask not in roles:
            raise _problem(
                router,
                f"{place(router.name, *path, 'provider')}: {subtask} for {name!r}, whose roles are {', '.join(roles)}",
                f"a provider with {subtask} among its `roles`, or without `roles`",
            )


def _price(router: Router, members: Mapping, place: Place) -> None:
    if router.budget.usd is not None and all(member.price.free for member in members.values()):
        raise _problem(
            router,
            f"{place(router.name, 'budget', 'usd')}: dollars that could never be spent, since no provider of it has a "
            "price",
            "`price: {input: …, output: …}`, in dollars per million tokens, in one of its providers; or no `usd`",
        )


def _problem(entry: Provider | Router, seen: str, allowed: str, next_step: str = "") -> RegistryError:
    kind = "router" if isinstance(entry, Router) else "provider"
    return RegistryError(f"read {kind} {entry.name!r}", seen=seen, allowed=allowed, next_step=next_step)
