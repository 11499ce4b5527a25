"""One request over HTTP: which errors are tried again, which are final, and what they mean.

| what happens                                  | then                                                   |
|-----------------------------------------------|--------------------------------------------------------|
| refused, reset, no such host                  | up to four tries within two seconds, then ProviderDown |
| the same, from a server that we keep          | once per call: wait for its restart, then try again    |
| 408 409 425 429 500 502 503 504 529           | tried again as the provider's `retry` says             |
| no answer within the timeout                  | ProviderDown: a server busy with it would only queue   |
| an error that speaks of the context's length  | ContextOverflow                                        |
| every other status; mlx_lm.server's 404       | ProviderDown with the server's words                   |
| 200 without a readable answer                 | as 500                                                 |
"""

from __future__ import annotations

import json
import math
import re
import time
from typing import Any
from urllib.parse import urlsplit

from slm_ext.completion.body import Writer
from slm_ext.completion.request import Request
from slm_ext.errors import ContextOverflow, ProviderDown, ServingError, StartFailed, WrongModel

__all__ = ["Sender"]

_TRANSIENT = {408, 409, 425, 429, 500, 502, 503, 504, 529}
_REFUSED_WAITS = (0.2, 0.5, 1.0)
_LONGEST_WAIT = 60.0
_CONNECT_S = 5.0
_SHORTEST_KEY = 8
_OVERFLOW = re.compile(
    r"context[\s_-]*(length|window|size|limit|overflow)|maximum context|exceed_context|context the overflows"
    r"|prompt (is )?too long|too many (prompt |input )?tokens",
    re.IGNORECASE,
)
_SPENT = re.compile(r"insufficient_quota|billing", re.IGNORECASE)
_LOOPBACK = {"127.0.0.1", "::1", "localhost"}


class _Lost(Exception):
    """No connection, or it ended before the answer."""


