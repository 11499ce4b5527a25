"""The engine as a test sees it: a child process, its log, and HTTP to it."""

from __future__ import annotations

import http.client
import json
import os
import socket
import subprocess
import sys
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from slm_ext.serving.openblas import preload_environment

from ..conftest import ROOT, wait_until

__all__ = ["MODEL", "TOKEN", "Answer", "Engine", "Stream", "tool"]

MODEL, TOKEN = "flywheel-tiny", "a-token-of-this-launch"


@dataclass
class Answer:
    """One HTTP answer. `error` is the OpenAI error object, {} where the answer is none."""

    status: int
    headers: dict[str, str]
    raw: bytes

    @property
    def document(self) -> dict[str, Any]:
        return json.loads(self.raw, parse_constant=_no_json)

    @property
    def error(self) -> dict[str, Any]:
        return self.document.get("error") or {}

    @property
    def choice(self) -> dict[str, Any]:
        assert self.status == 200, self.raw
        (choice,) = self.document["choices"]
        return choice

    @property
    def message(self) -> dict[str, Any]:
        return self.choice["message"]

    @property
    def text(self) -> str:
        return self.choice["text"]

    @property
    def usage(self) -> dict[str, Any]:
        assert self.status == 200, self.raw
        return self.document["usage"]

    @property
    def cached(self) -> int:
        return self.usage["prompt_tokens_details"]["cached_tokens"]


@dataclass
class Stream:
    """A stream read to its end: the documents, and whether `[DONE]` came last."""

    status: int
    events: list[dict[str, Any]] = field(default_factory=list)
    done: bool = False

    @property
    def deltas(self) -> list[dict[str, Any]]:
        return [choice["delta"] for event in self.events for choice in event.get("choices", [])]

    @property
    def content(self) -> str:
        return "".join(delta.get("content") or "" for delta in self.deltas)

    @property
    def text(self) -> str:
        return "".join(choice["text"] for event in self.events for choice in event.get("choices", []))

    @property
    def calls(self) -> list[dict[str, Any]]:
        return [call for delta in self.deltas for call in delta.get("tool_calls", [])]

    @property
    def finish(self) -> str | None:
        ends = [choice["finish_reason"] for event in self.events for choice in event.get("choices", [])]
        return next((end for end in reversed(ends) if end), None)

    @property
    def usage(self) -> dict[str, Any] | None:
        return next((event["usage"] for event in self.events if event.get("usage")), None)


