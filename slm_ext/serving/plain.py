"""The command line of the unmodified `mlx_lm.server`, checked against the version that is installed.

Nothing here imports mlx; which flags there are is read from the server's source.
"""

from __future__ import annotations

import ast
import json
import sys
from functools import cache
from pathlib import Path

from slm_ext.errors import ServingError

from .identity import fingerprint
from .launch import Launch, life
from .local_model import local_model, mlx_version, require_mlx
from .memory import default_cache_bytes

__all__ = ["MODEL_ID", "check_flags", "known_flags", "plain_launch", "require_mlx"]

MODEL_ID = "default_model"  # any other name makes mlx_lm.server load, or download, what is named
DEFAULT_MAX_TOKENS = 4096  # its own default of 512 cuts tool calls short


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
            seen=f"mlx-lm {mlx_version()} does not know {', '.join(unknown)}",
            allowed="the flags that `mlx_lm.server --help` lists",
            next_step='pip install "slm-ext[mlx]" for a version that does',
        )


def _notes(spec) -> list[str]:
    causes = {"a draft model": spec.draft_model, f"a KV cache of {spec.kv_bits} bits": spec.kv_bits}
    return [f"{cause}: requests are answered one at a time (no batching)" for cause, there in causes.items() if there]


def plain_launch(provider) -> Launch:
    """The launch of `mlx_lm.server` for a provider. Raises MissingExtra or ServingError before anything is started."""
    spec = provider.server
    attempted = f"serve provider {provider.name!r} with mlx_lm.server"
    package = require_mlx(attempted)
    model = local_model(spec, provider.model, MODEL_ID)
    flags = {
        "--model": model.weights,
        "--adapter-path": model.adapter,
        "--host": "{host}",
        "--port": "{port}",
        "--draft-model": model.draft,
        "--num-draft-tokens": spec.num_draft_tokens,
        "--kv-bits": spec.kv_bits,
        "--max-tokens": spec.max_tokens or provider.max_output_tokens or DEFAULT_MAX_TOKENS,
        "--temp": spec.temp,
        "--top-p": spec.top_p,
        "--prompt-cache-size": spec.prompt_cache_size,
        "--prompt-cache-bytes": spec.prompt_cache_bytes or default_cache_bytes(),
        "--decode-concurrency": spec.max_streams,
        "--chat-template-args": json.dumps(spec.chat_template_args) if spec.chat_template_args else None,
    }
    flags = {name: str(value) for name, value in flags.items() if value is not None}
    check_flags(flags, package / "server.py", attempted)
    argv = [sys.executable, "-m", "mlx_lm", "server", *(part for pair in flags.items() for part in pair)]
    return Launch(
        engine="plain",
        argv=argv,
        model_id=MODEL_ID,
        model_path=str(model.folder),
        identity=model.identity,
        fingerprint=fingerprint(
            {
                "argv": argv,
                "env": {**spec.env, **model.env},
                "host": spec.host,
                "port": spec.port,
                **model.fingerprint_parts(),
            }
        ),
        env=model.env,
        notes=_notes(spec),
        unavailable_is_final=True,
        **life(provider),
    )
