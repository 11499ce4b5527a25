"""`--config YAML`: provider entries for the registry, and sections that go over the profile's for mini."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from slm_ext.errors import UsageError
from slm_ext.registry.documents import read_document

__all__ = ["read_overrides"]

_AGENT = (
    "system_template", "instance_template", "step_limit", "wall_time_limit_seconds", "max_consecutive_format_errors",
)  # fmt: skip
_ENVIRONMENT = ("env", "timeout")


def read_overrides(files: list[Path]) -> tuple[list[tuple[str, Path]], dict[str, Any]]:
    """(registry layers, host sections) of the files, in their order; later ones win.

    Raises:
        RegistryError: unreadable or not a mapping (file and line).
        UsageError: a key that means nothing here.
    """
    layers, sections = [], {"agent": {}, "environment": {}}
    for file in files:
        data = dict(read_document(file.expanduser(), str(file)).data)
        agent = dict(data.pop("agent", None) or {})
        inner = dict(agent.pop("model", None) or {})
        if any([inner.pop("slm_providers", None), data.pop("slm_providers", None)]):
            layers.append((str(file), file.expanduser()))  # the registry reads it itself and knows its lines
        environment = dict(data.pop("environment", None) or {})
        _refuse_others(file, "", data, ("slm_providers", "agent", "environment"))
        _refuse_others(file, "agent.model.", inner, ("slm_providers",))
        _refuse_others(file, "agent.", agent, _AGENT)
        _refuse_others(file, "environment.", environment, _ENVIRONMENT)
        sections["agent"] |= agent
        env = sections["environment"].get("env", {}) | {k: str(v) for k, v in (environment.get("env") or {}).items()}
        sections["environment"] |= environment | ({"env": env} if env else {})
    return layers, {name: section for name, section in sections.items() if section}


def _refuse_others(file: Path, prefix: str, data: dict[str, Any], known: tuple[str, ...]) -> None:
    for key in data:
        if key not in known:
            raise UsageError(
                f"use the config file {file}",
                seen=f"the key {prefix}{key}",
                allowed=", ".join(prefix + k for k in known),
            )