class Engine:
    """`python -m slm_ext.serving.engine` on a model folder.

    Args:
        place: an empty folder for its configuration, ready file and log.
        weights: the folder that is loaded.
        token: empty lets everybody in.
        environment: further variables.
        program: Python code run in the engine's place, its configuration being `sys.argv[1]`.
        config: fields of EngineConfig.
    """

    def __init__(
        self,
        place: Path,
        weights: Path,
        *,
        token: str = TOKEN,
        environment: dict[str, str] | None = None,
        program: str = "",
        **config: Any,
    ):
        place.mkdir(parents=True, exist_ok=True)
        self.token, self.log_path, self._ready = token, place / "engine.log", place / "ready.json"
        fields = {
            "model_id": MODEL,
            "model_path": str(weights),
            "ready_file": str(self._ready),
            "launch_id": "launch-1",
        }
        (place / "config.json").write_text(json.dumps({"schema_version": 1, **fields, **config}))
        inherited = {**os.environ, **preload_environment(dict(os.environ)), **(environment or {})}
        with open(self.log_path, "wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, *(["-c", program] if program else ["-m", "slm_ext.serving.engine"]),
                 str(place / "config.json")],
                cwd=ROOT, env={**inherited, "SLM_ENGINE_TOKEN": token}, stdout=log, stderr=log,
            )  # fmt: skip

    # -- life ----------------------------------------------------------------------------------------------------------

    def bound(self) -> Engine:
        """Wait for the ready file."""
        wait_until(lambda: self._ready.exists() or self._ended(), 30)
        self.port = json.loads(self._ready.read_text())["port"]
        return self

    def ready(self) -> Engine:
        """Wait until it can answer."""
        self.bound()
        wait_until(lambda: self._ended() or self.get("/health", token="").status == 200, 60)
        return self

    def _ended(self) -> bool:
        assert self.process.poll() is None, f"the engine ended ({self.process.returncode}):\n{self.log}"
        return False

    def end(self, seconds: float = 10) -> int:
        """TERM, and its exit status."""
        if self.process.poll() is None:
            self.process.terminate()
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise

    @property
    def log(self) -> str:
        return self.log_path.read_text(errors="replace")

    # -- HTTP ----------------------------------------------------------------------------------------------------------

    def request(self, method: str, path: str, body: bytes | None = None, headers: dict | None = None) -> Answer:
        """One request with exactly these headers (and what HTTP itself needs)."""
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)) as connection:
            connection.request(method, path, body, headers or {})
            answer = connection.getresponse()
            return Answer(answer.status, {key.lower(): value for key, value in answer.getheaders()}, answer.read())

    def headers(self, token: str | None = None) -> dict[str, str]:
        token = self.token if token is None else token
        return {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})

    def get(self, path: str, token: str | None = None) -> Answer:
        return self.request("GET", path, headers=self.headers(token))

    def post(self, path: str, document: Any, token: str | None = None) -> Answer:
        body = document if isinstance(document, bytes) else json.dumps(document).encode()
        return self.request("POST", path, body, self.headers(token))

    def chat(self, messages: list[dict] | str, **fields: Any) -> Answer:
        return self.post("/v1/chat/completions", chat_body(messages, **fields))

    def complete(self, prompt: Any, **fields: Any) -> Answer:
        return self.post("/v1/completions", {"model": MODEL, "prompt": prompt, **fields})

    def stream_chat(self, messages: list[dict] | str, **fields: Any) -> Stream:
        return self._stream("/v1/chat/completions", chat_body(messages, stream=True, **fields))

    def stream_text(self, prompt: Any, **fields: Any) -> Stream:
        return self._stream("/v1/completions", {"model": MODEL, "prompt": prompt, "stream": True, **fields})

    def _stream(self, path: str, document: dict) -> Stream:
        answer = self.post(path, document)
        assert answer.status == 200, answer.raw
        assert answer.headers["content-type"].startswith("text/event-stream")
        return read_events(answer)

    def open(self, path: str, document: dict) -> socket.socket:
        """A connection on which the request was sent and nothing has been read."""
        body = json.dumps(document).encode()
        head = {"Host": f"127.0.0.1:{self.port}", "Content-Length": len(body), **self.headers()}
        lines = [f"POST {path} HTTP/1.1", *(f"{key}: {value}" for key, value in head.items())]
        connection = socket.create_connection(("127.0.0.1", self.port), timeout=30)
        connection.sendall("\r\n".join([*lines, "", ""]).encode() + body)
        return connection

    @property
    def info(self) -> dict[str, Any]:
        return self.get("/slm/info").document

    @property
    def busy(self) -> int:
        """Requests that are worked on or wait."""
        progress = self.info["progress"]
        return progress["in_flight"] + progress["waiting"]

    def count(self, name: str) -> float:
        """A figure of `/metrics`."""
        lines = self.get("/metrics").raw.decode().splitlines()
        return sum(float(line.split()[-1]) for line in lines if line.startswith(name))


def chat_body(messages: list[dict] | str, **fields: Any) -> dict[str, Any]:
    messages = [{"role": "user", "content": messages}] if isinstance(messages, str) else messages
    return {"model": MODEL, "messages": messages, **fields}


def read_events(answer: Answer) -> Stream:
    stream = Stream(answer.status)
    for block in answer.raw.decode().split("\n\n"):
        if not block:
            continue
        assert block.startswith("data: ") and not stream.done, block
        if block == "data: [DONE]":
            stream.done = True
        else:
            stream.events.append(json.loads(block[6:], parse_constant=_no_json))
    return stream


def _no_json(word: str) -> None:
    raise AssertionError(f"{word} is not JSON")


def tool(name: str, **properties: dict) -> dict[str, Any]:
    """A tool in which every property is required."""
    schema = {"type": "object", "properties": properties, "required": list(properties)}
    return {"type": "function", "function": {"name": name, "description": name, "parameters": schema}}
