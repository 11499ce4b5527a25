"""Secrets in what is shown: found by their names, shown as asterisks. And what of an entry is worth showing."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

__all__ = ["MASK", "masked", "secrets_in", "written"]

MASK = "**********"

_SECRET_WORDS = ("api_key", "apikey", "authorization", "password", "secret", "token")
_HARMLESS = {"api_key"}  # a provider shows its own, as a reference or masked


def secrets_in(value: Any, path: str = "") -> list[str]:
    """Dotted paths of texts whose name says that they are a secret, e.g. `extra_headers.Authorization`."""
    if not isinstance(value, dict):
        return []
    found = []
    for key, item in value.items():
        here = f"{path}.{key}" if path else str(key)
        if isinstance(item, str) and key not in _HARMLESS and any(word in str(key).lower() for word in _SECRET_WORDS):
            found.append(here)
        found += secrets_in(item, here)
    return found


def masked(value: Any, hidden: list[str], path: str = "") -> Any:
    """`value` with the texts at the dotted paths `hidden` as asterisks."""
    if not isinstance(value, dict):
        return value
    within = {key: f"{path}.{key}" if path else str(key) for key in value}
    return {key: MASK if within[key] in hidden else masked(item, hidden, within[key]) for key, item in value.items()}


def written(value: Any) -> Any:
    """`value` as JSON-ready data that reads back as the same, without what is empty by default.

    A None that is not the default stays: it switches something off.
    """
    if isinstance(value, BaseModel):
        data = {}
        for name, field in type(value).model_fields.items():
            item = written(getattr(value, name))
            if item is None or item in ([], {}):
                default = None if field.is_required() else field.get_default(call_default_factory=True)
                if getattr(value, name) == default:
                    continue
            data[name] = item
        return data
    if isinstance(value, dict):
        return {key: written(item) for key, item in value.items()}
    return [written(item) for item in value] if isinstance(value, list) else value
