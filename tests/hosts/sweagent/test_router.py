"""SWE-agent with a router, and with models that answer badly, stall or are gone: its own loop and runtime."""

import json
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
import yaml

from slm_ext.paths import eval_dir, tiny_model_dir
from slm_ext.traces import read_calls
from tests.hosts.bad_answers import BAD_ANSWERS, body

from .box import Box, why_not
from .test_end_to_end import IDEAL, ISSUE, PORT, repo  # noqa: F401  (a fixture)

pytestmark = [pytest.mark.sweagent, pytest.mark.slow]

HERE = Path(__file__).parent
URL = f"http://127.0.0.1:{PORT}/v1"
SCRIPTED = {"model": "scripted-model", "api_base": URL, "profile": "tiny"}


@pytest.fixture
def run(tmp_path):
    """Run SWE-agent in a box with these providers and scripted replies; returns the process, the folder of its output
    and the requests that the scripted endpoint got."""
    if reason := why_not():
        pytest.skip(reason)

    def go(repository, providers, replies, *words, slm="team", issue=ISSUE, check=True):
        (tmp_path / "replies.json").write_text(json.dumps(replies))
        (tmp_path / "providers.yaml").write_text(yaml.safe_dump({"slm_providers": providers}))
        command = ["sweagent", "run", "--slm", slm, "--config", "providers.yaml", "--env.deployment.type=local"]
        command += [f"--env.repo.path={repository}", f"--problem_statement.text={issue}\n"]
        command += ["--problem_statement.id=task", f"--output_dir={tmp_path / 'out'}", *words]
        files = [tmp_path / "replies.json", tmp_path / "requests.json"]
        driver = [sys.executable, HERE / "scripted_run.py", *files, PORT, "--", *command]
        done = Box(tmp_path).run(*driver, cwd=tmp_path, env={"SLM_HOME": str(tmp_path / "home")}, timeout=900)
        assert not check or done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
        return done, tmp_path / "out" / "task", json.loads((tmp_path / "requests.json").read_text())

    return go


def trajectory(out):
    return json.loads((out / "task.traj").read_text())


def asked(out):
    records = [record for record in read_calls(out) if record["kind"] == "call"]
    return [(r["route"]["provider"], r["route"]["cause"]) for r in records if r["validation"]["status"] != "resampled"]


@pytest.mark.mlx
@pytest.mark.skipif(find_spec("mlx_lm") is None, reason="mlx-lm is not installed")
def test_a_stall_brings_the_stronger_one_in_and_out_again_and_the_patch_is_right(run, tmp_path):
    if not (tiny_model_dir() / "model.safetensors").is_file():
        pytest.skip("flywheel-tiny is not in this package")
    demo, repository = eval_dir() / "demo" / "inventory", tmp_path / "inventory"
    shutil.copytree(demo / "repo", repository)
    who = ["-c", "user.name=t", "-c", "user.email=t@example.org"]
    for words in (["init", "-q", "-b", "main"], ["add", "-A"], [*who, "commit", "-q", "-m", "start"]):
        subprocess.run(["git", "-C", str(repository), *words], check=True)
    providers = {
        "scripted": SCRIPTED,
        "planner": {"extends": "flywheel-tiny", "server": {"engine": "plain"}},
        "coach": {"extends": "flywheel-tiny"},
        "team": {
            "default": "scripted", "subtasks": {"plan": "planner"}, "fallback": ["coach"], "profile": "tiny",
            "escalate": {"return_after": 2},
        },
    }  # fmt: skip
    stalling = ["read_file", {"path": "app/inventory.py", "symbol": "items_below"}]
    issue = (demo / "issue.md").read_text().strip()
    done, out, _ = run(repository, providers, [stalling, stalling, ["submit", {}]], issue=issue)
    route = asked(out)
    assert route[:3] == [("planner", "subtask"), ("scripted", "default"), ("scripted", "default")]
    assert route[3] == ("coach", "repeated_action") and route[-1] == ("scripted", "returned")
    told = trajectory(out)
    assert told["info"]["exit_status"] == "submitted"
    steps = [step["extra_info"]["slm"]["route"] for step in told["trajectory"] if "slm" in step["extra_info"]]
    assert [step["provider"] for step in steps][:4] == ["planner", "scripted", "scripted", "coach"]
    assert steps[3]["escalated_from"] == "scripted" and steps[3]["alternatives"]
    assert "scripted → coach (repeated_action)" in done.stdout + done.stderr
    subprocess.run(["git", "-C", str(repository), "apply", str(out / "task.patch")], check=True)
    verdict = subprocess.run([sys.executable, "-m", "pytest", "-q"], cwd=repository, capture_output=True, text=True)
    assert verdict.returncode == 0, verdict.stdout


