"""Providers, routers and profiles by name: what `--slm NAME` means.

    registry = load_registry()
    provider = registry.provider("flywheel-tiny")
    profile = registry.profile(provider.profile)

    team = registry.team("flywheel-auto")

`layers` says which files count, `entries`, `composition` and `problems` how an entry becomes a `Provider`, a `Router`
or an error with file and line, `references` what entries may say about each other; `provider`, `router`, `policies`,
`servers` and `profile` what can be written, `stock` what SWE-agent itself would be told. Importing this package imports
nothing else.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .entries import lift_providers
    from .layers import MODEL_PREFIX, Registry, load_registry
    from .models import declared_tools_hash
    from .policies import Budget, ContextPolicy, Price, StopPolicy, Strategy
    from .profile import Profile, Prompts
    from .provider import Capabilities, Provider, Replica, Retry
    from .router import SUBTASKS, Router, Subtask, Team
    from .servers import ServerSpec
    from .stock import sweagent_model

__all__ = [
    "MODEL_PREFIX",
    "SUBTASKS",
    "Budget",
    "Capabilities",
    "ContextPolicy",
    "Price",
    "Profile",
    "Prompts",
    "Provider",
    "Registry",
    "Replica",
    "Retry",
    "Router",
    "ServerSpec",
    "StopPolicy",
    "Strategy",
    "Subtask",
    "Team",
    "declared_tools_hash",
    "lift_providers",
    "load_registry",
    "sweagent_model",
]

_HOME = {
    "SUBTASKS": "router",
    "Budget": "policies",
    "ContextPolicy": "policies",
    "Price": "policies",
    "Replica": "provider",
    "Router": "router",
    "StopPolicy": "policies",
    "Strategy": "policies",
    "Subtask": "router",
    "Team": "router",
    "MODEL_PREFIX": "layers",
    "Capabilities": "blocks",
    "Profile": "profile",
    "Prompts": "profile",
    "Provider": "provider",
    "Registry": "layers",
    "Retry": "provider",
    "ServerSpec": "servers",
    "declared_tools_hash": "models",
    "lift_providers": "entries",
    "load_registry": "layers",
    "sweagent_model": "stock",
}


def __getattr__(name: str):
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    globals()[name] = value
    return value
