"""Real keepers, real processes, an SLM_HOME per test. No test leaves a process behind; the fixture checks."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from slm_ext.registry.provider import Provider
from slm_ext.serving import control, states
from slm_ext.serving.identity import Identity, fingerprint
from slm_ext.serving.launch import Launch
from slm_ext.serving.processes import birth
from slm_ext.testing.fake_engine import command, slm_command

ROOT = Path(__file__).resolve().parents[2]
HAS_MLX = importlib.util.find_spec("mlx_lm") is not None


def pytest_collection_modifyitems(items):
    for item in items:
        if item.get_closest_marker("mlx") and not HAS_MLX:
            item.add_marker(pytest.mark.skip(reason="mlx-lm is not installed"))


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A user state of its own; at the end every server that still lives is stopped, and that is a failure."""
    folder = tmp_path / "home"
    monkeypatch.setenv("SLM_HOME", str(folder))
    yield folder
    left = control.servers()
    for state in left:
        control.stop(state["fingerprint"])
    assert not left, "a server outlived its test"


@pytest.fixture
def fake(home):
    """Makes a provider of a fake engine: `fake("--crash", "3", ttl_s=5)`."""

    def make(*faults: str, **server) -> Provider:
        return Provider(name="fake", model="fake-model", server={"command": command(*map(str, faults)), **server})

    return make


@pytest.fixture
def ours(home):
    """Makes the launch of a fake engine that speaks as ours does: `hold(ours("--crash-after", 3, ttl_s=5))`."""

    def make(*faults, weights: str = "a" * 64, **fields) -> Launch:
        argv = slm_command(*map(str, faults))
        identity = Identity(kind="keeper", model_id="fake-model", weights_sha=weights, template_sha="b" * 64)
        config = {"model_id": "fake-model", "weights_sha": weights, "template_sha": "b" * 64}
        return Launch(
            name="mine",
            engine="slm",
            argv=argv,
            model_id="fake-model",
            model_path="/models/fake",
            identity=identity.model_dump(),
            fingerprint=fingerprint({"argv": argv, "port": fields.get("port", 0)}),
            config=config,
            port_from_child=True,
            **{"stall_timeout_s": 20, "grace_s": 1, **fields},
        )

    return make


def settled(home: Path) -> dict:
    """The state of the only server."""
    (folder,) = (home / "servers").glob("*/")
    return states.read(folder)


def wait_until(condition, seconds: float = 10):
    """The first true value of `condition()`. Fails when none came in time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if value := condition():
            return value
        time.sleep(0.01)
    raise AssertionError(f"not within {seconds} s: {condition}")


def gone(pid: int) -> bool:
    return birth(pid) is None


class Client:
    """Another process that acquires a fake engine and holds it until its stdin closes."""

    def __init__(self, home: Path, *faults: str, **server):
        script = (
            "import sys\n"
            "from slm_ext.registry.provider import Provider\n"
            "from slm_ext.serving import acquire\n"
            "from slm_ext.testing.fake_engine import command\n"
            f"server = {{'command': command(*{faults!r}), **{server!r}}}\n"
            "provider = Provider(name='fake', model='fake-model', server=server)\n"
            "def tell(stage, message): print(stage, flush=True)\n"
            "with acquire(provider, on_event=tell) as handle:\n"
            "    print('pid', handle.pid, flush=True)\n"
            "    sys.stdin.read()\n"
        )
        self.process = subprocess.Popen(
            [sys.executable, "-c", script],
            cwd=ROOT,
            env={**os.environ, "SLM_HOME": str(home)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def until(self, word: str) -> str:
        """Read its lines up to one that begins with `word`; returns the rest of that line."""
        for line in self.process.stdout:
            if line.startswith(word):
                return line[len(word) :].strip()
        raise AssertionError(f"the client ended before {word!r}: {self.process.stderr.read()}")

    def finish(self) -> int:
        self.process.stdin.close()
        status = self.process.wait(20)
        self.process.stdout.close()
        self.process.stderr.close()
        return status


@pytest.fixture
def client(home):
    """Starts `Client`s and ends those that the test left running."""
    started: list[Client] = []

    def start(*faults: str, **server) -> Client:
        started.append(Client(home, *map(str, faults), **server))
        return started[-1]

    yield start
    for one in started:
        if one.process.poll() is None:
            one.process.kill()
        one.finish()
