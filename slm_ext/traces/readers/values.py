"""A field of a record where it is of the right type, None where it is not: other programs write what they like."""

from __future__ import annotations

from typing import Any

__all__ = ["functions", "mapping", "number", "report", "text", "truth", "whole", "with_texts"]


def text(value: Any) -> str | None:
    """A text."""
    return value if isinstance(value, str) else None


def whole(value: Any) -> int | None:
    """A whole number; JSON of some programs has it as `12.0`."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def number(value: Any) -> float | None:
    """A number."""
    return value if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def truth(value: Any) -> bool | None:
    """True or false."""
    return value if isinstance(value, bool) else None


def mapping(value: Any) -> dict[str, Any] | None:
    """An object."""
    return value if isinstance(value, dict) else None


def with_texts(value: Any, *names: str) -> dict[str, Any] | None:
    """An object without those of the named fields that are no text."""
    if not isinstance(value, dict):
        return None
    wrong = {name for name in names if value.get(name) is not None and not isinstance(value[name], str)}
    return {key: item for key, item in value.items() if key not in wrong} if wrong else value


def report(value: Any) -> dict[str, Any] | None:
    """The typed result of a tool."""
    found = with_texts(value, "status")
    if found is None or not isinstance(found.get("error"), dict):
        return found
    error = with_texts(found["error"], "kind")
    return found if error is found["error"] else found | {"error": error}


def functions(value: Any) -> list[dict[str, Any]]:
    """Tools in OpenAI's form; a function on its own is one too, what has no name is none."""
    return [tool for item in value if (tool := _function(item))] if isinstance(value, list) else []


def _function(item: Any) -> dict[str, Any] | None:
    if not isinstance(item, dict):
        return None
    wrapped = item.get("function")
    if isinstance(wrapped, dict):
        named = isinstance(wrapped.get("name"), str) and wrapped["name"]
        return (item if item.get("type") == "function" else item | {"type": "function"}) if named else None
    if not item.get("name") or not isinstance(item["name"], str):
        return None
    return {"type": "function", "function": {key: field for key, field in item.items() if key != "type"}}
