"""What an entry and those it extends say together: a `Provider`, a `Router`, or an error with file and line."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

from slm_ext.errors import RegistryError
from slm_ext.registry.entries import Entry
from slm_ext.registry.problems import validated
from slm_ext.registry.provider import Provider
from slm_ext.registry.router import Router, Style
from slm_ext.registry.servers import is_folder
from slm_ext.registry.stock_fields import REASONS

__all__ = ["build", "kind_of"]

Kind = Literal["provider", "router"]

_PLACES = ("api_base", "endpoints", "server")
_A_MODEL = {"model", "name", *_PLACES}
_ROUTERS_OWN = set(Router.model_fields) - set(Provider.model_fields)
_PROVIDERS_OWN = (set(Provider.model_fields) | set(REASONS)) - set(Router.model_fields)
_NOT_IN_A_ROUTER = {
    field: "a router is no model; write it in an entry of `subtasks` or `rules`, or in a provider"
    if field in Style.model_fields
    else "a router is no model; it belongs into a provider"
    for field in _PROVIDERS_OWN
}
_NOT_IN_A_ROUTER["name"] = _NOT_IN_A_ROUTER["model"]
_NOT_IN_A_PROVIDER = dict.fromkeys(
    _ROUTERS_OWN, "it belongs into a router, an entry with `default: NAME` and without a model of its own"
)


def build(chain: list[Entry]) -> Provider | Router:
    """What `chain` says: an entry followed by those it extends, nearest first.

    Raises:
        RegistryError: fields that are unknown or wrong, with file and line; a router that extends a provider, or the
            reverse.
    """
    entry, kind = chain[0], kind_of(chain[-1])
    for link, base in pairwise(chain):
        _same_kind(link, base, kind)
    fields: dict[str, Any] = {}
    for link in reversed(chain):
        fields = _merged(fields, _normal(link, kind))
    fields = {key: value for key, value in fields.items() if value is not None}  # `field:` alone means the default
    if kind == "router":
        return validated(
            Router,
            {**_without_empty_routes(fields), "name": entry.name},
            what=f"router {entry.name!r}",
            sources=chain,
            aliases={"model": "name"},
            reasons=_NOT_IN_A_ROUTER,
        )
    return validated(
        Provider,
        {"name": entry.name, **fields},
        what=f"provider {entry.name!r}",
        sources=chain,
        aliases={"model": "name"},
        reasons=REASONS | _NOT_IN_A_PROVIDER,
    )


def kind_of(entry: Entry) -> Kind:
    """What the fields of an entry make it, whatever it extends."""
    written = {field for field, value in entry.raw.items() if value is not None}
    if "default" in written:
        return "router"
    return "router" if written & _ROUTERS_OWN and not written & _A_MODEL else "provider"


def _same_kind(link: Entry, base: Entry, kind: Kind) -> None:
    if kind == "router":
        strange = [field for field in link.raw if field in _A_MODEL]
    else:
        strange = [field for field in link.raw if field in _ROUTERS_OWN and kind_of(link) == "router"]
    if not strange:
        return
    other = "provider" if kind == "router" else "router"
    raise RegistryError(
        f"read {other} {link.name!r}",
        seen=f"{link.at('extends')}: it extends {base.name!r}, a {kind}, and has `{strange[0]}`, a {other}'s field "
        f"({link.at(strange[0])})",
        allowed="a provider extends a provider, a router extends a router",
        next_step=f"write `default: {base.name}` in place of `extends: {base.name}`"
        if other == "router"
        else f"name a provider in `extends`, or remove `{strange[0]}`",
    )


def _normal(entry: Entry, kind: Kind) -> dict[str, Any]:
    """The entry with short forms written out, `name` as `model`, and paths made absolute from its file's folder."""
    raw = dict(entry.raw)
    if "name" in raw:
        if "model" in raw:
            raise RegistryError(
                f"read {kind} {entry.name!r}",
                seen=f"{entry.at('name')}: `name` and `model` both",
                allowed="one of them; `name` is what SWE-agent calls `model`",
            )
        raw["model"] = raw.pop("name")
    if kind == "router" and isinstance(raw.get("subtasks"), Mapping):
        raw["subtasks"] = {
            key: {"provider": item} if isinstance(item, str) else item for key, item in raw["subtasks"].items()
        }
    if isinstance(raw.get("server"), Mapping):
        server = dict(raw["server"])
        for field in ("model_path", "adapter_path", "draft_model", "log_path"):
            if isinstance(server.get(field), str):
                server[field] = _absolute(server[field], entry.document.base, field)
        raw["server"] = server
    return raw


def _absolute(value: str, base: Path, field: str) -> str:
    if value.startswith(("package:", "~", "/")) or not value.strip():
        return value
    if field in ("model_path", "draft_model") and not is_folder(value) and not (base / value).is_dir():
        return value
    return str(base / value)


def _merged(below: dict[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """`above` over `below`: mappings merge, everything else replaces. A new place to answer replaces the old one."""
    merged = dict(below)
    if any(above.get(place) is not None for place in _PLACES):
        for place in _PLACES:
            if place not in above:
                merged.pop(place, None)
        if above.get("server") is None:
            merged.pop("revision", None)
    for key, value in above.items():
        if isinstance(value, Mapping) and isinstance(merged.get(key), Mapping):
            merged[key] = _merged(merged[key], value)
        else:
            merged[key] = value
    return merged


def _without_empty_routes(fields: dict[str, Any]) -> dict[str, Any]:
    """`plan:` alone gives a subtask that the extended router has given away back to the default."""
    if not isinstance(fields.get("subtasks"), Mapping):
        return fields
    return {**fields, "subtasks": {key: item for key, item in fields["subtasks"].items() if item is not None}}
