"""The server lives around the run: started before it, gone after it, also when the run raises or is interrupted."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from .box import Box, why_not
from .test_end_to_end import IDEAL, ISSUE, repo

__all__ = ["repo"]

pytestmark = [pytest.mark.sweagent, pytest.mark.slow]

HERE = Path(__file__).parent


@pytest.fixture
def managed(tmp_path):
    """Run SWE-agent in a box with a server of its own; returns the process, what it left, and its output folder."""
    if reason := why_not():
        pytest.skip(reason)

    def run(repository, *words, replies=IDEAL, interrupt_at=None):
        (tmp_path / "replies.json").write_text(json.dumps(replies))
        start = [sys.executable, str(HERE / "managed_engine.py"), "{port}", str(tmp_path / "replies.json")]
        entry = {"model": "managed-model", "server": {"command": start}, "profile": "tiny"}
        (tmp_path / "managed.yaml").write_text(json.dumps({"slm_providers": {"managed": entry}}))
        out = tmp_path / "out"
        command = ["sweagent", "run", "--slm", "managed", "--config", "managed.yaml", "--env.deployment.type=local"]
        command += [f"--env.repo.path={repository}", f"--problem_statement.text={ISSUE}"]
        command += ["--problem_statement.id=statkit-1", f"--output_dir={out}", *words]
        options = ["--interrupt-at", out / "statkit-1" / interrupt_at] if interrupt_at else []
        driver = [sys.executable, HERE / "managed_run.py", tmp_path / "report.json", *options, "--", *command]
        done = Box(tmp_path).run(*driver, cwd=tmp_path, env={"SLM_HOME": str(tmp_path / "home")})
        assert done.returncode == 0, done.stderr[-3000:]
        report = json.loads((tmp_path / "report.json").read_text())
        assert report["served"] == 1, (report, done.stderr[-3000:])
        return done, report, out / "statkit-1"

    return run


def test_the_server_is_started_and_gone_after_the_run(managed, repo):
    done, report, out = managed(repo)
    assert (report["code"], report["left"]) == (0, {})
    assert json.loads((out / "statkit-1.traj").read_text())["info"]["exit_status"] == "submitted"
    assert "slm: starting: " in done.stderr
    assert "slm: stopped: " in done.stderr
    first = json.loads((out / "calls.jsonl").read_text().splitlines()[0])
    assert first["identity"]["model_id"] == "managed-model"


def test_the_server_is_gone_when_the_run_raises(managed, tmp_path):
    folder = tmp_path / "not-a-repository"
    folder.mkdir()
    done, report, _ = managed(folder)
    assert report["code"] == 1, "SWE-agent's own error stays SWE-agent's"
    assert "Could not find git repository" in done.stderr
    assert report["left"] == {}


def test_an_interrupt_leaves_no_process_and_keeps_the_records(managed, repo):
    done, report, out = managed(repo, replies=[["pytest_run", {}]], interrupt_at="calls.jsonl")
    assert report["code"] != 0, done.stdout + done.stderr
    assert report["left"] == {}
    assert json.loads((out / "calls.jsonl").read_text().splitlines()[0])["kind"] == "call"


def test_a_batch(managed, repo, tmp_path):
    """Three entrances share the code; a batch has its own loop, its own folders and its own replay configuration."""
    instances = [
        {"image_name": "", "problem_statement": ISSUE, "instance_id": "statkit-1", "repo_name": str(repo)},
    ]
    (tmp_path / "instances.json").write_text(json.dumps(instances))
    (tmp_path / "replies.json").write_text(json.dumps(IDEAL))
    start = [sys.executable, str(HERE / "managed_engine.py"), "{port}", str(tmp_path / "replies.json")]
    entry = {"model": "managed-model", "server": {"command": start}, "profile": "tiny"}
    (tmp_path / "managed.yaml").write_text(json.dumps({"slm_providers": {"managed": entry}}))
    out = tmp_path / "out"
    command = ["sweagent", "run-batch", "--slm", "managed", "--config", "managed.yaml", "--instances.type=file"]
    command += ["--instances.path=instances.json", "--instances.deployment.type=local", f"--output_dir={out}"]
    driver = [sys.executable, HERE / "managed_run.py", tmp_path / "report.json", "--", *command]
    done = Box(tmp_path).run(*driver, cwd=tmp_path, env={"SLM_HOME": str(tmp_path / "home")})
    assert done.returncode == 0, done.stderr[-3000:]
    report = json.loads((tmp_path / "report.json").read_text())
    assert (report["code"], report["served"], report["left"]) == (0, 1, {}), done.stdout[-3000:]
    patch = json.loads((out / "preds.json").read_text())["statkit-1"]["model_patch"]
    assert "+        if value > limit:" in patch
    kinds = [json.loads(line)["kind"] for line in (out / "statkit-1" / "calls.jsonl").read_text().splitlines()]
    assert kinds == ["call", "observation"] * 5 + ["outcome"]
    check = subprocess.run(["git", "-C", str(repo), "apply", "--check", "-"], input=patch, text=True)
    assert check.returncode == 0
