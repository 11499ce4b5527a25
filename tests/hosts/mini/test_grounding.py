"""Through mini's own loop our engine is told, step by step, what the next call can name."""

import subprocess

import pytest

pytest.importorskip("minisweagent")

from slm_ext.bundles import load_bundles
from slm_ext.completion import Pool
from slm_ext.hosts.mini.entry import run_task_in_mini
from slm_ext.registry import Team, load_registry
from slm_ext.registry.provider import Provider
from slm_ext.serving.handle import ServerHandle
from slm_ext.serving.identity import Identity
from slm_ext.testing.openai_server import FakeOpenAI, tool_call

MODULE = "def double(x):\n    return x + 3\n"


@pytest.fixture
def played(tmp_path, monkeypatch):
    """Play `replies` in a repository; the requests the server got."""
    monkeypatch.setenv("SLM_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("SLM_TOOL_STATE", str(tmp_path / "state"))
    repo = tmp_path / "repo"
    repo.mkdir()
    (repo / "numbers_.py").write_text(MODULE)
    for words in (["init", "-q"], ["add", "."], ["-c", "user.name=x", "-c", "user.email=x@y", "commit", "-qm", "s"]):
        subprocess.run(["git", *words], cwd=repo, check=True)

    def play(*replies, engine="slm", **fields):
        provider = Provider(name="small", model="m", server={"engine": engine, "model_path": "/nowhere"}, **fields)
        profile = load_registry(tmp_path).profile("tiny")
        with FakeOpenAI(list(replies)) as server:
            identity = Identity(kind="declared", model_id="m")
            handle = ServerHandle(base_url=server.base_url, token="t", model_id="m", identity=identity)
            outcome = run_task_in_mini(
                team=Team.of(provider), profile=profile, bundles=load_bundles([*profile.bundles]),
                pool=Pool.given(provider, handle),
                recorder=None, repo=repo, task="double(4) is 7", trajectory=tmp_path / "run.traj.json",
                env={"PATH": "/usr/bin:/bin", "SLM_TOOL_STATE": str(tmp_path / "state"), "SLM_BASELINE": "HEAD"},
            )  # fmt: skip
            assert outcome["exit_status"] == "Submitted", outcome
            return server.requests

    return play


EDIT = {"path": "numbers_.py", "line": 2, "old": "x + 3", "new": "x * 2"}
CALLS = [
    tool_call("read_file", path="numbers_.py", symbol="double"),
    tool_call("edit_line", **EDIT),
    tool_call("submit"),
]


def test_each_step_knows_the_repository_as_it_is(played):
    steps = [request["slm"]["domains"] for request in played(*CALLS)]
    reading = [{"path": {"enum": ["numbers_.py"]}, "symbol": {"enum": ["double"]}}]
    assert [step["read_file"] for step in steps] == [reading] * 3
    assert [[c["old"]["substring"] for c in step["edit_line"]] for step in steps] == [
        [],
        ["def double(x):", "    return x + 3"],
        ["def double(x):", "    return x * 2"],
    ]
    assert [len(step["undo_edit"]) for step in steps] == [0, 0, 1]


@pytest.mark.parametrize(("engine", "constraints"), [("plain", "grounded"), ("slm", "off")])
def test_where_constraints_are_not_in_effect_no_case_is_sent(played, engine, constraints):
    for request in played(*CALLS, engine=engine, constraints=constraints):
        assert "tool_choice" not in request and "domains" not in request.get("slm", {})
