"""A managed local server's life: start, ready, lease, stop. Endpoints that others run pass through unchanged.

    with acquire(provider) as handle:
        handle.base_url, handle.token, handle.model_id, handle.identity

Read `acquisition` for the client's side and `keeper` for the process that owns the server; they meet in one folder per
fingerprint (`states`, `leases`). `plain` and `command` say what is started, `identity` what it serves, `residency` what
is loaded now, `health` whether an endpoint can be used. Importing this package imports nothing else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .acquisition import acquire
    from .handle import ServerHandle
    from .health import HealthReport, check
    from .identity import Identity
    from .residency import Residency

__all__ = ["HealthReport", "Identity", "Residency", "ServerHandle", "acquire", "check"]

_HOME = {
    "acquire": "acquisition",
    "ServerHandle": "handle",
    "HealthReport": "health",
    "check": "health",
    "Identity": "identity",
    "Residency": "residency",
}


def __getattr__(name: str):
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    globals()[name] = value
    return value
