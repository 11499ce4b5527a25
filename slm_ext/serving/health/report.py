"""What a check found: the verdict, and what the endpoint can do with how that is known."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, get_args

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["Abilities", "Found", "HealthReport", "Known", "Verdict", "worst"]

Verdict = Literal[
    "ok",
    "slow",
    "no_tool_calls",
    "window_too_small",
    "wrong_model",
    "model_missing",
    "error",
    "auth",
    "tls",
    "dns",
    "refused",
]
"""From good to bad."""


class Known(BaseModel):
    """One ability and how it is known: written in the entry, told or shown by the endpoint, or not at all."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    value: bool | int | None = None
    how: Literal["declared", "probed", "unknown"] = "unknown"
    source: str = ""
    """Where a probed value comes from, e.g. `GET /props` or `a tool call`."""


class Abilities(BaseModel):
    """What the endpoint can do; what was seen counts before what is declared. `window`, `output_limit`: tokens."""

    model_config = ConfigDict(extra="forbid")

    native_tools: Known = Known()
    json_schema: Known = Known()
    thinking: Known = Known()
    window: Known = Known()
    output_limit: Known = Known()

    def learn(self, name: str, value: bool | int | None, source: str) -> None:
        """Take over what was seen; None says nothing."""
        if value is not None:
            setattr(self, name, Known(value=value, how="probed", source=source))


class HealthReport(BaseModel):
    """What a check found. Fields stay None where the check did not get that far."""

    model_config = ConfigDict(extra="forbid", protected_namespaces=())

    schema_version: int = 1
    verdict: Verdict
    base_url: str = ""
    reachable: bool = False
    auth_ok: bool | None = None
    model_listed: bool | None = None
    model_matches: bool | None = None
    tool_call_ok: bool | None = None
    """None: not asked for."""
    ttft_ms: float | None = None
    """Of a prompt of one word."""
    capabilities: Abilities = Field(default_factory=Abilities)
    notes: list[str] = Field(default_factory=list)
    """What works, but not as the entry says."""
    error: str = ""
    next_step: str = ""
    endpoints: list[HealthReport] = Field(default_factory=list)
    """One for each, where the provider has several; this report is then that of the worst."""


class Found(Exception):
    """The verdict is reached."""

    def __init__(self, verdict: Verdict, error: str, next_step: str):
        self.verdict: Verdict = verdict
        self.error, self.next_step = error, next_step


def worst(reports: Sequence[HealthReport]) -> HealthReport:
    """The report that counts for a provider with these endpoints; it holds all of them where there are several."""
    order = get_args(Verdict)
    chosen = max(reports, key=lambda report: order.index(report.verdict))
    return chosen if len(reports) == 1 else chosen.model_copy(update={"endpoints": list(reports)})
