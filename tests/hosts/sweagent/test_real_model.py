"""`sweagent run --slm flywheel-tiny` with the shipped model on the shipped demo: nothing in it is scripted."""

import json
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from slm_ext.paths import eval_dir, tiny_model_dir

from .box import Box, why_not

pytestmark = [pytest.mark.sweagent, pytest.mark.mlx, pytest.mark.slow]

HERE = Path(__file__).parent


@pytest.fixture
def run(tmp_path):
    """Run SWE-agent in a box on a demo repository; returns the report, the output folder and the repository."""
    if reason := why_not():
        pytest.skip(reason)
    if find_spec("mlx_lm") is None:
        pytest.skip("needs mlx-lm")
    if not (tiny_model_dir() / "model.safetensors").is_file():
        pytest.skip("flywheel-tiny is not in this package yet")

    def go(demo):
        source, repo, out = eval_dir() / "demo" / demo, tmp_path / demo, tmp_path / "out"
        shutil.copytree(source / "repo", repo)
        who = ["-c", "user.name=t", "-c", "user.email=t@example.org"]
        for words in (["init", "-q", "-b", "main"], ["add", "-A"], [*who, "commit", "-q", "-m", "start"]):
            subprocess.run(["git", "-C", str(repo), *words], check=True)
        shutil.copy(source / "issue.md", tmp_path / "issue.md")
        command = ["sweagent", "run", "--slm", "flywheel-tiny", "--env.deployment.type=local"]
        command += [f"--env.repo.path={repo}", f"--problem_statement.path={tmp_path / 'issue.md'}"]
        command += [f"--problem_statement.id={demo}", f"--output_dir={out}"]
        driver = [sys.executable, HERE / "managed_run.py", tmp_path / "report.json", "--", *command]
        done = Box(tmp_path).run(*driver, cwd=tmp_path, env={"SLM_HOME": str(tmp_path / "home")}, timeout=900)
        assert done.returncode == 0, done.stderr[-3000:]
        report = json.loads((tmp_path / "report.json").read_text())
        assert report["code"] == 0, done.stdout[-3000:] + done.stderr[-3000:]
        return report, out / demo, repo

    return go


@pytest.mark.parametrize("demo", ["inventory", "playlist"])
def test_the_model_fixes_the_demo(run, demo):
    report, out, repo = run(demo)
    trajectory = json.loads((out / f"{demo}.traj").read_text())
    assert trajectory["info"]["exit_status"] == "submitted"
    assert subprocess.run([sys.executable, "-m", "pytest", "-q"], cwd=repo, capture_output=True).returncode == 1
    subprocess.run(["git", "-C", str(repo), "apply", str(out / f"{demo}.patch")], check=True)
    verdict = subprocess.run([sys.executable, "-m", "pytest", "-q"], cwd=repo, capture_output=True, text=True)
    assert verdict.returncode == 0, verdict.stdout
    first = json.loads((out / "calls.jsonl").read_text().splitlines()[0])
    assert first["identity"]["kind"] == "echoed"
    assert first["identity"]["weights_sha"]
    assert report["left"] == {}
