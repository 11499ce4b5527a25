"""Ready means one token came back from the right model. Standard library only."""

from __future__ import annotations

import threading
from typing import Any

from . import probe

__all__ = ["EngineFailed", "Probe"]


class EngineFailed(Exception):
    """The engine will not become ready, or ended. `kind`: exited, timeout, port_taken, wrong_model, not_answering."""

    def __init__(self, kind: str, message: str):
        self.kind = kind
        super().__init__(message)


class Probe(threading.Thread):
    """One request for one token in the background, so that the keeper goes on watching. `error` None = it came."""

    def __init__(self, base_url: str, launch: dict[str, Any]):
        super().__init__(daemon=True)
        self.base_url, self.launch = base_url, launch
        self.error: EngineFailed | None = None
        self.again = False
        self.start()

    def run(self) -> None:
        wanted = self.launch["model_id"]
        try:
            reply = probe.one_token(self.base_url, wanted, timeout_s=self.launch["startup_timeout_s"])
        except OSError as error:  # the child's death is seen by the keeper's own watch
            self.again, self.error = True, EngineFailed("not_answering", f"no answer to the first request: {error}")
            return
        if reply.status in (429, 503) and not self.launch["unavailable_is_final"]:
            self.again, self.error = True, EngineFailed("not_answering", f"HTTP {reply.status}: {reply.message}")
        elif reply.status != 200:
            self.error = EngineFailed(
                "not_answering", f"the first request was answered with HTTP {reply.status}: {reply.message}"
            )
        elif problem := probe.token_problem(reply):
            self.error = EngineFailed("not_answering", problem)
        elif reply.body.get("model") != wanted:
            self.error = EngineFailed("wrong_model", f"it answers as {reply.body.get('model')!r}, asked for {wanted!r}")
