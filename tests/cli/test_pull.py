"""A model that is not here: `slm run` and `slm serve` ask on a terminal, and name the command in a pipe."""

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("huggingface_hub")

from slm_ext.testing.fake_hub import FakeHub
from slm_ext.testing.models import make_random_model

ROOT = Path(__file__).parents[2]


@pytest.fixture
def hub(tmp_path):
    with FakeHub() as hub:
        hub.add("org/model", make_random_model(tmp_path / "published"))
        yield hub


@pytest.fixture
def absent(providers, environ, tmp_path, hub):
    """A provider whose model is on the hub only."""
    providers("slm_providers: {own: {model: org/model, server: {engine: plain}}}")
    environ.update(hub.environ(tmp_path / "cache"))


@pytest.fixture
def terminal(project, environ):
    """Run `slm` on a terminal where `typed` is entered; returns (exit code, all that was shown)."""

    def run(*words: str, typed: str) -> tuple[int, str]:
        ours, theirs = pty.openpty()
        os.write(ours, typed.encode())
        process = subprocess.Popen(
            [sys.executable, "-m", "slm_ext.cli.main", *words],
            cwd=project, env={**environ, "PYTHONPATH": str(ROOT), "TERM": "xterm"},
            stdin=theirs, stdout=theirs, stderr=theirs,
        )  # fmt: skip
        os.close(theirs)
        shown = b""
        while True:
            try:
                piece = os.read(ours, 4096)
            except OSError:  # its last holder ended
                break
            if not piece:
                break
            shown += piece
        os.close(ours)
        return process.wait(60), shown.decode("utf-8", "replace")

    return run


@pytest.mark.parametrize(
    "words",
    [
        ["serve", "own"],
        ["serve", "own", "--json"],
        ["run", "--slm", "own", "--repo", "REPO", "--issue", "it breaks", "--json"],
        ["run", "--slm", "own", "--repo", "REPO", "--issue", "it breaks"],
    ],
)
def test_in_a_pipe_the_command_is_named(slm, absent, hub, project, words):
    pytest.importorskip("mlx_lm")
    repo = project / "repo"
    subprocess.run(["git", "init", "--quiet", str(repo)], check=True)
    (repo / "a.py").write_text("x = 1\n")
    identity = ["-c", "user.name=t", "-c", "user.email=t@localhost"]
    subprocess.run(["git", "-C", str(repo), "add", "--all"], check=True)
    subprocess.run(["git", "-C", str(repo), *identity, "commit", "--quiet", "-m", "Start"], check=True)
    done = slm(*(str(repo) if word == "REPO" else word for word in words))
    assert done.returncode == 2 and "Traceback" not in done.stderr
    assert "next: slm pull own\n" in done.stderr
    assert not hub.seen, "nothing was asked of the hub"
    if "--json" in words:
        document = json.loads(done.stdout)
        assert document["error"]["kind"] == "ModelMissing" and document["error"]["next"] == "slm pull own"


@pytest.mark.parametrize("typed", ["n\n", "\n", "\x04"])
def test_on_a_terminal_it_asks_and_takes_no_for_an_answer(terminal, absent, hub, typed):
    pytest.importorskip("mlx_lm")
    code, shown = terminal("serve", "own", typed=typed)
    assert code == 2 and "Fetch it now, " in shown and "kB? [y/N]" in shown
    assert "next: slm pull own" in shown
    assert not hub.sent("model.safetensors")


def test_on_a_terminal_yes_brings_it_and_goes_on(terminal, slm, absent, hub):
    pytest.importorskip("mlx_lm")
    code, shown = terminal("serve", "own", "--ttl", "30", typed="y\n")
    try:
        assert code == 0, shown
        assert "base URL" in shown and len(hub.sent("model.safetensors")) == 1
    finally:
        slm("stop", "--all")


def test_without_the_hub_the_question_is_not_put(terminal, absent, environ):
    pytest.importorskip("mlx_lm")
    environ["HF_HUB_OFFLINE"] = "1"
    code, shown = terminal("serve", "own", typed="y\n")
    assert code == 2 and "HF_HUB_OFFLINE is set" in shown and "[y/N]" not in shown


def test_the_bar_of_a_terminal(terminal, absent):
    code, shown = terminal("pull", "own", typed="")
    assert code == 0, shown
    assert "━" in shown and "kB" in shown and "files verified" in shown


def test_a_router_means_all_its_managed_providers(slm, providers, environ, tmp_path, hub):
    providers(
        "slm_providers:\n"
        "  own: {model: org/model, server: {engine: plain}}\n"
        "  others: {model: m, api_base: 'http://127.0.0.1:9/v1'}\n"
        "  crew: {default: own, fallback: [others]}\n"
    )
    environ.update(hub.environ(tmp_path / "cache"))
    done = slm("pull", "crew", "--json")
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert document["name"] == "crew" and [one["model"] for one in document["members"]] == ["org/model"]
    assert Path(document["members"][0]["path"]).is_dir()
