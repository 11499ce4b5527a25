"""One client of the soak, a process that may be killed: `python -m serving_parts.soak_client SEED SECONDS`.

It asks for something different each time, goes away in the middle of some answers, makes some mistakes, and prints one
JSON line for each request that it saw the end of: `{"kind", "outcome", "seconds", "tokens"}`. Outcomes are `answered`,
`left` (it went away itself), `refused` (a mistake of its own, told with the 4xx it should be), `busy` (429), and what
must not be: `stuck` and `wrong`. Where it is and what it may ask comes in SOAK_SERVER.
"""

from __future__ import annotations

import http.client
import json
import os
import random
import sys
import time
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

from slm_ext.testing.schemas import SCHEMAS, schema_tools

__all__ = ["Client"]

PATIENCE_S = 120
"""Longest silence on a connection; past it the request counts as stuck."""
_WIRES = ("qwen3_coder", "hermes", "fenced")
_WORDS = [
    "def",
    "total",
    "(items):",
    "return",
    "sum",
    "order",
    "the list",
    "is empty",
    "\n    if",
    "x >= 1",
    "naïve",
    "14",
]


class Wrong(Exception):
    """An answer that is not what it has to be."""


class Client:
    """Asks until its time is over.

    Args:
        server: base_url, token, model and window (tokens) of the engine.
    """

    def __init__(self, server: dict[str, Any], seed: int):
        self.server, self.random = server, random.Random(seed)
        self.base = urlsplit(server["base_url"])
        self.talk: list[dict] = []
        self.last: tuple[str, dict] | None = None

    def run(self, seconds: float) -> None:
        """Until `seconds` are over; the request that is under way then is finished."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            began = time.monotonic()
            kind = self.random.choices(
                ["plain", "call", "json", "talk", "replay", "leave", "leave_early", "mistake"],
                [20, 25, 8, 15, 6, 10, 8, 8],
            )[0]
            tokens = 0
            try:
                outcome, tokens = getattr(self, f"_{kind}")()
            except TimeoutError:
                outcome = "stuck"
            except (Wrong, OSError, ValueError, KeyError, http.client.HTTPException) as error:
                outcome = f"wrong: {error!r}"
            line = {"kind": kind, "outcome": outcome, "seconds": time.monotonic() - began, "tokens": tokens}
            print(json.dumps(line), flush=True)
            if outcome == "busy":
                time.sleep(self.random.uniform(0.05, 0.5))

    # -- kinds of requests ---------------------------------------------------------------------------------------------

    def _plain(self) -> tuple[str, int]:
        if self.random.random() < 0.3:
            return self._whole("/completions", {**self._settings(), "prompt": self._text()})
        return self._whole("/chat/completions", self._chat())

    def _call(self) -> tuple[str, int]:
        names = self.random.sample(sorted(SCHEMAS), self.random.choice([1, 1, 3, 8]))
        choice = self.random.choice(["required", "required", "auto", "none", names[0]])
        named = {"type": "function", "function": {"name": choice}} if choice in SCHEMAS else choice
        body = {
            **self._chat(),
            "tools": schema_tools(*names),
            "tool_choice": named,
            "parallel_tool_calls": self.random.random() < 0.5,
            "slm": {"wire_format": self.random.choice(_WIRES), "thought_chars": self.random.choice([0, 0, 80])},
        }
        return self._whole("/chat/completions", body)

    def _json(self) -> tuple[str, int]:
        schema = SCHEMAS[self.random.choice(["goto", "create_user", "pick", "draw", "edit_line"])]
        form = {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema}}
        return self._whole("/chat/completions", {**self._chat(), "response_format": form})

    def _talk(self) -> tuple[str, int]:
        """One more turn of a conversation, which begins anew when it gets long."""
        if sum(len(message["content"]) for message in self.talk) > 2 * self.server["window"] // 3:
            self.talk = []
        self.talk.append({"role": "user", "content": self._text(600)})
        body = {
            **self._settings(),
            "messages": list(self.talk),
            "max_tokens": self.random.randint(1, 60),
            "stream": False,
        }
        answer = self._ask("/chat/completions", body)
        if answer is None:
            self.talk.pop()
            return "busy", 0
        self.talk.append({"role": "assistant", "content": answer["choices"][0]["message"]["content"] or ""})
        return "answered", answer["usage"]["completion_tokens"]

    def _replay(self) -> tuple[str, int]:
        """The very same request once more."""
        return self._whole(*(self.last or ("/chat/completions", self._chat())))

    def _leave(self) -> tuple[str, int]:
        """Go away in the middle of the answer, streamed or not."""
        body = {**self._chat(), "max_tokens": 400, "stream": self.random.random() < 0.6}
        connection = self._send("/chat/completions", body)
        if body["stream"]:
            response = connection.getresponse()
            if response.status == 429:
                return "busy", 0
            for _ in range(self.random.randint(1, 60)):
                response.readline()
        else:
            time.sleep(self.random.uniform(0.05, 1.0))
        connection.close()
        return "left", 0

    def _leave_early(self) -> tuple[str, int]:
        """Go away while a long prompt is prefilled, or before all of the request was sent."""
        prompt = self._text(self.server["window"])
        body = {**self._settings(), "messages": [{"role": "user", "content": prompt}], "max_tokens": 50}
        if self.random.random() < 0.2:
            connection = self._connect()
            connection.connect()
            connection.sock.sendall(f"POST {self.base.path}/chat/completions HTTP/1.1\r\nHost: 127.0.0.1\r\n".encode())
        else:
            connection = self._send("/chat/completions", body)
        time.sleep(self.random.uniform(0, 0.3))
        connection.close()
        return "left", 0

    def _mistake(self) -> tuple[str, int]:
        message = [{"role": "user", "content": "Hello."}]
        image = [{"type": "image_url", "image_url": {"url": "http://127.0.0.1:9/x.png"}}]
        path, changes = self.random.choice(
            [
                ("/completions", {"prompt": ""}),
                ("/chat/completions", {"messages": []}),
                ("/chat/completions", {"messages": message, "model": "another"}),
                ("/chat/completions", {"messages": [{"role": "user", "content": image}]}),
                ("/chat/completions", {"messages": message, "max_tokens": 0}),
                ("/chat/completions", {"messages": message, "max_tokens": 10**6}),
                ("/chat/completions", {"messages": message, "no_such_field": 1}),
                ("/chat/completions", {"messages": message, "tools": schema_tools("undo"), "tool_choice": "maybe"}),
                ("/completions", {"prompt": "word " * 4 * self.server["window"]}),
                ("/nothing", {}),
            ]
        )
        response = self._send(path, {"model": self.server["model"], **changes}).getresponse()
        error = json.loads(response.read())["error"]
        if response.status == 429:
            return "busy", 0
        if not 400 <= response.status < 500 or not error["message"]:
            raise Wrong(f"HTTP {response.status} for {path} {str(changes)[:100]}")
        return "refused", 0

    # -- sending -------------------------------------------------------------------------------------------------------

    def _settings(self) -> dict[str, Any]:
        some: dict[str, Any] = {
            "model": self.server["model"],
            "temperature": self.random.choice([0, 1.0]),
            "max_tokens": int(2 ** self.random.uniform(0, 8.5)),
            "stream": self.random.random() < 0.5,
        }
        for chance, more in (
            (0.1, {"seed": self.random.randint(0, 99)}),
            (0.1, {"stop": ["the", "\n\n"]}),
            (0.05, {"repetition_penalty": 1.1}),
            (0.1, {"top_p": 0.9}),
        ):
            if self.random.random() < chance:
                some |= more
        return some

    def _chat(self) -> dict[str, Any]:
        system = {"role": "system", "content": "You are an agent. " * self.random.choice([1, 20])}
        return {**self._settings(), "messages": [system, {"role": "user", "content": self._text()}]}

    def _text(self, most: int | None = None) -> str:
        """Random words, about `most` tokens of them at the most; short ones are commoner."""
        most = most or self.server["window"] // 2
        size = int(2 ** self.random.uniform(1, most.bit_length() - 1))
        return " ".join(self.random.choice(_WORDS) for _ in range(size // 3 + 1))

    def _whole(self, path: str, body: dict[str, Any]) -> tuple[str, int]:
        self.last = (path, body)
        answer = self._ask(path, body)
        return ("busy", 0) if answer is None else ("answered", answer["usage"]["completion_tokens"])

    def _ask(self, path: str, body: dict[str, Any]) -> dict[str, Any] | None:
        """A checked answer; None where the queue is full."""
        if body["stream"]:
            body = {**body, "stream_options": {"include_usage": True}}
        response = self._send(path, body).getresponse()
        if response.status == 429:
            if not response.headers.get("Retry-After"):
                raise Wrong("429 without Retry-After")
            return None
        if response.status != 200:
            raise Wrong(f"HTTP {response.status}: {response.read()[:300]!r}")
        answer = _streamed(response) if body["stream"] else json.loads(response.read())
        try:
            _check(answer, body)
        except Wrong as wrong:
            asked = {key: value for key, value in body.items() if key not in ("messages", "tools", "model")}
            tools = [tool["function"]["name"] for tool in body.get("tools", [])]
            raise Wrong(f"{wrong}; slm: {answer.get('slm')}; asked: {asked}, tools {tools}") from None
        return answer

    def _send(self, path: str, body: dict[str, Any]) -> http.client.HTTPConnection:
        connection = self._connect()
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {self.server['token']}"}
        connection.request("POST", self.base.path + path, json.dumps(body).encode(), headers)
        return connection

    def _connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection(self.base.hostname, self.base.port, timeout=PATIENCE_S)


def _streamed(response: http.client.HTTPResponse) -> dict[str, Any]:
    """A stream's chunks as one answer."""
    choice: dict[str, Any] = {"message": {"content": ""}}
    answer: dict[str, Any] = {"choices": [choice]}
    lines = [line for line in response.read().split(b"\n\n") if line.startswith(b"data: ")]
    if not lines or lines[-1] != b"data: [DONE]":
        raise Wrong(f"a stream without its end: {lines[-1:]}")
    for line in lines[:-1]:
        chunk = json.loads(line[len(b"data: ") :])
        answer |= {key: chunk[key] for key in ("usage", "slm") if chunk.get(key)}
        for part in chunk.get("choices", []):
            delta = part.get("delta") or {}
            choice["message"]["content"] += delta.get("content") or part.get("text") or ""
            choice["message"].setdefault("tool_calls", []).extend(delta.get("tool_calls") or [])
            choice["message"] |= {"slm": delta["slm"]} if "slm" in delta else {}
            choice["finish_reason"] = part.get("finish_reason") or choice.get("finish_reason")
    return answer


