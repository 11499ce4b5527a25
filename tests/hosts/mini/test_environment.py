"""Commands beside mini: bash, the bundles on PATH, no keys, typed results, nothing left running."""

from __future__ import annotations

import os
import subprocess
from types import SimpleNamespace

import psutil
import pytest

pytest.importorskip("minisweagent")

from minisweagent.exceptions import Submitted

from slm_ext.bundles import command_line, load_bundles
from slm_ext.hosts.mini.environment import SlmEnvironment

BUNDLES = ["slm_edit", "slm_python_quality", "slm_finish"]
HARD = [
    'it\'s "quoted"',
    "$(touch owned) `id` $HOME",
    "-n --json",
    "EOF",
    "a\\nb \\\\",
    "<&|;#>!",
    "größe λ 🐍",
    "{{x}}",
]


@pytest.fixture
def repo(tmp_path):
    folder = tmp_path / "repo"
    folder.mkdir()
    subprocess.run(["git", "init", "-q"], cwd=folder, check=True)
    (folder / "a.txt").write_text("start\n")
    return folder


@pytest.fixture
def environment(repo, tmp_path):
    made = SlmEnvironment(cwd=str(repo), bundles=BUNDLES, env={"SLM_TOOL_STATE": str(tmp_path / "state")}, timeout=60)
    yield made
    made.close()


def call(name, **arguments):
    line = command_line(SimpleNamespace(name=name, arguments=arguments), load_bundles(BUNDLES))
    return {"command": line, "tool": name, "arguments": arguments}


def test_the_shell_is_bash(environment):
    assert environment.execute({"command": "cat <(echo $BASH_VERSION | cut -c1)"})["output"].strip().isdigit()


def test_a_tool_prints_its_text_and_leaves_its_typed_result(environment):
    output = environment.execute(call("read_file", path="a.txt"))
    assert output["output"] == "a.txt: lines 1-1 of 1\n1|start\n"
    assert output["extra"]["tool_report"]["tool"] == "read_file"
    assert environment.execute({"command": "true"})["extra"].get("tool_report") is None


@pytest.mark.parametrize("text", HARD)
def test_arguments_arrive_as_data(text, environment, repo):
    output = environment.execute(call("edit_line", path="a.txt", line=1, old="start", new=text))
    assert output["returncode"] == 0, output
    assert (repo / "a.txt").read_text() == text + "\n"
    assert not (repo / "owned").exists()


def test_a_bad_call_is_an_observation_with_its_status(environment):
    output = environment.execute(call("edit_line", path="a.txt", line=1, old="nope", new="x"))
    assert output["returncode"] == 2 and output["output"].startswith("error not_found")


def test_commands_have_no_keys(repo, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sekrit-123")
    made = SlmEnvironment(cwd=str(repo), bundles=BUNDLES)
    assert "sekrit-123" not in made.execute({"command": "env"})["output"]


def test_submitting_ends_with_the_patch(environment, repo):
    (repo / "a.txt").write_text("changed\n")
    with pytest.raises(Submitted) as ended:
        environment.execute(call("submit"))
    (message,) = ended.value.messages
    assert message["extra"]["exit_status"] == "Submitted" and "+changed" in message["extra"]["submission"]


def test_printing_the_marker_in_a_failing_command_is_no_submission(environment):
    output = environment.execute({"command": "echo COMPLETE_TASK_AND_SUBMIT_FINAL_OUTPUT; exit 1"})
    assert output["returncode"] == 1


def test_a_command_over_its_time_is_ended_and_says_so(repo):
    made = SlmEnvironment(cwd=str(repo), bundles=BUNDLES, timeout=1)
    output = made.execute({"command": "echo before; sleep 600"})
    assert output["output"] == "before\n" and "ended after 1 s" in output["exception_info"]


def test_background_processes_end_with_the_environment(environment):
    pid = int(environment.execute({"command": "sleep 600 >/dev/null 2>&1 & echo $!"})["output"])
    assert psutil.pid_exists(pid)
    environment.close()
    psutil.wait_procs([p for p in psutil.process_iter() if p.pid == pid], timeout=10)
    assert not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


def test_output_that_is_not_text_does_not_stop_it(environment):
    assert environment.execute({"command": "printf '\\xff\\xfe ok'"})["output"].endswith(" ok")


def test_an_unknown_setting_is_refused(repo):
    with pytest.raises(ValueError, match="cwdd"):
        SlmEnvironment(cwdd=str(repo))


def test_the_environment_of_the_process_is_no_template_variable(environment):
    assert os.environ["PATH"] not in environment.get_template_vars().values()
