"""Child processes for the tests of this host: SWE-agent is bound at import, so each test needs a Python of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")  # else importing SWE-agent asks the network for prices


@pytest.fixture
def run_python(tmp_path):
    """Run this Python in an empty folder with a clean environment; returns the completed process."""

    def run(*args, env=None, cwd=tmp_path, timeout=120, check=False):
        clean = {key: value for key, value in os.environ.items() if not key.startswith(("SWE_AGENT", "SLM_", "PYTEST"))}
        clean |= {"SLM_HOME": str(tmp_path / "home"), "COLUMNS": "200", "LITELLM_LOCAL_MODEL_COST_MAP": "True"}
        clean |= env or {}
        return subprocess.run(
            [sys.executable, *map(str, args)],
            cwd=cwd,
            env=clean,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=check,
        )

    return run


@pytest.fixture
def sweagent(run_python):
    """Run the `sweagent` console script of this environment, through the `.pth`, as a user would."""
    script = Path(sys.executable).parent / "sweagent"

    def run(*args, **options):
        return run_python(script, *args, **options)

    return run
