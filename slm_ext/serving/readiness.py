"""Ready means one token came back from the right model. Standard library only."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from typing import Any

from . import engine_info, probe

__all__ = ["EngineFailed", "Expected", "Probe"]


class EngineFailed(Exception):
    """The engine will not become ready, or ended.

    `kind`: exited, timeout, port_taken, wrong_model, not_answering, stalled, crash_loop.
    """

    def __init__(self, kind: str, message: str):
        self.kind = kind
        super().__init__(message)


@dataclass(frozen=True)
class Expected:
    """Who should answer. `launch_id` is None for servers that cannot say who they are."""

    base_url: str
    token: str
    model_id: str
    pid: int
    identity: dict[str, Any] = field(repr=False)
    launch_id: str | None = None
    unavailable_is_final: bool = False


class Probe(threading.Thread):
    """One request for one token in the background, so that the keeper goes on watching. `error` None = it came.

    Args:
        expected: who is asked.
        timeout_s: for the answer.
        wait_s: seconds before it asks.
    """

    def __init__(self, expected: Expected, timeout_s: float, wait_s: float = 0):
        super().__init__(daemon=True)
        self.expected, self.timeout_s, self.wait_s = expected, timeout_s, wait_s
        self.error: EngineFailed | None = None
        self.again = False
        """Whether a later try may succeed: it is still loading."""
        self.info: dict[str, Any] = {}
        """What our own engine says of itself."""
        self.start()

    def run(self) -> None:
        time.sleep(self.wait_s)
        try:
            if self.expected.launch_id is None or self._is_ours():
                self._token()
        except OSError as error:  # the child's death is seen by the keeper's own watch
            self._fail("not_answering", f"no answer to the first request: {error}", again=True)

    def _is_ours(self) -> bool:
        """Whether the engine that was started is there and has loaded what it was given."""
        wanted = self.expected
        self.info = engine_info.ask(wanted.base_url, wanted.token, timeout_s=min(self.timeout_s, 10))
        problem = engine_info.mismatch(
            self.info, launch_id=str(wanted.launch_id), pid=wanted.pid, identity=wanted.identity
        )
        if problem:
            self._fail("wrong_model", f"/slm/info: {problem}")
        elif self.info.get("state") == "failed":
            self._fail("not_answering", "the engine says that loading failed")
        elif self.info.get("state") != "ready":
            self._fail("not_answering", "it is loading", again=True)
        return self.error is None

    def _token(self) -> None:
        wanted = self.expected
        reply = probe.one_token(wanted.base_url, wanted.model_id, token=wanted.token, timeout_s=self.timeout_s)
        if reply.status in (429, 503) and not wanted.unavailable_is_final:
            self._fail("not_answering", f"HTTP {reply.status}: {reply.message}", again=True)
        elif reply.status != 200:
            self._fail("not_answering", f"the first request was answered with HTTP {reply.status}: {reply.message}")
        elif problem := probe.token_problem(reply):
            self._fail("not_answering", problem)
        elif reply.body.get("model") != wanted.model_id:
            self._fail("wrong_model", f"it answers as {reply.body.get('model')!r}, asked for {wanted.model_id!r}")

    def _fail(self, kind: str, message: str, *, again: bool = False) -> None:
        self.again, self.error = again, EngineFailed(kind, message)
