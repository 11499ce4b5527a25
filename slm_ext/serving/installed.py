"""Which distributions are installed, without importing any of them."""

from __future__ import annotations

import importlib.metadata

__all__ = ["installed"]


def installed(distribution: str) -> bool:
    """Whether `distribution`, by the name pip knows, is installed here."""
    try:
        importlib.metadata.distribution(distribution)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True
