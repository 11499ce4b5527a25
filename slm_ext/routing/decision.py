"""The decision of one step, as it stands in the call record."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict

__all__ = ["RouteDecision", "single_provider"]


class RouteDecision(BaseModel):
    """Who answers step `step`, and the cause. Fields beyond the first cut stay at their defaults."""

    model_config = ConfigDict(extra="forbid")

    step: int
    subtask: str | None = None
    provider: str
    endpoint: str | None = None
    cause: str
    signals: dict[str, Any] = {}
    alternatives: list[dict[str, str]] = []
    switch_cost: dict[str, float] | None = None
    escalated_from: str | None = None
    prompt_tokens: int | None = None
    latency_s: float | None = None


def single_provider(step: int, provider: str, endpoint: str | None = None) -> RouteDecision:
    """The only provider there is."""
    return RouteDecision(step=step, provider=provider, endpoint=endpoint, cause="single_provider")
