"""Can this endpoint be used, and is it the right model? One verdict, what to do about it, and what it can do.

    report = check(provider, handle, tools=tools_wanted(provider))
    report = check_endpoints(provider)        # every endpoint that others run; the worst verdict counts
    report = glance(provider, handle)         # asks for no token: nothing is loaded, nothing costs

`checking` is the order of questions, `report` what is found, `endpoint` how one is asked, `told` what servers say of
themselves, `abilities` what they are seen to do, `advice` what to do next. Importing this package imports nothing else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .abilities import tools_wanted
    from .checking import check, check_endpoints, glance
    from .report import Abilities, HealthReport, Known, Verdict, worst

__all__ = [
    "Abilities",
    "HealthReport",
    "Known",
    "Verdict",
    "check",
    "check_endpoints",
    "glance",
    "tools_wanted",
    "worst",
]

_HOME = {
    "Abilities": "report",
    "HealthReport": "report",
    "Known": "report",
    "Verdict": "report",
    "check": "checking",
    "check_endpoints": "checking",
    "glance": "checking",
    "tools_wanted": "abilities",
    "worst": "report",
}


def __getattr__(name: str):
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    globals()[name] = value
    return value
