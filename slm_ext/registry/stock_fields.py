"""Fields of SWE-agent's `GenericAPIModelConfig` in a provider's entry: what they are here, or why not."""

from __future__ import annotations

from typing import Any

__all__ = ["OWN_ARGUMENTS", "REASONS", "translated"]

OWN_ARGUMENTS = {
    "api_base": "api_base",
    "api_key": "api_key",
    "base_url": "api_base",
    "messages": None,
    "model": "model",
    "n": None,
    "stream": None,
    "tools": None,
}
"""Request arguments that `completion_kwargs` may not carry, with the field that does."""

REASONS = {
    "per_instance_cost_limit": "limit dollars with budget.usd and a price, calls with budget.calls; or leave 0",
    "total_cost_limit": "limit the dollars of one run with budget.usd and a price; or leave 0",
    "api_version": "Azure deployments are not supported; give api_base of an OpenAI-compatible endpoint",
    "convert_system_to_user": "not supported; put the system text into the profile's instance prompt",
    "delay": "not supported; a local server queues its requests itself",
    "fallbacks": "not supported; write a router, which records who answered: `default: NAME`, `fallback: [NAME]`",
    "choose_api_key_by_thread": "one key per provider; write one provider per key",
    "litellm_model_registry": "give `price` here, and max_input_tokens and max_output_tokens",
    "custom_tokenizer": "tokens are counted by the server",
    "stall_timeout_s": "it belongs into the `server` block; for an endpoint of others use timeout_s",
}
"""Fields of SWE-agent's model config, and planned ones, that are known and refused."""

_MAPPED = {
    "max_tokens": "max_output_tokens",
    "timeout": "timeout_s",
    "temperature": "temperature",
    "top_p": "top_p",
    "seed": "seed",
    "stop": "stop",
}
"""Arguments in `completion_kwargs` that are fields of ours: taken out of it; two different values are refused."""

_WITHOUT_EFFECT: dict[str, tuple[Any, ...]] = {
    "per_instance_cost_limit": (0,),
    "total_cost_limit": (0,),
    "convert_system_to_user": (False,),
    "delay": (0,),
    "fallbacks": ([],),
    "choose_api_key_by_thread": (True, False),
    "api_version": (None,),
    "litellm_model_registry": (None,),
    "custom_tokenizer": (None,),
}
"""Fields of `GenericAPIModelConfig` that are accepted only with the value at which they do nothing."""


def translated(data: dict[str, Any]) -> dict[str, Any]:
    """An entry without stock fields that do nothing at their value, request arguments moved into their fields.

    Raises:
        ValueError: an argument and its field say different things.
    """
    data = {k: v for k, v in data.items() if not any(_same(v, n) for n in _WITHOUT_EFFECT.get(k, ()))}
    if data.get("constraints") is False:  # YAML's reading of `off`
        data["constraints"] = "off"
    if data.get("max_output_tokens", 1) in (0, None) and not isinstance(data.get("max_output_tokens"), bool):
        data.pop("max_output_tokens", None)
    if isinstance(data.get("completion_kwargs"), dict):
        rest = dict(data["completion_kwargs"])
        for argument, field in _MAPPED.items():
            if argument not in rest:
                continue
            value = rest.pop(argument)
            if argument == "stop" and isinstance(value, str):
                value = [value]
            if field in data and data[field] != value:
                raise ValueError(f"completion_kwargs.{argument} is {value!r}, but {field} is {data[field]!r}")
            data[field] = value
        data["completion_kwargs"] = rest
    server = data.get("server")
    if isinstance(server, dict):
        if data.get("revision") is not None and server.get("revision") is None:
            server = data["server"] = {**server, "revision": data["revision"]}
        elif data.get("revision") is None and server.get("revision") is not None:
            data["revision"] = server["revision"]
        if "model" not in data and isinstance(server.get("model_path"), str):
            data["model"] = server["model_path"]
    return data


def _same(value: Any, neutral: Any) -> bool:
    if isinstance(value, bool) or isinstance(neutral, bool):
        return value is neutral
    return value == neutral
