"""One provider: its files, the memory it takes and what would fit, how it writes tool calls; or its endpoint."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from slm_ext.cli._checks.finding import WAIT_S, Finding
from slm_ext.cli._checks.servers import loaded
from slm_ext.errors import ModelMissing, SlmError

__all__ = ["provider_findings"]


def provider_findings(provider) -> Iterator[Finding]:
    """Nothing is started, and no endpoint is asked for a token: that could load a model, or cost."""
    if provider.server is None:
        yield from _endpoints(provider)
        return
    spec = provider.server
    engine = "its own command" if spec.command else f"engine {spec.engine}"
    yield Finding("provider", "ok", f"{provider.name}: {provider.model}, {engine}")
    if spec.command:
        program = spec.command[0]
        if not shutil.which(program):
            yield Finding("command", "problem", f"{program} is not found", "install it, or correct `server.command`")
        return
    yield from _model(provider)


def _endpoints(provider) -> Iterator[Finding]:
    """Whether others serve it, as far as that can be seen without a token."""
    from slm_ext.serving.health import check_endpoints, glance

    where = ", ".join(replica.url for replica in provider.replicas)
    said = f"{provider.name}: others serve it, at {where}"
    yield Finding("provider", "ok", said, f"slm providers check {provider.name}")
    try:
        report = check_endpoints(provider, asking=glance, timeout_s=WAIT_S)
    except SlmError as error:
        yield Finding("endpoint", "problem", f"{error.attempted}: {error.seen}", error.next_step)
        return
    for part in report.endpoints or [report]:
        if part.verdict == "ok":
            listed = "lists the model" if part.model_listed else "answers, and does not say which models it has"
            window = part.capabilities.window
            more = f"; window {window.value}" if window.how == "probed" else ""
            yield Finding("endpoint", "ok", f"{part.base_url} {listed}{more}")
        else:
            status = "hint" if part.verdict == "slow" else "problem"
            yield Finding("endpoint", status, f"{part.verdict}: {part.error}", part.next_step)


def _model(provider) -> Iterator[Finding]:
    from slm_ext.serving.presets import folder_of, provider_estimate
    from slm_ext.serving.shape import folder_shape

    try:
        folder = folder_of(provider)
        needed = provider_estimate(provider)
    except ModelMissing as error:
        yield Finding("model", "problem", f"{error.model}: {error.seen}", f"slm pull {provider.name}")
        return
    except SlmError as error:
        yield Finding("model", "problem", f"{error.attempted}: {error.seen}", error.next_step)
        return
    shape = folder_shape(folder)
    yield Finding("model", "ok", str(folder))
    if loaded(provider):
        yield Finding("fits", "ok", f"it is loaded; it takes {needed}")
    else:
        yield _fit(provider, shape, needed)
    if shape.trained_context and needed.context_tokens > shape.trained_context:
        said = f"{needed.context_tokens} tokens are asked for, the model was made for {shape.trained_context}"
        yield Finding("window", "problem", said, f"lower max_input_tokens of {provider.name}, or context_tokens")
    yield _wire_format(folder)
    if provider.server.draft_model or provider.server.kv_bits:
        what = "a draft model" if provider.server.draft_model else f"a KV cache of {provider.server.kv_bits} bits"
        yield Finding("batching", "hint", f"off, because of {what}: one request at a time")


def _fit(provider, shape, needed) -> Finding:
    from functools import partial

    from slm_ext.serving.memory import available_bytes, estimate_shape, largest_context, readable, what_fits
    from slm_ext.serving.presets import asked, fitting

    available = available_bytes()
    notes = "".join(f" ({note})" for note in needed.notes)
    size = partial(estimate_shape, shape, **asked(provider, shape))
    if needed.total <= available:
        longest = min(largest_context(available, size), shape.trained_context or needed.context_tokens)
        more = f"; a context of {longest} tokens fits" if longest > needed.context_tokens else ""
        return Finding("fits", "ok", f"it takes {needed}{notes}{more}")
    others = fitting(available, but=provider.name)
    advice = "; or ".join([*what_fits(size, needed, available), *(f"--slm {name}" for name in others[:1])])
    said = f"it takes {needed}; {readable(available)} are available{notes}"
    return Finding("fits", "problem", said, advice or "choose a smaller model")


def _wire_format(folder: Path) -> Finding:
    """How the model writes tool calls, as our engine infers it."""
    from slm_ext.toolcalls.formats import detect

    settings = _json(folder / "tokenizer_config.json")
    jinja = folder / "chat_template.jinja"
    template = jinja.read_text(encoding="utf-8") if jinja.is_file() else settings.get("chat_template")
    if isinstance(template, list):  # several, by name
        named = {entry.get("name"): entry.get("template") for entry in template if isinstance(entry, dict)}
        template = named.get("tool_use") or named.get("default")
    if not template:
        return Finding("tool calls", "problem", "the model has no chat template", "choose an instruction-tuned model")
    found = detect(template, settings.get("tool_parser_type"))
    if found:
        return Finding("tool calls", "ok", f"written as {found}")
    return Finding("tool calls", "hint", "the chat template shows none of the known formats", "set `tool_mode: text`")


def _json(path: Path) -> dict[str, Any]:
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return data if isinstance(data, dict) else {}
