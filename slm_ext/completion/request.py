"""A provider's settings as the arguments of one chat completion."""

from __future__ import annotations

from typing import Any

from slm_ext.routing import Allowance

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
        timeout_s: for one try, in seconds.
        deadline_s: for all tries together, in seconds; None is without end.
        most_tries: requests over HTTP; None is as the provider's `retry` says.
    """

    def __init__(
        self, arguments: dict[str, Any], sampling: dict[str, Any], timeout_s: float, allowance: Allowance | None = None
    ):
        self.arguments, self.sampling, self.timeout_s = arguments, sampling, timeout_s
        self.deadline_s = allowance.seconds if allowance else None
        self.most_tries = allowance.requests if allowance else None


def build_request(
    provider,
    model_id: str,
    tools: list[dict] | None,
    draw: int = 0,
    *,
    domains: dict[str, list] | None = None,
    wire: str | None = None,
    allowance: Allowance | None = None,
) -> Request:
    """Settings that are unset are not sent (mlx_lm.server refuses explicit nulls), nor `tool_choice` (it ignores it)
    but to our own engine.

    Args:
        provider: its `completion_kwargs` win over its own fields; those the SDK does not know travel in the body.
        tools: sent as they are.
        draw: 0 for a reply's first; a further one has the provider's `resample.temperature` and a seed of its own.
        domains: of `grounding`; None where nothing is grounded.
        wire: name of the wire format of a model that is shown its tools in the prompt: they are sent only to an
            engine of ours that is to constrain its calls.
        allowance: what a budget leaves; the reply's limit and the timeout are cut down to it.
    """
    allowance = allowance or Allowance()
    if draw and provider.resample:
        update = {"temperature": provider.resample.temperature, "seed": (provider.seed or 0) + draw}
        provider = provider.model_copy(update=update)
    extra = {k: v for k, v in (provider.completion_kwargs or {}).items() if v is not None}
    limit = extra.get("max_completion_tokens") or extra.get("max_tokens") or provider.max_output_tokens or MAX_TOKENS
    limit = min(limit, allowance.max_tokens or limit)
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
    recorded: dict[str, Any] = {}
    constraints = provider.constraints_in_effect
    if tools and (wire is None or constraints in ("calls", "grounded")):
        arguments["tools"] = tools
        if constraints == "off" and "tool_choice" not in body:
            body = {"slm": {"constrain": False}} | body
        elif constraints in ("calls", "grounded"):
            arguments, body, recorded = _constrained(arguments, body, provider, domains, wire)
    template = {"chat_template_kwargs": provider.chat_template_kwargs} if provider.chat_template_kwargs else {}
    if body or template:
        arguments["extra_body"] = template | body
    arguments |= {k: extra[k] for k in ("extra_headers", "extra_query") if k in extra}
    timeout = float(extra.get("timeout") or provider.timeout_s or TIMEOUT_S)
    timeout = min(timeout, allowance.seconds or timeout)
    return Request(arguments, sampling | body | recorded, timeout, allowance)


def _constrained(arguments: dict, body: dict, provider, domains: dict | None, wire: str | None) -> tuple:
    """(arguments, body, what is recorded of it): the record has the number of cases in place of the cases."""
    choice = {"tool_choice": "required", "parallel_tool_calls": False}
    choice = {key: value for key, value in choice.items() if key not in body}
    slm: dict[str, Any] = {"thought_chars": provider.thought_chars}
    if domains is not None:
        slm["domains"] = domains
    if wire is not None:
        slm |= {"wire_format": wire, "show_tools": False}
    own = body.get("slm")
    slm = slm | own if isinstance(own, dict) else slm if own is None else own
    shown = slm
    if isinstance(slm, dict) and isinstance(slm.get("domains"), dict):
        shown = slm | {"domains": {tool: len(cases) for tool, cases in slm["domains"].items()}}
    return arguments | choice, body | {"slm": slm}, choice | {"slm": shown}
