"""Can this endpoint be used, and is it the right model? `check` answers with one verdict and what to do about it."""

from __future__ import annotations

import socket
import ssl
from typing import Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict

from . import probe
from .handle import ServerHandle

__all__ = ["HealthReport", "Verdict", "check"]

Verdict = Literal[
    "ok",
    "refused",
    "dns",
    "tls",
    "auth",
    "model_missing",
    "wrong_model",
    "window_too_small",
    "no_tool_calls",
    "slow",
    "error",
]


class HealthReport(BaseModel):
    """What a check found. Fields stay None where the check did not get that far."""

    model_config = ConfigDict(extra="forbid", protected_namespaces=())

    schema_version: int = 1
    verdict: Verdict
    reachable: bool = False
    auth_ok: bool | None = None
    model_listed: bool | None = None
    model_matches: bool | None = None
    tool_call_ok: bool | None = None
    ttft_ms: float | None = None
    error: str = ""
    next_step: str = ""


class _Found(Exception):
    """The verdict is reached."""

    def __init__(self, verdict: Verdict, error: str, next_step: str):
        self.verdict, self.error, self.next_step = verdict, error, next_step


def check(
    provider, handle: ServerHandle, *, timeout_s: float = 20, slow_ms: float = 15000, tools: bool = False
) -> HealthReport:
    """Reachable, right model, one decoded token; with `tools` also a well-formed tool call.

    Args:
        provider: the registry entry; `expected_model_id`, `max_input_tokens` and `max_output_tokens` are compared.
        handle: its endpoint, from `acquire`.
        timeout_s: seconds for each request.
        slow_ms: a first token later than this is `slow`.

    Never raises for what an endpoint does.
    """
    report = HealthReport(verdict="ok")
    try:
        _models(provider, handle, report, timeout_s)
        _token(provider, handle, report, timeout_s, slow_ms)
        if tools:
            _tool_call(provider, handle, report, timeout_s)
    except _Found as found:
        report.verdict, report.error, report.next_step = found.verdict, found.error, found.next_step
    return report


def _models(provider, handle: ServerHandle, report: HealthReport, timeout_s: float) -> None:
    """`GET /models`: who is there, and whether the model is among what it lists. A server may lack this list."""
    reply = _ask(handle, report, "/models", None, timeout_s)
    listed = reply.body.get("data") if reply.status == 200 and isinstance(reply.body, dict) else None
    if not isinstance(listed, list) or handle.managed:  # mlx_lm.server lists the download cache, not what it serves
        return
    entries = {str(entry.get("id")): entry for entry in listed if isinstance(entry, dict)}
    report.model_listed = handle.model_id in entries
    if entries and not report.model_listed:
        raise _Found(
            "model_missing",
            f"the server lists {', '.join(sorted(entries)[:5])}; not {handle.model_id!r}",
            f"set `model` of {provider.name!r} to one of these, or load it on the server",
        )
    window = entries.get(handle.model_id, {}).get("max_model_len")  # vLLM and SGLang tell it
    needed = (provider.max_input_tokens or 0) + (provider.max_output_tokens or 0)
    if isinstance(window, int) and window < needed:
        raise _Found(
            "window_too_small",
            f"its window is {window} tokens, {needed} are configured (input + output)",
            f"lower max_input_tokens of {provider.name!r} to {max(0, window - (provider.max_output_tokens or 0))}",
        )


def _token(provider, handle: ServerHandle, report: HealthReport, timeout_s: float, slow_ms: float) -> None:
    body = {"model": handle.model_id, "messages": [{"role": "user", "content": "ping"}], "max_tokens": 1}
    reply = _ask(handle, report, "/chat/completions", body, timeout_s)
    if reply.status == 404:
        raise _Found("model_missing", f"HTTP 404: {reply.message}", "check `model` and that `api_base` ends in /v1")
    if reply.status != 200:
        raise _Found("error", f"HTTP {reply.status}: {reply.message}", _look(handle))
    if problem := probe.token_problem(reply):
        raise _Found("error", problem, _look(handle))
    report.ttft_ms = round(reply.seconds * 1000, 1)
    answered, expected = reply.body.get("model"), provider.expected_model_id or handle.model_id
    report.model_matches = answered is None or same_model(str(answered), expected)
    if not report.model_matches:
        raise _Found(
            "wrong_model",
            f"it answers as {answered!r}, expected {expected!r}",
            f"correct `model` or `expected_model_id` of {provider.name!r}, or the server behind it",
        )
    if report.ttft_ms > slow_ms:
        raise _Found(
            "slow", f"the first token took {report.ttft_ms:.0f} ms", "try again warm, or choose a smaller model"
        )


def _tool_call(provider, handle: ServerHandle, report: HealthReport, timeout_s: float) -> None:
    parameters = {"type": "object", "properties": {"path": {"type": "string"}}, "required": ["path"]}
    function = {"name": "read_file", "description": "Read one file.", "parameters": parameters}
    body = {
        "model": handle.model_id,
        "messages": [{"role": "user", "content": "Call read_file with path README.md."}],
        "tools": [{"type": "function", "function": function}],
        "max_tokens": 200,
    }
    reply = _ask(handle, report, "/chat/completions", body, timeout_s)
    try:
        report.tool_call_ok = bool(reply.body["choices"][0]["message"].get("tool_calls"))
    except (KeyError, IndexError, TypeError, AttributeError):
        report.tool_call_ok = False
    if not report.tool_call_ok:
        raise _Found(
            "no_tool_calls",
            f"HTTP {reply.status}, no tool call in the answer",
            "set `tool_mode: text` or another model",
        )


def same_model(answered: str, expected: str) -> bool:
    """Whether two names mean one model: equal, or one with the other's organisation or path in front."""
    return answered == expected or answered.endswith(f"/{expected}") or expected.endswith(f"/{answered}")


def _ask(handle: ServerHandle, report: HealthReport, path: str, body: dict | None, timeout_s: float) -> probe.Reply:
    where = urlsplit(handle.base_url)
    try:
        reply = probe.request(handle.base_url, path, token=handle.token, body=body, timeout_s=timeout_s)
    except socket.gaierror as error:
        raise _Found("dns", f"{where.hostname}: {error.strerror}", "check the host name in `api_base`") from None
    except ssl.SSLError as error:
        raise _Found("tls", str(error), "check `https` and the certificate of `api_base`") from None
    except ConnectionRefusedError:
        raise _Found("refused", f"nothing listens at {where.netloc}", _look(handle, "start the server there")) from None
    except TimeoutError:
        report.reachable = report.reachable or path != "/models"
        raise _Found("slow", f"no answer from {where.netloc} within {timeout_s:g} s", _look(handle)) from None
    except (OSError, ValueError) as error:
        raise _Found(
            "error", f"{where.netloc}: {error}", "check `api_base`: it has to be an OpenAI-compatible server"
        ) from None
    report.reachable = True
    report.auth_ok = reply.status not in (401, 403)
    if not report.auth_ok:
        raise _Found(
            "auth", f"HTTP {reply.status}: {reply.message}", "set `api_key: $NAME_OF_A_VARIABLE` for this provider"
        )
    return reply


def _look(handle: ServerHandle, otherwise: str = "read the server's own log") -> str:
    return f"read {handle.log_path}" if handle.log_path else otherwise
