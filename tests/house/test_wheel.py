"""A wheel carries what a checkout has: configuration, tool bundles, evaluation data, the model, the `.pth`."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

pytest.importorskip("hatchling", reason="comes with the extra [dev]")

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    target = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(target)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    return next(target.glob("*.whl"))


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory) -> Path:
    target = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--no-index", "--target", target, wheel]
    subprocess.run(command, check=True, capture_output=True)
    return target


def test_it_holds_what_git_tracks(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    tracked = subprocess.run(
        ["git", "ls-files", "config", "tool_bundles", "eval", "slm_ext"], cwd=ROOT, capture_output=True, text=True
    ).stdout.split()
    if not tracked:
        pytest.skip("not a git checkout")
    wanted = {name if name.startswith("slm_ext/") else f"slm_ext/_data/{name}" for name in tracked}
    assert not {name for name in wanted - names if (ROOT / name.replace("slm_ext/_data/", "")).exists()}
    assert "slm_ext_sweagent.pth" in names
    assert not [name for name in names if "__pycache__" in name or name.startswith("tests/")]


def test_an_installed_package_finds_its_data(installed, tmp_path):
    code = (
        "import os, slm_ext.paths as p\n"
        "from slm_ext.bundles import load_bundles\n"
        "from slm_ext.registry import load_registry\n"
        "assert str(p.config_dir()).endswith('_data/config'), p.config_dir()\n"
        "assert (p.eval_dir() / 'demo' / 'inventory' / 'issue.md').is_file()\n"
        "assert 'flywheel-tiny' in load_registry().names()\n"
        "folder = load_bundles(['slm_edit'])[-1].path\n"
        "assert os.access(folder / 'bin' / 'read_file', os.X_OK)\n"
        "print(p.__file__)\n"
    )
    environ = os.environ | {"PYTHONPATH": str(installed), "SLM_HOME": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=environ, capture_output=True, text=True)
    assert done.returncode == 0 and done.stdout.startswith(str(installed)), done.stdout + done.stderr
