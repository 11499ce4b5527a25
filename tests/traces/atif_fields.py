"""The fields of ATIF v1.4 (RFC 0001, section II), to check what is exported: no other field, none missing."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator


class _Fields(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class Agent(_Fields):
    name: str
    version: str
    model_name: str | None = None
    extra: dict[str, Any] | None = None


class Metrics(_Fields):
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    cached_tokens: int | None = None
    cost_usd: float | None = None
    prompt_token_ids: list[int] | None = None
    completion_token_ids: list[int] | None = None
    logprobs: list[float] | None = None
    extra: dict[str, Any] | None = None


class FinalMetrics(_Fields):
    total_prompt_tokens: int | None = None
    total_completion_tokens: int | None = None
    total_cached_tokens: int | None = None
    total_cost_usd: float | None = None
    total_steps: int | None = None
    extra: dict[str, Any] | None = None


class ToolCall(_Fields):
    tool_call_id: str
    function_name: str
    arguments: dict[str, Any]


class Result(_Fields):
    source_call_id: str | None = None
    content: str | None = None
    subagent_trajectory_ref: list[dict[str, Any]] | None = None


class Observation(_Fields):
    results: list[Result]


class Step(_Fields):
    step_id: int
    timestamp: str | None = None
    source: Literal["system", "user", "agent"]
    model_name: str | None = None
    reasoning_effort: str | float | None = None
    message: str
    reasoning_content: str | None = None
    tool_calls: list[ToolCall] | None = None
    observation: Observation | None = None
    metrics: Metrics | None = None
    extra: dict[str, Any] | None = None

    @model_validator(mode="after")
    def of_the_agent_alone(self):
        if self.source != "agent":
            only = (self.model_name, self.reasoning_effort, self.reasoning_content, self.tool_calls, self.metrics)
            assert only == (None,) * 5, only
        return self

    @model_validator(mode="after")
    def results_of_its_own_calls(self):
        known = {call.tool_call_id for call in self.tool_calls or []}
        results = self.observation.results if self.observation else []
        assert {result.source_call_id for result in results} - {None} <= known
        return self


class Trajectory(_Fields):
    schema_version: Literal["ATIF-v1.4"]
    session_id: str = Field(min_length=1)
    agent: Agent
    steps: list[Step]
    notes: str | None = None
    final_metrics: FinalMetrics | None = None
    extra: dict[str, Any] | None = None

    @model_validator(mode="after")
    def numbered_from_one(self):
        assert [step.step_id for step in self.steps] == list(range(1, len(self.steps) + 1))
        return self

    @model_validator(mode="after")
    def totals_are_sums_of_the_steps(self):
        metrics = [step.metrics for step in self.steps if step.metrics]
        for total, name in (("prompt", "prompt"), ("completion", "completion"), ("cached", "cached")):
            known = [value for one in metrics if (value := getattr(one, f"{name}_tokens")) is not None]
            assert getattr(self.final_metrics, f"total_{total}_tokens") == (sum(known) if known else None)
        return self
