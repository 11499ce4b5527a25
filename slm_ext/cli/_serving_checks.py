"""What `slm doctor` looks at for local servers: packages, OpenBLAS, memory, disk, servers, and one provider's model.

Every check returns a `Finding` or several; none raises for what it finds, and none starts a server.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from slm_ext import paths
from slm_ext.errors import ModelMissing, SlmError

__all__ = ["Finding", "machine", "provider_findings"]

Status = Literal["ok", "hint", "problem"]

LITTLE_DISK = 2 * 10**9
NO_DISK = 10**8
_IMPORT = """
import mlx.core
try:
    print("libopenblas" in open("/proc/self/maps").read())
except OSError:
    print(False)
"""


@dataclass(frozen=True)
class Finding:
    """What one check saw: `ok`, a `hint` (works, could be better) or a `problem` (will not work); what to do next."""

    check: str
    status: Status
    said: str
    next: str = ""


def machine(provider=None) -> Iterator[Finding]:
    """The checks that need no model.

    Args:
        provider: the one asked about; what it does not need is no problem.
    """
    wanted = provider is None or _needs_mlx(provider)
    if wanted:
        yield from _mlx(needed=provider is not None)
    yield _memory()
    yield from _disk()
    yield from _servers()


def provider_findings(provider) -> Iterator[Finding]:
    """The checks of one provider and its model."""
    if provider.server is None:
        said = f"others serve it, at {provider.api_base}"
        yield Finding("provider", "ok", said, f"slm providers check {provider.name}")
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


def _needs_mlx(provider) -> bool:
    return provider.server is not None and not provider.server.command


def _mlx(*, needed: bool) -> Iterator[Finding]:
    """mlx, imported in a process of its own as a server would, and the packages around it."""
    from slm_ext.serving import openblas
    from slm_ext.serving.installed import installed

    bad: Status = "problem" if needed else "hint"
    install = 'pip install "slm-ext[mlx]"' + (' (it brings "mlx-lm[cpu]")' if sys.platform == "linux" else "")
    library = openblas.find()
    env = {**os.environ, **openblas.preload_environment(dict(os.environ))}
    if not (installed("mlx") and installed("mlx-lm")):
        yield Finding("mlx", bad, "mlx-lm is not installed", install)
        return
    tried = subprocess.run([sys.executable, "-c", _IMPORT], env=env, capture_output=True, text=True)
    if tried.returncode:
        reason = (tried.stderr.strip().splitlines() or [f"exit code {tried.returncode}"])[-1]
        yield Finding("mlx", bad, f"it cannot be imported: {reason}", install)
        return
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in ("mlx", "mlx-lm"))
    yield Finding("mlx", "ok", versions)
    missing = [name for name in ("llguidance", "prometheus-client", "starlette", "uvicorn") if not installed(name)]
    if missing:
        yield Finding("engine", bad, f"{', '.join(missing)} not installed; engine `slm` needs it", install)
    if sys.platform != "linux" or installed("mlx-cuda-12") or installed("mlx-cuda-13"):
        return
    if library is None:
        off = os.environ.get("SLM_OPENBLAS")
        said = f"not used: SLM_OPENBLAS is {off!r}" if off else "not installed; prompts are read many times as slowly"
        yield Finding("openblas", "hint", said, "unset SLM_OPENBLAS" if off else openblas.PACKAGE_HINT)
    elif tried.stdout.strip() != "True":
        yield Finding("openblas", "problem", f"{library} is not loaded", "export SLM_OPENBLAS=PATH of another one")
    else:
        yield Finding("openblas", "ok", f"{library}, {env['OPENBLAS_NUM_THREADS']} threads")


def _memory() -> Finding:
    from slm_ext.serving.memory import available_bytes, memory_bytes, readable

    return Finding("memory", "ok", f"{readable(available_bytes())} of {readable(memory_bytes())} are available")


def _disk() -> Iterator[Finding]:
    from slm_ext.serving.memory import readable

    folders = {"state": paths.home()}
    try:
        from slm_ext.serving.hub.fetching import cache_folder

        folders["models"] = cache_folder()
    except ImportError:
        pass
    for what, folder in folders.items():
        place = next(path for path in (folder, *folder.parents) if path.exists())
        free = shutil.disk_usage(place).free
        status: Status = "problem" if free < NO_DISK else "hint" if free < LITTLE_DISK else "ok"
        variable = "SLM_HOME" if what == "state" else "HF_HUB_CACHE"
        if not os.access(place, os.W_OK):
            yield Finding("disk", "problem", f"{what}: {place} cannot be written", f"export {variable}=FOLDER")
        else:
            advice = "" if status == "ok" else f"make room, or export {variable}=FOLDER on another disk"
            yield Finding("disk", status, f"{what}: {readable(free)} free in {folder}", advice)


def _servers() -> Iterator[Finding]:
    """Servers that run, those that died too often, and what killed keepers left behind."""
    from slm_ext.cli._servers import orphans, running
    from slm_ext.serving import states

    known = running()
    up = [state for state in known if states.keeper_alive(state)]
    said = ", ".join(f"{_called(state)} {state['state']}" for state in up)
    yield Finding("servers", "ok", f"{len(up)} running" + (f": {said}" if said else ""))
    for state in known:
        if not states.keeper_alive(state):
            name = _called(state)
            yield Finding(
                "servers", "problem", f"{name} died again and again", f"slm logs {name}, then slm stop {name}"
            )
    if lost := orphans():
        pids = ", ".join(str(state["child_pid"]) for state in lost)
        yield Finding("servers", "hint", f"processes without a keeper: {pids}", "slm stop --all")
    if stale := _stale():
        yield Finding("servers", "ok", f"{stale} ended without a word; the next start clears up")


def _called(state: dict[str, Any]) -> str:
    return state.get("name") or state["model_id"]


def _stale() -> int:
    """How many states say that a server runs while nothing does."""
    from slm_ext.serving import states

    found = [states.read(path.parent) for path in paths.servers_dir().glob("*/state.json")]
    return sum(
        state["state"] not in ("stopped", "failed") and not states.keeper_alive(state) and not states.child_alive(state)
        for state in found
        if state
    )


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
