"""A client that costs little: what it reads is parsed after the clock has stopped."""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from slm_ext.serving import ServerHandle

__all__ = ["Answer", "ask", "crowd", "get", "prompt_text"]

_TEXT = "the list of names is read from a file and every line that does not begin with its number is left out"


@dataclass
class Answer:
    """One answer of a server. Times in seconds from the moment the request was sent."""

    status: int
    document: dict[str, Any] = field(repr=False)
    """Whole; of a stream, its last chunk."""
    finish: str | None = None
    message: dict[str, Any] = field(default_factory=dict)
    """Of a chat; of a stream, what its deltas add up to."""
    usage: dict[str, Any] = field(default_factory=dict)
    first_s: float = 0.0
    """To the first text; of an answer that is no stream, to its end."""
    seconds: float = 0.0

    @property
    def prompt_tokens(self) -> int:
        return self.usage.get("prompt_tokens", 0)

    @property
    def cached_tokens(self) -> int:
        return (self.usage.get("prompt_tokens_details") or {}).get("cached_tokens") or 0

    @property
    def tokens(self) -> int:
        """Tokens generated."""
        return self.usage.get("completion_tokens", 0)


def ask(
    handle: ServerHandle, path: str, body: dict[str, Any], *, connection: http.client.HTTPConnection | None = None
) -> Answer:
    """`POST` below the server's base URL. A refusal is an answer too, with its status."""
    base = urlsplit(handle.base_url)
    connection = connection or _connect(handle)
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {handle.token}"}
    body = {"model": handle.model_id, **body}
    if body.get("stream"):
        body["stream_options"] = {"include_usage": True}
    began = time.perf_counter()
    connection.request("POST", base.path + path, json.dumps(body).encode(), headers)
    response = connection.getresponse()
    lines = []
    if response.status == 200 and body.get("stream"):
        lines = [(time.perf_counter() - began, line) for line in response if line.startswith(b"data: {")]
    rest = response.read()
    seconds = time.perf_counter() - began
    connection.close()
    if lines:
        return _streamed(lines, seconds)
    document = json.loads(rest)
    if response.status != 200:
        return Answer(response.status, document, seconds=seconds)
    choice = document["choices"][0]
    message = choice.get("message") or {"content": choice.get("text")}
    return Answer(200, document, choice["finish_reason"], message, document["usage"], seconds, seconds)


def get(handle: ServerHandle, path: str) -> str:
    """`GET` at the server's root, e.g. `/metrics`."""
    connection = _connect(handle)
    connection.request("GET", path, headers={"Authorization": f"Bearer {handle.token}"})
    text = connection.getresponse().read().decode()
    connection.close()
    return text


def crowd(handle: ServerHandle, path: str, bodies: Sequence[dict[str, Any]]) -> tuple[list[Answer], float]:
    """Send all `bodies` at once. Returns the answers in order, and the seconds until the last one was in.

    Connections are made one after the other before the clock starts: mlx_lm.server queues no more than five.
    """
    connections = []
    for _ in bodies:
        connections.append(_connect(handle))
        connections[-1].connect()
    gate = threading.Barrier(len(bodies) + 1)

    def one(body: dict[str, Any], connection: http.client.HTTPConnection) -> Answer:
        gate.wait()
        return ask(handle, path, body, connection=connection)

    with ThreadPoolExecutor(len(bodies)) as pool:
        answers = [pool.submit(one, *pair) for pair in zip(bodies, connections, strict=True)]
        gate.wait()
        began = time.perf_counter()
        found = [answer.result() for answer in answers]
        return found, time.perf_counter() - began


def prompt_text(seed: str, words: int = 60) -> str:
    """Some words of English that no other seed shares a beginning with."""
    known = _TEXT.split()
    order = [known[sum(seed.encode()) * (i + 1) ** 2 % len(known)] for i in range(words)]
    return f"{seed}: " + " ".join(order)


def _connect(handle: ServerHandle) -> http.client.HTTPConnection:
    base = urlsplit(handle.base_url)
    return http.client.HTTPConnection(base.hostname, base.port, timeout=600)


def _streamed(lines: list[tuple[float, bytes]], seconds: float) -> Answer:
    answer = Answer(200, {}, seconds=seconds)
    read: Callable[[bytes], dict] = lambda line: json.loads(line[len(b"data: ") :])  # noqa: E731
    for at, line in lines:
        answer.document = document = read(line)
        answer.usage = document.get("usage") or answer.usage
        for choice in document.get("choices") or []:
            answer.finish = choice.get("finish_reason") or answer.finish
            delta = choice.get("delta") or {"content": choice.get("text")}
            _merge(answer.message, delta)
            if not answer.first_s and any(delta.get(key) for key in ("content", "reasoning_content", "tool_calls")):
                answer.first_s = at
    return answer


def _merge(message: dict[str, Any], delta: dict[str, Any]) -> None:
    for key, value in delta.items():
        if isinstance(value, str) and key != "role":
            message[key] = message.get(key, "") + value
        elif isinstance(value, list):
            message[key] = message.get(key, []) + value
        elif value is not None:
            message[key] = value
