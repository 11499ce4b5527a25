"""Providers and profiles by name: what `--slm NAME` means.

    registry = load_registry()
    provider = registry.provider("flywheel-tiny")
    profile = registry.profile(provider.profile)

`layers` says which files count, `entries` and `problems` how an entry becomes a `Provider` or an error with file and
line, `provider`, `servers` and `profile` what can be written, `stock` what SWE-agent itself would be told.
"""

from __future__ import annotations

from slm_ext.registry.entries import lift_providers
from slm_ext.registry.layers import MODEL_PREFIX, Registry, load_registry
from slm_ext.registry.models import declared_tools_hash
from slm_ext.registry.profile import Profile, Prompts
from slm_ext.registry.provider import Capabilities, Provider, Retry
from slm_ext.registry.servers import ServerSpec

__all__ = [
    "MODEL_PREFIX",
    "Capabilities",
    "Profile",
    "Prompts",
    "Provider",
    "Registry",
    "Retry",
    "ServerSpec",
    "declared_tools_hash",
    "lift_providers",
    "load_registry",
]
