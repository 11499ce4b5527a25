"""The questions of a check, in their order; the first that is answered badly is the verdict."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from slm_ext.registry.nearest import nearest

from .. import probe
from ..handle import ServerHandle
from ..identity import Identity
from . import abilities, advice, told
from .endpoint import Endpoint
from .report import Abilities, Found, HealthReport, Known, worst
from .together import at_once

__all__ = ["check", "check_endpoints", "glance"]

SHOWN = 5


def check(
    provider,
    handle: ServerHandle,
    *,
    timeout_s: float = 60,
    slow_ms: float = 15000,
    tools: bool = False,
    deep: bool = False,
) -> HealthReport:
    """Reachable, right model, one decoded token, window as large as declared, a well-formed tool call.

    Args:
        provider: the registry entry; what it declares is compared.
        handle: its endpoint.
        timeout_s: seconds for a token; a connection has 5, a whole reply six times as long.
        slow_ms: a first token later than this is `slow`, where nothing else is wrong.
        tools: also ask for a tool call, as `tools_wanted` says that runs do.
        deep: also a prompt as long as the entry allows, and an answer by a JSON schema.

    Never raises for what an endpoint does.
    """

    def questions(endpoint: Endpoint) -> None:
        _listed(endpoint)
        _token(endpoint)
        _window(endpoint)
        if tools:
            abilities.tool_call(endpoint)
        if deep:
            abilities.long_prompt(endpoint)
            abilities.json_schema(endpoint)
        ttft_ms = endpoint.report.ttft_ms or 0
        if ttft_ms > slow_ms:
            step = "try again warm, or choose a smaller model"
            raise Found("slow", f"the first token took {ttft_ms:.0f} ms", step)

    return _asked(provider, handle, questions, timeout_s)


def glance(provider, handle: ServerHandle, *, timeout_s: float = 5) -> HealthReport:
    """Only what costs nothing: whether somebody answers, lists the model, and says that its window is too small.

    No token is asked for, so that no server loads a model. `ok` says no more than that nothing bad is known.
    """

    def questions(endpoint: Endpoint) -> None:
        _listed(endpoint)
        _window(endpoint)

    return _asked(provider, handle, questions, timeout_s)


def check_endpoints(provider, asking: Callable[..., HealthReport] = check, **options) -> HealthReport:
    """Every endpoint of a provider that others run, at the same time; the worst verdict counts.

    Args:
        asking: `check` or `glance`.
        options: of it.

    Raises:
        UsageError: the variable of its key is not set; nothing is asked then.
    """
    token = provider.resolve_api_key()
    identity = Identity(kind="declared", model_id=provider.model)
    handles = [
        ServerHandle(base_url=replica.url, token=token, model_id=provider.model, identity=identity)
        for replica in provider.replicas
    ]
    waiting = [at_once(partial(asking, provider, handle, **options)) for handle in handles[1:]]
    first = asking(provider, handles[0], **options)
    return worst([first, *(future.result() for future in waiting)])


def _asked(provider, handle: ServerHandle, questions: Callable[[Endpoint], None], timeout_s: float) -> HealthReport:
    report = HealthReport(verdict="ok", base_url=handle.base_url, capabilities=_declared(provider))
    if handle.managed:
        report.capabilities.learn("window", handle.context_tokens, "the engine")
    endpoint = Endpoint(provider, handle, report, timeout_s)
    try:
        questions(endpoint)
    except Found as found:
        report.verdict, report.error, report.next_step = found.verdict, found.error, found.next_step
    _compare(provider, report)
    return report


def _declared(provider) -> Abilities:
    said = {name: getattr(provider.capabilities, name) for name in Abilities.model_fields}
    return Abilities(**{k: Known(value=v, how="declared") for k, v in said.items() if v is not None})


def _listed(endpoint: Endpoint) -> None:
    """`GET /models`: who is there, and whether the model is among what it lists. A server may lack this list."""
    reply, handle, report = endpoint.ask("/models"), endpoint.handle, endpoint.report
    listed = reply.body.get("data") if reply.status == 200 and isinstance(reply.body, dict) else None
    if not isinstance(listed, list) or handle.managed:  # mlx_lm.server lists the download cache, not what it serves
        return
    entries = {str(entry.get("id")): entry for entry in listed if isinstance(entry, dict)}
    names = (handle.model_id, f"{handle.model_id}:latest", handle.model_id.rpartition(":")[0])
    entry = next((entries[name] for name in names if name in entries), None)
    report.model_listed = entry is not None
    endpoint.server = next(filter(None, map(told.server_of, entries.values())), "")
    if entry is not None:
        told.learn_from_entry(endpoint, entry)
    elif entries:
        near = nearest(handle.model_id, list(entries), count=SHOWN) or sorted(entries)[:SHOWN]
        raise Found(
            "model_missing",
            f"the server lists {', '.join(near)}{', …' if len(entries) > len(near) else ''}; not {handle.model_id!r}",
            advice.model_missing(endpoint.server, endpoint.provider, handle.model_id),
        )


def _token(endpoint: Endpoint) -> None:
    provider, handle, report = endpoint.provider, endpoint.handle, endpoint.report
    reply = endpoint.chat("ping", limit=1)
    if reply.status == 404:
        step = f"correct `model` of {provider.name!r}"
        if not report.model_listed:
            step += ", or `api_base`: it mostly ends in /v1"
        raise Found("model_missing", f"HTTP 404: {reply.message}", step)
    if reply.status != 200:
        raise endpoint.unexpected(reply)
    if problem := probe.token_problem(reply):
        step = endpoint.look("check `api_base`: it has to be an OpenAI-compatible server")
        raise Found("error", problem, step)
    report.ttft_ms = round(reply.seconds * 1000, 1)
    abilities.notice_thinking(report, reply)
    answered, expected = reply.body.get("model"), provider.expected_model_id or handle.model_id
    report.model_matches = answered is None or told.same_model(str(answered), expected)
    if not report.model_matches:
        raise Found(
            "wrong_model",
            f"it answers as {answered!r}, expected {expected!r}",
            f"correct `model` or `expected_model_id` of {provider.name!r}, or the server behind it",
        )


def _window(endpoint: Endpoint) -> None:
    """The server's window against what the entry lets a run use. Unknown is no verdict."""
    provider, known = endpoint.provider, endpoint.report.capabilities
    if known.window.how != "probed" and not endpoint.handle.managed:
        told.learn_from_server(endpoint)
    window, needed = known.window.value, _needed(provider)
    if window is not None and known.window.how == "probed" and window < needed:
        raise Found(
            "window_too_small",
            f"its window is {window} tokens ({known.window.source}), {needed} are configured (input + output)",
            advice.window(endpoint.server, provider, window, needed),
        )


def _needed(provider) -> int:
    """Tokens of window that the entry counts on."""
    if provider.max_input_tokens:
        return provider.max_input_tokens + provider.max_output_tokens
    return provider.capabilities.window or provider.max_output_tokens


def _compare(provider, report: HealthReport) -> None:
    """Notes where the endpoint shows other than the entry declares."""
    for name in ("native_tools", "json_schema", "thinking"):
        declared, known = getattr(provider.capabilities, name), getattr(report.capabilities, name)
        if declared is not None and known.how == "probed" and known.value is not declared:
            report.notes.append(f"capabilities.{name} is declared {declared}, {known.source} shows {known.value}")
    most = report.capabilities.output_limit
    if most.how == "probed" and provider.max_output_tokens > (most.value or 0):
        report.notes.append(f"max_output_tokens is {provider.max_output_tokens}, the server allows {most.value}")
