"""Where shipped data and user state live. The only module that knows.

Shipped data is read-only and found both in a checkout (editable install) and in a wheel. User state lies under
`SLM_HOME` (default: the platform's user data directory), see `docs/reference/files.md`.
"""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["bundles_dir", "config_dir", "eval_dir", "home", "runs_dir", "servers_dir", "tiny_model_dir"]

_PACKAGE = Path(__file__).resolve().parent


def _shipped(name: str) -> Path:
    wheel = _PACKAGE / "_data" / name
    return wheel if wheel.is_dir() else _PACKAGE.parent / name


def config_dir() -> Path:
    """`config/`: YAML a user copies (providers, profiles)."""
    return _shipped("config")


def bundles_dir() -> Path:
    """`tool_bundles/`: one folder per SWE-agent tool bundle."""
    return _shipped("tool_bundles")


def eval_dir() -> Path:
    """`eval/`: evaluation repositories and suites as data."""
    return _shipped("eval")


def tiny_model_dir() -> Path:
    """The model folder of flywheel-tiny, as mlx-lm loads it."""
    return _PACKAGE / "tiny" / "model"


def home() -> Path:
    """User state: `$SLM_HOME`, else the platform's user data directory. Not created by this call."""
    if os.environ.get("SLM_HOME"):
        return Path(os.environ["SLM_HOME"]).expanduser().resolve()
    from platformdirs import user_data_path

    return user_data_path("slm-ext")


def servers_dir() -> Path:
    """State of managed servers, one folder per fingerprint."""
    return home() / "servers"


def runs_dir() -> Path:
    """Default place of run records when no `--out` is given."""
    return home() / "runs"
