"""A provider and its profile as mini's own configuration: what `slm export` writes and what `slm run` runs."""

from __future__ import annotations

from typing import Any

__all__ = ["compose"]

MODEL_CLASS = "slm_ext.hosts.mini.model.SlmModel"
ENVIRONMENT_CLASS = "slm_ext.hosts.mini.environment.SlmEnvironment"

FORMAT_ERRORS = 3
"""mini's own limit of replies in a row without a usable call."""


def compose(entry, profile) -> dict[str, Any]:
    """A run with `entry` (a provider, router or team) and `profile`: the sections `agent`, `model`, `environment` for
    `mini -c`. The profile's block `mini` has the last word."""
    prompts = profile.prompts.named("task")
    agent = {
        "system_template": prompts.system,
        "instance_template": prompts.instance,
        "step_limit": profile.step_limit or 0,
        "cost_limit": 0,  # local models cost nothing; mini's limit of 3 would not hold them anyway
    }
    router = getattr(entry, "router", entry)
    if len(getattr(router, "ladder", ())) > 1:
        agent["max_consecutive_format_errors"] = router.format_error_limit(FORMAT_ERRORS)
    model = {"model_class": MODEL_CLASS, "model_name": f"slm/{entry.name}"}
    environment = {
        "environment_class": ENVIRONMENT_CLASS,
        "bundles": list(profile.bundles),
        "env": dict(profile.tool_env),
    }
    sections = {"agent": agent, "model": model, "environment": environment}
    return {name: section | profile.mini.get(name, {}) for name, section in sections.items()}
