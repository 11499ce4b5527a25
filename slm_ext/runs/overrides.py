"""`--config YAML`: provider entries for the registry, and sections that go over the profile's for mini."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from slm_ext.errors import UsageError

__all__ = ["read_overrides"]

_AGENT = (
    "system_template", "instance_template", "step_limit", "wall_time_limit_seconds", "max_consecutive_format_errors",
)  # fmt: skip
_ENVIRONMENT = ("env", "timeout")


def read_overrides(files: list[Path]) -> tuple[list[tuple[str, dict]], dict[str, Any]]:
    """(registry layers, host sections) of the files, in their order; later ones win.

    Raises:
        UsageError: unreadable (file and line), not a mapping, or a key that means nothing here.
    """
    layers, sections = [], {"agent": {}, "environment": {}}
    for file in files:
        data = _load(file)
        agent = dict(data.pop("agent", None) or {})
        inner = dict(agent.pop("model", None) or {})
        providers = {**(inner.pop("slm_providers", None) or {}), **(data.pop("slm_providers", None) or {})}
        if providers:
            layers.append((str(file), {"slm_providers": providers}))
        environment = dict(data.pop("environment", None) or {})
        _refuse_others(file, "", data, ("slm_providers", "agent", "environment"))
        _refuse_others(file, "agent.model.", inner, ("slm_providers",))
        _refuse_others(file, "agent.", agent, _AGENT)
        _refuse_others(file, "environment.", environment, _ENVIRONMENT)
        sections["agent"] |= agent
        env = sections["environment"].get("env", {}) | {k: str(v) for k, v in (environment.get("env") or {}).items()}
        sections["environment"] |= environment | ({"env": env} if env else {})
    return layers, {name: section for name, section in sections.items() if section}


def _load(file: Path) -> dict[str, Any]:
    import yaml

    try:
        data = yaml.safe_load(file.expanduser().read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"read the config file {file}", seen=str(error), allowed="a YAML file") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"{file}, line {mark.line + 1}" if mark else str(file)
        raise UsageError(f"read the config file {where}", seen=getattr(error, "problem", str(error))) from None
    if not isinstance(data or {}, dict):
        raise UsageError(f"read the config file {file}", seen=f"a {type(data).__name__}", allowed="a mapping")
    return dict(data or {})


def _refuse_others(file: Path, prefix: str, data: dict[str, Any], known: tuple[str, ...]) -> None:
    for key in data:
        if key not in known:
            raise UsageError(
                f"use the config file {file}",
                seen=f"the key {prefix}{key}",
                allowed=", ".join(prefix + k for k in known),
            )
