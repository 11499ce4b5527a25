"""`slm` as a process, in a project folder of its own with an empty SLM_HOME."""

import os
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest


def pytest_collection_modifyitems(items):
    from slm_ext.hosts.sweagent import available

    there, reason = available()
    for item in items:
        if not there and item.get_closest_marker("sweagent"):
            item.add_marker(pytest.mark.skip(reason=f"needs SWE-agent: {reason}"))


@pytest.fixture
def project(tmp_path) -> Path:
    folder = tmp_path / "project"
    folder.mkdir()
    return folder


@pytest.fixture
def providers(project):
    """Write the project's providers file."""

    def write(text: str) -> None:
        (project / "slm_providers.yaml").write_text(dedent(text))

    return write


@pytest.fixture
def environ(tmp_path) -> dict[str, str]:
    """Ours without anybody's settings."""
    clean = {key: value for key, value in os.environ.items() if not key.startswith(("SLM_", "SWE_AGENT", "MSWEA"))}
    return clean | {
        "SLM_HOME": str(tmp_path / "home"),
        "COLUMNS": "200",
        "MSWEA_GLOBAL_CONFIG_DIR": str(tmp_path / "mini"),
        "MSWEA_CONFIGURED": "1",
        "MSWEA_SILENT_STARTUP": "1",
    }


@pytest.fixture
def slm(project, environ):
    """Run `slm` and return the completed process."""

    def run(*words: str, env: dict[str, str] | None = None, timeout: float = 120) -> subprocess.CompletedProcess:
        return subprocess.run(
            [sys.executable, "-m", "slm_ext.cli.main", *words],
            cwd=project,
            env={**environ, "PYTHONPATH": str(Path(__file__).parents[2]), **(env or {})},
            capture_output=True,
            text=True,
            timeout=timeout,
        )

    return run