@pytest.mark.parametrize("name", BAD_ANSWERS)
def test_a_bad_answer_is_asked_again_and_the_run_goes_on(run, repo, name):  # noqa: F811
    _, _, rule, seen = BAD_ANSWERS[name]
    _, out, requests = run(repo, {"one": SCRIPTED}, [IDEAL[0], body(name), *IDEAL[1:]], slm="one")
    assert trajectory(out)["info"]["exit_status"] == "submitted"
    assert len(requests) == 6
    asked_again = requests[2]["messages"]
    assert [m["role"] for m in asked_again[:4]] == ["system", "user", "assistant", "tool"]
    assert [m["role"] for m in asked_again[4:]] in (["assistant", "user"], ["assistant", "tool"])
    told = asked_again[-1]["content"]
    assert told.startswith(f"error {rule}" if rule else "error ")
    assert seen is None or seen in json.dumps(asked_again[4:]).replace('\\\\"', '"').replace('\\"', '"')


@pytest.mark.parametrize("name", ["no call", "several calls", "arguments are a list", "arguments are null"])
def test_bad_answers_end_the_run_without_a_traceback(run, repo, name):  # noqa: F811
    done, out, requests = run(repo, {"one": SCRIPTED}, [body(name)], slm="one")
    assert "exit_format" in trajectory(out)["info"]["exit_status"]
    assert "Traceback" not in done.stdout + done.stderr
    assert len(requests) == 3  # SWE-agent's max_requeries


def test_each_provider_that_takes_over_has_its_own_tries(run, repo):  # noqa: F811
    providers = {"weak": SCRIPTED, "strong": SCRIPTED, "team": {"default": "weak", "fallback": ["strong"]}}
    _, out, requests = run(repo, providers, [*["no call"] * 4, *IDEAL])
    assert trajectory(out)["info"]["exit_status"] == "submitted" and len(requests) == 9
    assert [name for name, _ in asked(out)][:5] == ["weak", "weak", "strong", "strong", "strong"]


def test_a_dead_endpoint_ends_the_run_with_its_cause(run, repo):  # noqa: F811
    dead = {"dead": {"model": "m", "api_base": "http://127.0.0.1:9/v1", "profile": "tiny"}}
    done, out, _ = run(repo, dead, [], slm="dead", check=False)
    told = done.stdout + done.stderr
    assert "exit_error" in trajectory(out)["info"]["exit_status"]
    assert "'dead' at http://127.0.0.1:9/v1" in told and "refused" in told
    [record] = [r for r in read_calls(out) if r["kind"] == "call"]
    assert record["validation"]["status"] == "provider_down" and record["attempts"] == 4


def test_a_missing_key_is_told_at_once(run, repo):  # noqa: F811
    keyed = {"one": SCRIPTED | {"api_key": "$SLM_TEST_KEY"}}
    done, out, requests = run(repo, keyed, [IDEAL[0]], slm="one", check=False)
    assert done.returncode == 2 and requests == [] and not out.exists()
    assert "the environment variable SLM_TEST_KEY is not set" in done.stderr
    assert "Traceback" not in done.stdout + done.stderr


def test_a_stalled_run_is_ended_with_one_reason_and_its_patch_is_kept(run, repo):  # noqa: F811
    providers = {"one": SCRIPTED, "team": {"default": "one", "stop_policy": {"repeat_action": 3}}}
    _, out, requests = run(repo, providers, [IDEAL[2], IDEAL[1]])
    assert len(requests) == 4
    assert "value > limit" in trajectory(out)["info"]["submission"]
    outcome = [r["exit_status"] for r in read_calls(out) if r["kind"] == "outcome"]
    assert outcome == ["Stopped: repeat_action"]


def test_a_spent_budget_ends_the_run_and_keeps_the_patch(run, repo):  # noqa: F811
    providers = {"one": SCRIPTED, "team": {"default": "one", "budget": {"calls": 3}}}
    _, out, requests = run(repo, providers, IDEAL)
    assert len(requests) == 3 and "value > limit" in trajectory(out)["info"]["submission"]
    assert [r["exit_status"] for r in read_calls(out) if r["kind"] == "outcome"] == ["BudgetSpent"]
