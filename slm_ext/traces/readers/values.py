"""A field of a record where it is of the right type, None where it is not: other programs write what they like."""

from __future__ import annotations

from typing import Any

__all__ = ["mapping", "number", "text", "truth", "whole"]


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
