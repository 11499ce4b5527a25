"""Function families for the training corpus: small correct functions, varied by seed, that say what they mean."""

from __future__ import annotations

import importlib

from slm_ext.tiny.families.base import FAMILIES, Family, Sketch

MODULES = ("arithmetic", "comparisons", "strings", "recursion", "lists", "dicts", "loops", "classes")

for _module in MODULES:
    try:
        importlib.import_module(f"{__name__}.{_module}")
    except ModuleNotFoundError as missing:  # rooms still being written
        if missing.name != f"{__name__}.{_module}":
            raise


def trained() -> list[Family]:
    """The families the corpus is drawn from, by name."""
    return [FAMILIES[name] for name in sorted(FAMILIES) if not FAMILIES[name].held_out]


def held_out() -> list[Family]:
    """The families kept for evaluation only, by name."""
    return [FAMILIES[name] for name in sorted(FAMILIES) if FAMILIES[name].held_out]


__all__ = ["FAMILIES", "Family", "Sketch", "held_out", "trained"]
