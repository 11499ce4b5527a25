"""A provider as the model section of a stock SWE-agent: the options that cure its pitfalls with local models.

Without prices every answer would be a cost error, LiteLLM waits 6,000 seconds by default, SWE-agent sends `max_tokens`
and `stop` to no local server, an empty key is retried for minutes, and twenty retries hide a server that is gone.
"""

from __future__ import annotations

from typing import Any

from slm_ext.registry.provider import DUMMY_KEY, Provider

__all__ = ["call_limit", "exported_key", "sweagent_model"]


def sweagent_model(provider: Provider, *, api_base: str, model: str | None = None, calls: int = 0) -> dict[str, Any]:
    """The `GenericAPIModelConfig` that asks the provider's model through LiteLLM.

    Args:
        api_base: where it answers.
        model: what requests name; default: the provider's `model`.
        calls: most calls in one task, where the provider sets none; 0 is no limit. Its `budget.calls` counts too.
    """
    arguments: dict[str, Any] = {"max_tokens": provider.max_output_tokens, "timeout": provider.timeout_s}
    if provider.stop:
        arguments["stop"] = list(provider.stop)
    if provider.seed is not None:
        arguments["seed"] = provider.seed
    arguments |= provider.completion_kwargs
    if provider.chat_template_kwargs:
        body = dict(arguments.get("extra_body") or {})
        arguments["extra_body"] = {**body, "chat_template_kwargs": provider.chat_template_kwargs}
    return {
        "name": f"openai/{model or provider.model}",
        "api_base": api_base,
        "api_key": exported_key(provider),
        "temperature": provider.temperature,
        "top_p": provider.top_p,
        "per_instance_cost_limit": 0,
        "total_cost_limit": 0,
        "per_instance_call_limit": call_limit(provider, calls),
        "max_input_tokens": provider.prompt_limit or 0,
        "max_output_tokens": provider.max_output_tokens,
        "completion_kwargs": arguments,
        "retry": provider.retry.model_dump(),
    }


def call_limit(provider: Provider, calls: int = 0) -> int:
    """Most calls in one task: the least of what the provider and its budget say; `calls` where neither says one."""
    limits = [limit for limit in (provider.per_instance_call_limit, provider.budget.calls) if limit]
    return min(limits, default=calls)


def exported_key(provider: Provider) -> str:
    """The key as it may be written to a file: `$VARIABLE` or the dummy; a literal becomes `$<NAME>_API_KEY`."""
    if provider.api_key is None or provider.api_key.get_secret_value() == DUMMY_KEY:
        return DUMMY_KEY
    if provider.key_reference:
        return provider.key_reference
    return "$" + "".join(c if c.isalnum() else "_" for c in provider.name.upper()) + "_API_KEY"
