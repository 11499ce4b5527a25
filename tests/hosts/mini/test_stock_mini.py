"""The exported YAML gives plain `mini -c` the same run: our classes by import path, the server started and stopped."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

pytest.importorskip("minisweagent")

from slm_ext.testing.openai_server import FakeOpenAI, tool_call

ROOT = Path(__file__).resolve().parents[3]
MODULE = "def double(x):\n    return x + 3\n"
TEST = "from numbers_ import double\n\n\ndef test_double():\n    assert double(3) == 6 and double(4) == 8\n"
FIX = [
    tool_call("pytest_run"),
    "a reply without a call",
    tool_call("edit_line", path="numbers_.py", line=2, old="x + 3", new="x * 2"),
    tool_call("pytest_run"),
    tool_call("submit"),
]
SERVER = """
import sys, threading
sys.path.insert(0, {root!r})
from slm_ext.testing.openai_server import FakeOpenAI
replies = iter({replies!r})
def answer(request):
    return next(replies) if request.get("tools") else "ok"
with FakeOpenAI([answer], listed=["default_model"], port=int(sys.argv[1])):
    threading.Event().wait()
"""


@pytest.fixture
def repo(tmp_path):
    folder = tmp_path / "repo"
    folder.mkdir()
    for name, text in {"numbers_.py": MODULE, "test_numbers.py": TEST}.items():
        (folder / name).write_text(text)
    for words in (
        ["init", "-q"],
        ["add", "."],
        ["-c", "user.name=x", "-c", "user.email=x@y", "commit", "-qm", "start"],
    ):
        subprocess.run(["git", *words], cwd=folder, check=True)
    return folder


def mini(entry: dict, repo: Path, tmp_path: Path) -> tuple[dict, str]:
    """The trajectory and the terminal's text of `slm export` and `mini -c`."""
    home = tmp_path / "home"
    home.mkdir()
    (home / "providers.yaml").write_text(yaml.safe_dump({"slm_providers": {"fake": entry}}))
    env = os.environ | {
        "SLM_HOME": str(home), "PYTHONPATH": str(ROOT), "MSWEA_CONFIGURED": "1", "TERM": "dumb",
        "MSWEA_GLOBAL_CONFIG_DIR": str(tmp_path / "mini"), "SLM_TOOL_STATE": str(tmp_path / "state"),
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
    }  # fmt: skip
    export = [sys.executable, "-m", "slm_ext.cli.main", "export", "fake", "--host", "mini"]
    exported = subprocess.run(export, cwd=repo, env=env, capture_output=True, text=True, check=True)
    config, trajectory = tmp_path / "exported.yaml", tmp_path / "run.traj.json"
    config.write_text(exported.stdout)
    command = [sys.executable, "-m", "minisweagent.run.mini", "-c", str(config), "-y", "--exit-immediately"]
    command += ["-t", "double does not double", "-o", str(trajectory)]
    done = subprocess.run(
        command, cwd=repo, env=env, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=300
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(trajectory.read_text()), done.stdout


def test_with_a_server_of_others(repo, tmp_path):
    with FakeOpenAI(FIX) as server:
        trajectory, _ = mini({"model": "m", "api_base": server.base_url, "profile": "tiny"}, repo, tmp_path)
    assert trajectory["info"]["exit_status"] == "Submitted"
    assert "return x * 2" in (repo / "numbers_.py").read_text()
    assert "+    return x * 2" in trajectory["info"]["submission"]
    roles = [m["role"] for m in trajectory["messages"]]
    assert roles == [
        "system",
        "user",
        *["assistant", "tool"],
        *["assistant", "user"],
        *["assistant", "tool"] * 2,
        "assistant",
        "exit",
    ]
    assert trajectory["messages"][1]["content"] == "double does not double"


def test_with_a_server_of_ours_that_ends_with_the_run(repo, tmp_path):
    script = SERVER.format(root=str(ROOT), replies=FIX)
    server = {"command": [sys.executable, "-c", script, "{port}"], "stop_grace_s": 1}
    trajectory, _ = mini({"model": "m", "server": server, "profile": "tiny"}, repo, tmp_path)
    assert trajectory["info"]["exit_status"] == "Submitted"
    assert trajectory["info"]["slm"]["identity"]["kind"] == "declared"
    (state,) = (tmp_path / "home" / "servers").glob("*/state.json")
    assert json.loads(state.read_text())["state"] == "stopped"
