"""Keeps secrets out of records: known values, keys of known shape, and headers."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from typing import Any

__all__ = ["Scrubber"]

_NAMES = re.compile(r"(?i)(_|^)(API_?KEY|ACCESS_?KEY|TOKEN|SECRET|PASSWORD|PASSWD|CREDENTIALS?)(_|$)")
_FIELDS = {"api_key", "apikey", "x-api-key", "authorization", "proxy-authorization", "password"}
_SHAPES = [
    re.compile(pattern)
    for pattern in (
        r"\bsk-[A-Za-z0-9_-]{16,}",
        r"\b(?:ghp|gho|ghu|ghs|ghr)_[A-Za-z0-9]{30,}",
        r"\bgithub_pat_[A-Za-z0-9_]{30,}",
        r"\bhf_[A-Za-z0-9]{30,}",
        r"\bglpat-[A-Za-z0-9_-]{20,}",
        r"\bxox[abprs]-[A-Za-z0-9-]{10,}",
        r"\bAKIA[0-9A-Z]{16}\b",
        r"\bAIza[0-9A-Za-z_-]{35}",
        r"(?<=Bearer )[A-Za-z0-9._~+/=-]{16,}",
        r"-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)",
    )
]
_SHORTEST, _SHORTEST_GIVEN = 8, 4
_PLACEHOLDERS = {"dummy", "empty", "none", "ollama", "lm-studio", "lmstudio", "not-needed", "local"}
"""Keys people write for servers that want none; hiding them would hide ordinary words."""


class Scrubber:
    """Replaces secrets by `[secret]` in any JSON-like value.

    Args:
        secrets: values to hide wherever they occur (the provider's key, the server's token). Placeholders such as
            `dummy` or `ollama` and values under 4 characters are no secrets.
        environ: variables whose name says secret (`*_API_KEY`, `*_TOKEN`…) have their values hidden as well; values
            shorter than 8 characters or of letters only are left alone, since they would hit ordinary words. A key
            read from the environment later on must be given in `secrets`.
    """

    mark = "[secret]"

    def __init__(self, secrets: Iterable[str | None] = (), *, environ: Mapping[str, str] | None = None):
        environ = os.environ if environ is None else environ
        known = {s for s in secrets if s and _secret(s)}
        known |= {v for k, v in environ.items() if _NAMES.search(k) and len(v) >= _SHORTEST and not v.isalpha()}
        self._known = sorted(known, key=len, reverse=True)

    def add(self, secret: str | None) -> None:
        """Hide one more value from now on."""
        if secret and secret not in self._known and _secret(secret):
            self._known = sorted([*self._known, secret], key=len, reverse=True)

    def text(self, text: str) -> str:
        """The text without secrets."""
        for value in self._known:
            text = text.replace(value, self.mark)
        for shape in _SHAPES:
            text = shape.sub(self.mark, text)
        return text

    def value(self, value: Any) -> Any:
        """A copy of a JSON-like value without secrets, in keys, values and fields such as `authorization`."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, Mapping):
            return {
                self.text(str(k)): self.mark
                if v and isinstance(v, str) and str(k).lower() in _FIELDS
                else self.value(v)
                for k, v in value.items()
            }
        if isinstance(value, (list, tuple)):
            return [self.value(item) for item in value]
        return value


def _secret(value: str) -> bool:
    return len(value) >= _SHORTEST_GIVEN and value.lower() not in _PLACEHOLDERS
