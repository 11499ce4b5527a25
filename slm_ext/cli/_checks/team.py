"""What `--slm NAME` means: one provider, or every member of a router and what of it fits into the memory together."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import partial

from slm_ext.cli._checks.finding import Check, Finding
from slm_ext.cli._checks.provider import provider_findings
from slm_ext.cli._checks.servers import loaded
from slm_ext.errors import SlmError

__all__ = ["team_checks"]


def team_checks(team) -> list[Check]:
    """The checks of every provider, and of all of them together."""
    if team.alone:
        return [partial(provider_findings, team.lead)]
    return [
        partial(_router, team),
        *(partial(_named, provider) for provider in team.providers.values()),
        partial(_together, team),
    ]


def _router(team) -> Iterator[Finding]:
    yield Finding("router", "ok", f"{team.name}: {', '.join(team.providers)}; {team.lead.name} where no rule says else")


def _named(provider) -> Iterable[Finding]:
    """Its findings, each with its name."""
    for finding in provider_findings(provider):
        named = finding.said.startswith(f"{provider.name}: ")
        yield finding if named else replace(finding, said=f"{provider.name}: {finding.said}")


def _together(team) -> Iterator[Finding]:
    """Whether the models that a run may have loaded at a time fit next to each other."""
    from slm_ext.serving.memory import available_bytes, readable
    from slm_ext.serving.presets import provider_estimate

    needed: dict[str, int] = {}
    for provider in team.providers.values():
        if provider.server is None or provider.server.command or loaded(provider):
            continue
        try:
            needed[provider.name] = provider_estimate(provider).total
        except (SlmError, OSError, ValueError, KeyError):
            continue  # said where the provider is looked at
    most = team.router.switching.max_loaded or len(needed)
    largest = sorted(needed, key=lambda name: needed[name], reverse=True)[:most]
    if len(largest) < 2:
        return
    total, available = sum(needed[name] for name in largest), available_bytes()
    said = f"{', '.join(largest)} together take {readable(total)}; {readable(available)} are available"
    if total <= available:
        yield Finding("together", "ok", said)
        return
    fits, left = 0, available
    for name in sorted(needed, key=lambda name: needed[name], reverse=True)[:most]:
        left -= needed[name]
        fits += left >= 0
    step = f"set switching: {{max_loaded: {max(1, fits)}}} in router {team.name}: others are given back first"
    yield Finding("together", "problem", said, step)
