"""Engines on flywheel-tiny, each started once for all tests that can share it. Every one is ended by its pid."""

from __future__ import annotations

import os
import socket
import threading
from pathlib import Path

import pytest

from slm_ext.serving.identity import folder_identity
from slm_ext.serving.widening import pays, widened

from ..conftest import ROOT
from .server import MODEL, Engine

TINY = ROOT / "slm_ext" / "tiny" / "model"


@pytest.fixture(scope="session")
def weights(tmp_path_factory) -> Path:
    """flywheel-tiny, in float32 where that is faster."""
    if not pays(TINY):
        return TINY
    before = os.environ.get("SLM_HOME")
    os.environ["SLM_HOME"] = str(tmp_path_factory.mktemp("home"))
    try:
        return widened(TINY, folder_identity(TINY, MODEL).model_dump())
    finally:
        os.environ.pop("SLM_HOME") if before is None else os.environ.update(SLM_HOME=before)


class Listener:
    """A loopback port that counts who calls, and answers nobody."""

    def __init__(self):
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port = self._socket.getsockname()[1]
        self.calls = 0
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            self.calls += 1
            connection.close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def listener():
    listener = Listener()
    yield listener
    listener.close()


@pytest.fixture(scope="session")
def hub(tmp_path_factory):
    """What the engines take for the model hub; its cache is empty."""
    listener = Listener()
    listener.cache = tmp_path_factory.mktemp("hub")
    yield listener
    listener.close()


@pytest.fixture(scope="session")
def launch(tmp_path_factory, weights, hub):
    """Starts engines that live as long as the session: `launch(context_tokens=256)`."""
    started: list[Engine] = []
    environment = {"HF_ENDPOINT": hub.url, "HF_HOME": str(hub.cache), "HF_HUB_OFFLINE": "0"}

    def start(**config) -> Engine:
        folder = config.pop("weights", weights)
        engine = Engine(tmp_path_factory.mktemp("engine"), folder, environment=environment, **config)
        started.append(engine)
        return engine

    yield start
    for engine in started:
        if engine.process.poll() is None:
            engine.process.kill()
        engine.process.wait()
    assert hub.calls == 0, "an engine called the model hub"
    assert not [engine.log for engine in started if "Traceback" in engine.log]


@pytest.fixture(scope="session")
def engine(launch) -> Engine:
    """The one that most tests share: four streams, the model's own window of 2,048 tokens."""
    return launch(max_streams=4).ready()


@pytest.fixture(scope="session")
def narrow(launch) -> Engine:
    """One stream, one waiting request, a window of 32,768 tokens: prompts that take seconds."""
    return launch(max_streams=1, queue_limit=1, context_tokens=32768).ready()