def _check(answer: dict[str, Any], body: dict[str, Any]) -> None:
    choice = answer["choices"][0]
    finish, message = choice["finish_reason"], choice.get("message") or {}
    if finish not in ("stop", "length", "tool_calls"):
        raise Wrong(f"finish_reason {finish!r}")
    if not 0 < answer["usage"]["completion_tokens"] <= body["max_tokens"]:
        raise Wrong(f"usage {answer['usage']} with max_tokens {body['max_tokens']}")
    if (finish == "tool_calls") != (bool(message.get("tool_calls")) and finish != "length"):
        raise Wrong(f"finish_reason {finish} with {len(message.get('tool_calls') or [])} calls")
    if finish == "tool_calls" and message.get("slm") and not body.get("stop"):  # a stop text may cut a further call
        raise Wrong(f"a call that is none: {message}")
    if finish == "stop" and body.get("tool_choice") not in (None, "auto", "none") and not body.get("stop"):
        raise Wrong("a call was required, and there is none")
    if finish == "stop" and body.get("response_format") and not body.get("stop"):
        json.loads(message["content"])


if __name__ == "__main__":
    with suppress(BrokenPipeError, KeyboardInterrupt):
        Client(json.loads(os.environ["SOAK_SERVER"]), int(sys.argv[1])).run(float(sys.argv[2]))
