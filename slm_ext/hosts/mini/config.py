"""A provider and its profile as mini's own configuration: what `slm export` writes and what `slm run` runs."""

from __future__ import annotations

from typing import Any

__all__ = ["compose"]

MODEL_CLASS = "slm_ext.hosts.mini.model.SlmModel"
ENVIRONMENT_CLASS = "slm_ext.hosts.mini.environment.SlmEnvironment"


def compose(provider, profile) -> dict[str, Any]:
    """The sections `agent`, `model`, `environment` for `mini -c`; the profile's block `mini` has the last word.

    Prompts may say `{{task}}` or, as in SWE-agent, `{{problem_statement}}`.
    """
    prompts = profile.prompts if isinstance(profile.prompts, dict) else profile.prompts.model_dump()
    own = profile.mini or {}
    agent = {
        "system_template": _for_mini(prompts["system"]),
        "instance_template": _for_mini(prompts["instance"]),
        "step_limit": profile.step_limit or 0,
        "cost_limit": 0,  # local models cost nothing; mini's limit of 3 would not hold them anyway
    }
    model = {"model_class": MODEL_CLASS, "model_name": f"slm/{provider.name}"}
    environment = {
        "environment_class": ENVIRONMENT_CLASS,
        "bundles": list(profile.bundles),
        "env": {k: str(v) for k, v in (profile.tool_env or {}).items()},
    }
    sections = {"agent": agent, "model": model, "environment": environment}
    return {name: section | own.get(name, {}) for name, section in sections.items()}


def _for_mini(template: str) -> str:
    """SWE-agent's name of the issue is set to mini's, so that one profile serves both."""
    if "problem_statement" not in template:
        return template
    return "{%- set problem_statement = task -%}" + template
