"""The command line of the unmodified `mlx_lm.server`, checked against the version that is installed.

Nothing here imports mlx: it takes seconds, and belongs into the child. What is installed is read from its source.
"""

from __future__ import annotations

import ast
import importlib.metadata
import importlib.util
import json
import os
import sys
from functools import cache
from pathlib import Path

from slm_ext.errors import MissingExtra, ServingError

from .folders import adapter_folder, model_folder
from .identity import file_sha, fingerprint, folder_identity
from .launch import Launch
from .openblas import preload_environment
from .widening import pays, widened

__all__ = ["MODEL_ID", "check_flags", "known_flags", "plain_launch", "require_mlx"]

MODEL_ID = "default_model"  # any other name makes mlx_lm.server load, or download, what is named
DEFAULT_MAX_TOKENS = 4096  # its own default of 512 cuts tool calls short


def require_mlx(attempted: str) -> Path:
    """The folder of the installed mlx-lm.

    Raises:
        MissingExtra: mlx-lm or mlx itself is missing; `mlx-lm` without `[cpu]` brings no mlx on Linux.
    """
    folders: list[str] = []
    for package in ("mlx_lm", "mlx.core"):
        try:
            found = importlib.util.find_spec(package)
        except (ModuleNotFoundError, ValueError):
            found = None
        if found is None:
            raise MissingExtra(package, "mlx", attempted)
        folders = folders or list(found.submodule_search_locations or [])
    return Path(folders[0])


@cache
def known_flags(server_source: Path) -> frozenset[str]:
    """Every `--flag` that `mlx_lm/server.py` adds to its parser."""
    tree = ast.parse(server_source.read_text(encoding="utf-8"))
    return frozenset(
        argument.value
        for call in ast.walk(tree)
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr == "add_argument"
        for argument in call.args
        if isinstance(argument, ast.Constant) and isinstance(argument.value, str) and argument.value.startswith("--")
    )


def check_flags(flags: dict[str, str], server_source: Path, attempted: str) -> None:
    """Raises ServingError where `flags` has one that `server_source` does not define."""
    if unknown := sorted(set(flags) - known_flags(server_source)):
        raise ServingError(
            attempted,
            seen=f"mlx-lm {_version()} does not know {', '.join(unknown)}",
            allowed="the flags that `mlx_lm.server --help` lists",
            next_step='pip install "slm-ext[mlx]" for a version that does',
        )


def plain_launch(provider) -> Launch:
    """The launch of `mlx_lm.server` for a provider. Raises MissingExtra or ServingError before anything is started."""
    spec = provider.server
    attempted = f"serve provider {provider.name!r} with mlx_lm.server"
    package = require_mlx(attempted)
    folder = model_folder(spec.model_path or provider.model, revision=spec.revision)
    adapter = adapter_folder(spec.adapter_path) if spec.adapter_path else None
    draft = model_folder(spec.draft_model, what="draft model") if spec.draft_model else None
    identity = folder_identity(folder, MODEL_ID, adapter=adapter).model_dump()
    flags = {
        "--model": widened(folder, identity) if pays(folder) else folder,
        "--adapter-path": adapter,
        "--host": "{host}",
        "--port": "{port}",
        "--draft-model": draft,
        "--num-draft-tokens": spec.num_draft_tokens,
        "--kv-bits": spec.kv_bits,
        "--max-tokens": spec.max_tokens or provider.max_output_tokens or DEFAULT_MAX_TOKENS,
        "--temp": spec.temp,
        "--top-p": spec.top_p,
        "--prompt-cache-size": spec.prompt_cache_size,
        "--prompt-cache-bytes": spec.prompt_cache_bytes,
        "--decode-concurrency": spec.max_streams,
        "--chat-template-args": json.dumps(spec.chat_template_args) if spec.chat_template_args else None,
    }
    flags = {name: str(value) for name, value in flags.items() if value is not None}
    check_flags(flags, package / "server.py", attempted)
    argv = [sys.executable, "-m", "mlx_lm", "server", *(part for pair in flags.items() for part in pair)]
    env = {"HF_HUB_OFFLINE": "1", "PYTHONUNBUFFERED": "1", **preload_environment({**os.environ, **spec.env})}
    configs = [file_sha(at / name) for at, name in _configs(folder, adapter)]
    draft_identity = folder_identity(draft, MODEL_ID).model_dump() if draft else None
    return Launch(
        engine="plain",
        argv=argv,
        model_id=MODEL_ID,
        model_path=str(folder),
        identity=identity,
        fingerprint=fingerprint(
            {
                "argv": argv,
                "env": {**spec.env, **env},
                "host": spec.host,
                "port": spec.port,
                "identity": identity,
                "draft": draft_identity,
                "configs": configs,
                "version": _version(),
            }
        ),
        env=env,
        secret_env=dict(spec.env),
        host=spec.host,
        port=spec.port,
        ttl_s=spec.ttl_s,
        startup_timeout_s=spec.startup_timeout_s,
        grace_s=spec.stop_grace_s,
        unavailable_is_final=True,
        log_path=str(Path(spec.log_path).expanduser().resolve()) if spec.log_path else "",
    )


def _version() -> str:
    return importlib.metadata.version("mlx-lm")


def _configs(folder: Path, adapter: Path | None) -> list[tuple[Path, str]]:
    """Small files that change what the same weights answer."""
    names = ("config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json")
    found = [(folder, name) for name in names if (folder / name).is_file()]
    return [*found, (adapter, "adapter_config.json")] if adapter else found
