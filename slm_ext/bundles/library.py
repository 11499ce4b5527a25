"""The tools' own library, importable in this process: the corpus generator and the tests use the very same code."""

from __future__ import annotations

import importlib
import sys
from types import ModuleType

from slm_ext.paths import bundles_dir

__all__ = ["tool_library"]

_MODULES = ("reading", "editing", "testing", "render")


def tool_library() -> ModuleType:
    """The package `slm_tools` of the bundle `slm_base`, with `reading`, `editing`, `testing` and `render` loaded."""
    folder = str(bundles_dir() / "slm_base" / "lib")
    if folder not in sys.path:
        sys.path.append(folder)
    package = importlib.import_module("slm_tools")
    for name in _MODULES:
        importlib.import_module(f"slm_tools.{name}")
    return package
