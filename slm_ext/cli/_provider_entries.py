"""`slm providers list` and `show`: what the registry holds, in a table, as data, and as YAML to paste."""

from __future__ import annotations

from typing import Any

from slm_ext.cli._common import emit, say, table
from slm_ext.registry.masking import MASK

__all__ = ["list_entries", "show_entry"]


def list_entries(registry, flags) -> int:
    """Print every provider and router."""
    rows = [_row(registry, name) for name in registry.names()]
    if flags.json:
        emit({"providers": rows, "total": len(rows), "omitted": 0})
        return 0
    table(("NAME", "MODEL", "ANSWERS", "PROFILE"), [(r["name"], _model(r), r["answers"], r["profile"]) for r in rows])
    if not flags.quiet:
        from slm_ext.paths import home

        say(f"yours go into {home() / 'providers.yaml'}; `slm providers show NAME` shows all fields")
    return 0


def show_entry(registry, name: str, flags) -> int:
    """Print one entry with everything that it comes to; a router with its providers below it."""
    entry, source = registry.entry(name), registry.source(name)
    if _is_router(entry):
        team = registry.team(name)
        members = list({**team.providers, **team.summarizers}.values())
    else:
        members = []
    if flags.json and members:
        providers = {each.name: _document(registry, each) for each in members}
        emit({"kind": "router", "router": entry.public_dump(), "providers": providers, "source": source})
    elif flags.json:
        emit({"kind": "provider", **_document(registry, entry)})
    else:
        print(f"# {source}")
        print("slm_providers:")
        for shown in [entry, *members]:
            notes = [f"# {registry.source(shown.name)}"] if shown is not entry else []
            for line in [*notes, *_notes(shown), *_yaml(shown).splitlines()]:
                print(f"  {line}".rstrip())
    return 0


def _row(registry, name: str) -> dict[str, Any]:
    entry = registry.entry(name)
    row: dict[str, Any] = {
        "name": name,
        "kind": "provider",
        "model": None,
        "members": [],
        "managed": None,
        "api_base": None,
        "endpoints": [],
        "profile": registry.team(name).profile,
        "source": registry.source(name),
        "answers": "router",
    }
    if _is_router(entry):
        return row | {"kind": "router", "members": entry.members}
    places = [replica.url for replica in entry.replicas]
    more = f" and {len(places) - 1} more" if len(places) > 1 else ""
    return row | {
        "model": entry.model,
        "managed": entry.managed,
        "api_base": entry.api_base,
        "endpoints": [replica.url for replica in entry.endpoints],
        "answers": f"managed ({entry.server.engine})" if entry.managed else places[0] + more,
    }


def _document(registry, provider) -> dict[str, Any]:
    return {
        "provider": provider.public_dump(),
        "prompt_limit": provider.prompt_limit,
        "source": registry.source(provider.name),
    }


def _is_router(entry) -> bool:
    from slm_ext.registry import Router

    return isinstance(entry, Router)


def _model(row: dict[str, Any]) -> str:
    return row["model"] or f"router: {', '.join(row['members'])}"


def _notes(entry) -> list[str]:
    """Comments: what the YAML itself does not say."""
    notes = []
    if entry.extends:
        notes.append(f"# extends {entry.extends}, whose fields are written out here")
    if limit := getattr(entry, "prompt_limit", None):
        notes.append(f"# prompt_limit: {limit} tokens")
    if MASK in str(entry.public_dump()):
        notes.append(f"# {MASK} stands for a secret that is not shown: write it in, or better $VARIABLE")
    return notes


def _yaml(entry) -> str:
    """The entry by its name, complete, so that it means the same wherever it is pasted."""
    import yaml

    data = {key: value for key, value in entry.public_dump().items() if value not in ({}, [])}
    data.pop("extends", None)
    return yaml.safe_dump({data.pop("name"): data}, sort_keys=False, allow_unicode=True, width=1000)
