"""A router over three providers, asked in this process: a transport stops the clock where a request would leave."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import httpx

from slm_ext.completion import Completion
from slm_ext.completion.lane import Lane
from slm_ext.completion.pool import Pool
from slm_ext.context import TokenCounter, counter_for
from slm_ext.registry import Router, Team
from slm_ext.registry.provider import Provider
from slm_ext.serving import ServerHandle
from slm_ext.serving.identity import Identity
from slm_ext.testing.openai_server import tool_call
from slm_ext.traces import Recorder

from .history import TOOLS

__all__ = ["Asked", "Door", "router"]

NAMES = ("small", "middle", "large")


def router() -> Router:
    """Three providers: subtasks, rules and escalation as somebody with a laptop and a cloud key writes them."""
    return Router.model_validate(
        {
            "name": "team",
            "default": "small",
            "subtasks": {"plan": "large", "edit": {"provider": "middle", "temperature": 0.2}, "review": "middle"},
            "rules": [
                {"subtask": "test", "when": {"last_status": "error"}, "provider": "middle"},
                {"subtask": "edit", "when": {"attempt": 2}, "provider": "large"},
                {"when": {"last_status": "rejected", "attempt": 3}, "provider": "large"},
            ],
            "fallback": ["middle", "large"],
            "budget": {"calls": 100_000},
        }
    )


class Door(httpx.BaseTransport):
    """Where a request would leave the process. `at`, `cpu`: wall clock and this thread's own time when the first one
    since `wait` was there, in seconds.

    Args:
        counter: its count is the answer's `usage`, as a server with that tokenizer would give it.
    """

    def __init__(self, counter: TokenCounter):
        self._counter = counter
        self.at = self.cpu = 0.0
        self._waits = True

    def wait(self) -> None:
        """For the first request of the next call."""
        self._waits = True

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        body = request.read()
        if self._waits:
            self.at, self.cpu, self._waits = time.perf_counter(), time.thread_time(), False
        asked = json.loads(body)
        message = tool_call("read_file", path="a.py")
        usage = {"prompt_tokens": self._counter.count(asked["messages"], asked["tools"]), "completion_tokens": 20}
        choice = {"index": 0, "message": message, "finish_reason": "tool_calls"}
        return httpx.Response(200, json={"choices": [choice], "usage": usage})


class Asked:
    """One conversation of the team.

    Args:
        folder: of the model whose tokenizer counts; None: every provider's counter estimates.
        truth: counts for the answers' `usage`.
        limit: of every provider's prompt, in tokens.
    """

    def __init__(
        self, folder: Path | None, truth: TokenCounter, limit: int | None = None, recorder: Recorder | None = None
    ):
        fields: dict[str, Any] = {"model": "m", "api_base": "http://127.0.0.1:9/v1", "max_input_tokens": limit}
        providers = {name: Provider(name=name, **fields) for name in NAMES}
        self.team, self.door = Team(router(), providers), Door(truth)
        pool = Pool(providers)
        client = httpx.Client(base_url=fields["api_base"], transport=self.door)
        self.completion = Completion(self.team, pool, tools=TOOLS, recorder=recorder)
        self.lanes: dict[str, Lane] = {}
        self.handles: dict[str, ServerHandle] = {}
        for name, provider in providers.items():
            identity = Identity(kind="declared", model_id="m")
            handle = ServerHandle(base_url=f"{fields['api_base']}/{name}", model_id="m", identity=identity)
            pool._open |= Pool.given(provider, handle)._open
            lane = self.completion._asker.lane(name)
            lane.counter = counter_for(folder)
            sender = lane.sender(handle)
            sender._client, sender._where = client, (handle.base_url, sender._key())
            self.lanes[name], self.handles[name] = lane, handle

    def warm(self, conversation: list[dict]) -> None:
        """Have every provider's counter know the conversation so far."""
        for lane in self.lanes.values():
            lane.size(conversation, TOOLS)