class Sender:
    """Sends requests to one endpoint. httpx is imported and the client made at the first request."""

    def __init__(self, provider, handle):
        self._provider, self._handle, self._client = provider, handle, None
        self._where: tuple[str, str] | None = None
        self._writer = Writer()
        self.attempts = 0
        """HTTP requests made for the last call."""

    def send(self, request: Request, messages: list[dict]) -> dict[str, Any]:
        """The response's JSON, which has at least one choice with a message.

        Raises:
            ContextOverflow, ProviderDown: see the table above.
            WrongModel: the server died, and what came in its place serves another model.
        """
        self.attempts, failed = 0, 0
        deadline = time.monotonic() + (math.inf if request.deadline_s is None else request.deadline_s)
        may_revive = getattr(self._handle, "managed", False)
        most = math.inf if request.most_tries is None else request.most_tries
        while True:
            self.attempts += 1
            try:
                seen, wait = self._try(request, messages, failed, deadline - time.monotonic())
            except _Lost as lost:
                if may_revive and self.attempts < most:
                    may_revive = False
                    self._revive(deadline - time.monotonic())
                    continue
                seen, wait = str(lost), _REFUSED_WAITS[failed] if failed < len(_REFUSED_WAITS) else None
            if isinstance(seen, dict):
                return seen
            late = self.attempts >= most or (wait is not None and time.monotonic() + wait >= deadline)
            if wait is None or late or failed == self._provider.retry.retries or self._gone():
                break
            failed += 1
            time.sleep(wait)
        tried = f" ({self.attempts} tries)" if self.attempts > 1 else ""
        raise ProviderDown(self._attempted(), seen=seen + tried + self._why(), next_step=self._next_step())

    def close(self) -> None:
        """Close the connections."""
        if self._client is not None:
            self._client.close()

    def _revive(self, left_s: float) -> None:
        """Wait until the server that was lost is there again; it may have moved, and have another token."""
        try:
            self._handle.revive(None if left_s == math.inf else max(0.0, left_s))
        except WrongModel:
            raise
        except ServingError as error:
            log = f"\n{error.log_tail}" if isinstance(error, StartFailed) and error.log_tail else ""
            raise ProviderDown(
                self._attempted(), seen=error.seen + log, allowed=error.allowed, next_step=error.next_step
            ) from error
        self.close()
        self._client = None

    def _try(
        self, request: Request, messages: list[dict], failed: int, left_s: float
    ) -> tuple[dict | str, float | None]:
        """(response, None), or (what was seen, seconds until another try or None for final)."""
        import httpx

        retry = self._provider.retry
        busy = min(retry.max_wait, retry.min_wait * 2**failed)
        limit = max(0.05, min(request.timeout_s, left_s))
        timeout = httpx.Timeout(limit, connect=min(_CONNECT_S, limit))
        body = self._writer.body(request.arguments, messages)
        more = {"params": request.arguments.get("extra_query"), "headers": request.arguments.get("extra_headers")}
        try:
            response = self._http().post("chat/completions", content=body, timeout=timeout, **more)
        except httpx.TimeoutException:
            return f"no answer within {round(limit, 1):g} s", None
        except httpx.HTTPError as error:
            raise _Lost(f"{error}" or type(error).__name__) from error
        if not response.is_success:
            if response.status_code in (401, 503) and self._replaced():
                raise _Lost(f"{response.status_code}: the server has been started again")
            return self._status(response, busy)
        body = _decoded(response.content)
        if _message(body) is None:
            return self._hidden(f"an answer that is not a chat completion: {_shorten(response.content)}"), busy
        return body, None

    def _status(self, response, busy: float) -> tuple[str, float | None]:
        status, text = response.status_code, self._hidden(_words(response))
        if status not in (401, 403, 429) and _OVERFLOW.search(text):
            raise ContextOverflow(
                self._attempted(), seen=f"{status}: {text}", allowed="a prompt that fits the model's window"
            ) from None
        seen = f"{status}: {text}"
        if status not in _TRANSIENT or _SPENT.search(text):
            return seen, None
        asked = response.headers.get("retry-after", "")
        if re.fullmatch(r"\d+(\.\d+)?", asked):
            return seen, float(asked) if float(asked) <= _LONGEST_WAIT else None
        return seen, busy

    def _hidden(self, text: str) -> str:
        """A server's words without the key; some say which one was wrong."""
        key = self._key()
        return text.replace(key, "[secret]") if len(key) >= _SHORTEST_KEY else text

    def _key(self) -> str:
        return self._handle.token or self._provider.resolve_api_key() or "dummy"

    def _http(self):
        """The client for where the server answers now: another conversation may have revived our common handle."""
        where = (self._handle.base_url, self._key())
        if self._client is not None and where != self._where:
            self.close()
            self._client = None
        if self._client is None:
            import httpx

            own = urlsplit(self._handle.base_url).hostname in _LOOPBACK
            self._where = where
            self._client = httpx.Client(
                base_url=self._handle.base_url,
                headers={"Authorization": f"Bearer {where[1]}", "Content-Type": "application/json"},
                follow_redirects=True,
                trust_env=not own,  # no proxy between us and this machine
            )
        return self._client

    def _gone(self) -> bool:
        """Whether a server of ours is known to be dead: no use in asking again."""
        refresh = getattr(self._handle, "refresh", None)
        return refresh is not None and refresh() in ("failed", "stopped")

    def _replaced(self) -> bool:
        """Whether a server of ours has died, and another one loads its model or wants another token."""
        if self._where != (self._handle.base_url, self._key()):
            return True
        return getattr(self._handle, "managed", False) and self._handle.refresh() in ("starting", "stopped")

    def _why(self) -> str:
        """What a server of ours died of, where it will not come back by itself."""
        failure = getattr(self._handle, "failure", None)
        text = failure() if failure is not None and self._gone() else ""
        return f"\n{text}" if text else ""

    def _attempted(self) -> str:
        return f"ask the model of provider {self._provider.name!r} at {self._handle.base_url}"

    def _next_step(self) -> str:
        log = getattr(self._handle, "log_path", None)
        return f"look into the server's log {log}" if log else f"slm providers check {self._provider.name}"


def _decoded(content: bytes) -> Any:
    try:
        return json.loads(content)
    except ValueError:
        return None


def _message(body: Any) -> dict | None:
    choices = body.get("choices") if isinstance(body, dict) else None
    choice = choices[0] if isinstance(choices, list) and choices else None
    message = choice.get("message") if isinstance(choice, dict) else None
    return message if isinstance(message, dict) else None


def _words(response) -> str:
    """The error's message in whichever shape the server gives it."""
    body = _decoded(response.content)
    error = body.get("error", body) if isinstance(body, dict) else body
    message = error.get("message", error) if isinstance(error, dict) else error
    if not message:
        return _shorten(response.content) or "(no text)"
    extra = f" [{error.get('code') or error.get('type')}]" if isinstance(error, dict) and "message" in error else ""
    return _shorten(message if isinstance(message, str) else json.dumps(message)) + extra.replace(" [None]", "")


def _shorten(text: str | bytes) -> str:
    text = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
    return " ".join(text.split())[:500]
