"""The decision of one step, as it stands in the call record."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict

__all__ = ["RouteDecision"]


class RouteDecision(BaseModel):
    """Who answers step `step`, and why. `docs/explanation/routing.md` lists the causes."""

    model_config = ConfigDict(extra="forbid")

    step: int
    subtask: str | None = None
    provider: str
    endpoint: str | None = None
    """The address that was asked."""
    cause: str
    """`single_provider`, `default`, `subtask`, `rule`, `sticky`; while a stronger one stands in, `escalated`; what made
    it stand in: `format_errors`, `repeated_action`, `cycle`, `failing_tests`; `returned`; what kept the wished one from
    it: `overflow`, `unhealthy`, `missing` (its key, its files), `budget`."""
    signals: dict[str, Any] = {}
    """What was known: see `routing.Signals`."""
    alternatives: list[dict[str, str]] = []
    """`{provider, why_not}` of every other provider."""
    switch_cost: dict[str, float | None] | None = None
    """`{prefill_tokens, load_s}`: tokens of the prompt that its cache does not hold, seconds until its model is
    loaded (None: unknown)."""
    escalated_from: str | None = None
    """Who it stands in for."""
    switched_from: str | None = None
    """Who answered before, where that was another."""
    prompt_tokens: int | None = None
    latency_s: float | None = None
