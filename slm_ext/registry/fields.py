"""Field types shared by providers, servers and profiles: numbers that are numbers, URLs, `$ENV` references."""

from __future__ import annotations

import re
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field

__all__ = [
    "Count",
    "Endpoint",
    "FieldError",
    "Fraction",
    "Seconds",
    "Temperature",
    "Text",
    "check_key",
    "each_once",
    "number",
]

_VARIABLE = re.compile(r"\$[A-Za-z_][A-Za-z0-9_]*")


class FieldError(ValueError):
    """A mistake in the field at `path`, counted from the model or field whose validator raises it."""

    def __init__(self, message: str, *path: str | int):
        super().__init__(message)
        self.path = path


def each_once(names: list[str]) -> list[str]:
    """`names`, where none stands there twice. Raises FieldError at the second one."""
    for index, name in enumerate(names):
        if name in names[:index]:
            raise FieldError(f"{name!r} a second time", index)
    return names


def _no_bool(value: Any) -> Any:
    """YAML reads `yes` as true, and Python takes true for 1."""
    if isinstance(value, bool):
        raise ValueError("a number is needed, not true or false")
    return value


def _not_blank(value: str) -> str:
    if not value.strip():
        raise ValueError("must not be blank")
    return value


def _endpoint(value: str) -> str:
    try:
        parts = urlsplit(value)
        _ = parts.port
    except ValueError as error:
        raise ValueError(f"not a URL: {error}") from None
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("must be a URL such as http://127.0.0.1:8080/v1")
    if parts.username or parts.password:
        raise ValueError("must not carry a user or password; use `api_key: $VARIABLE`")
    return value.rstrip("/")


def check_key(value: str) -> str:
    """`value`, if it is a literal key or `$VARIABLE`. Raises ValueError otherwise."""
    if not value.strip():
        raise ValueError("is empty: leave it out where the server needs no key")
    if value.startswith("$") and not _VARIABLE.fullmatch(value):
        raise ValueError("an environment variable is written `$NAME` (letters, digits, underscore)")
    if ":::" in value:
        raise ValueError("several keys joined by `:::` are not supported; write one provider per key")
    return value


number = BeforeValidator(_no_bool)
"""For any numeric field: refuses true and false."""

Count = Annotated[int, number, Field(ge=1)]
Seconds = Annotated[float, number, Field(gt=0, allow_inf_nan=False)]
Fraction = Annotated[float, number, Field(gt=0, le=1, allow_inf_nan=False)]
Temperature = Annotated[float, number, Field(ge=0, le=5, allow_inf_nan=False)]
Text = Annotated[str, AfterValidator(_not_blank)]
Endpoint = Annotated[str, AfterValidator(_endpoint)]
