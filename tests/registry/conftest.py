"""A project folder whose providers file is written by the test, with a user's home of its own."""

from pathlib import Path
from textwrap import dedent

import pytest

from slm_ext.registry import load_registry


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch) -> Path:
    """An empty SLM_HOME, so that nobody's own providers count."""
    folder = tmp_path / "home"
    folder.mkdir()
    monkeypatch.setenv("SLM_HOME", str(folder))
    return folder


@pytest.fixture
def project(tmp_path) -> Path:
    folder = tmp_path / "project"
    folder.mkdir()
    return folder


@pytest.fixture
def loaded(project):
    """`loaded(yaml_text)` writes `slm_providers.yaml` and returns the registry."""

    def load(text: str):
        (project / "slm_providers.yaml").write_text(dedent(text))
        return load_registry(project)

    return load
