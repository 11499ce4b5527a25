"""A provider's settings as the arguments of one chat completion."""

from __future__ import annotations

from typing import Any

__all__ = ["MAX_TOKENS", "TIMEOUT_S", "Request", "build_request"]

MAX_TOKENS = 1024
"""Output limit, in tokens, of a provider that names none; mlx_lm.server would take 512 and lose the call cut there."""
TIMEOUT_S = 120.0

_OWN = {"timeout", "extra_headers", "extra_query", "max_tokens", "max_completion_tokens"}


class Request:
    """What goes into `chat.completions.create`, and what of it the record shows.

    Attributes:
        arguments: for the SDK, without `messages`.
        sampling: the settings among them, for the record.
        timeout_s: seconds.
    """

    def __init__(self, arguments: dict[str, Any], sampling: dict[str, Any], timeout_s: float):
        self.arguments, self.sampling, self.timeout_s = arguments, sampling, timeout_s


def build_request(provider, model_id: str, tools: list[dict] | None, draw: int = 0) -> Request:
    """Settings that are unset are not sent (mlx_lm.server refuses explicit nulls), nor `tool_choice` (it ignores it).

    Args:
        provider: its `completion_kwargs` win over its own fields; those the SDK does not know travel in the body.
        tools: sent as they are; None for a model that is shown its tools in the prompt.
        draw: 0 for a reply's first; a further one has the provider's `resample.temperature` and a seed of its own.
    """
    if draw and provider.resample:
        update = {"temperature": provider.resample.temperature, "seed": (provider.seed or 0) + draw}
        provider = provider.model_copy(update=update)
    extra = {k: v for k, v in (provider.completion_kwargs or {}).items() if v is not None}
    limit = extra.get("max_completion_tokens") or extra.get("max_tokens") or provider.max_output_tokens or MAX_TOKENS
    sampling: dict[str, Any] = {
        "temperature": provider.temperature,
        "top_p": provider.top_p,
        "seed": provider.seed,
        "stop": list(provider.stop) if provider.stop else None,
    }
    sampling = {k: v for k, v in sampling.items() if v is not None and k not in extra}
    sampling["max_completion_tokens" if "max_completion_tokens" in extra else "max_tokens"] = limit
    body = {k: v for k, v in extra.items() if k not in _OWN}
    arguments = {"model": model_id, **sampling}
    if tools:
        arguments["tools"] = tools
    template = {"chat_template_kwargs": provider.chat_template_kwargs} if provider.chat_template_kwargs else {}
    if body or template:
        arguments["extra_body"] = template | body
    arguments |= {k: extra[k] for k in ("extra_headers", "extra_query") if k in extra}
    timeout = float(extra.get("timeout") or provider.timeout_s or TIMEOUT_S)
    return Request(arguments, sampling | body, timeout)
