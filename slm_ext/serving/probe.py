"""One decoded token: the only proof that a server can answer. Standard library only: keeper and health check use it."""

from __future__ import annotations

import http.client
import json
import ssl
import time
from typing import Any, NamedTuple
from urllib.parse import urlsplit

__all__ = ["Reply", "one_token", "request", "token_problem"]


class Reply(NamedTuple):
    """An HTTP answer: `status`, decoded JSON `body` (the text itself where it is none), `seconds` it took."""

    status: int
    body: Any
    seconds: float

    @property
    def message(self) -> str:
        """What the server says is wrong, in one line of at most 300 characters."""
        error = self.body.get("error", self.body) if isinstance(self.body, dict) else self.body
        if isinstance(error, dict):
            error = error.get("message", error)
        return " ".join(str(error).split())[:300]


def request(base_url: str, path: str, *, token: str = "", body: dict | None = None, timeout_s: float = 60) -> Reply:
    """GET, or POST where there is a `body`, `base_url + path`.

    Raises:
        OSError: refused, unknown host, TLS, timeout (the usual subclasses); also for a broken HTTP answer.
    """
    parts = urlsplit(base_url)
    host = parts.hostname or ""
    if parts.scheme == "https":
        context = ssl.create_default_context()
        connection = http.client.HTTPSConnection(host, parts.port or 443, timeout=timeout_s, context=context)
    else:
        connection = http.client.HTTPConnection(host, parts.port or 80, timeout=timeout_s)
    headers = {"Content-Type": "application/json", "Connection": "close"}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    began = time.monotonic()
    try:
        payload = None if body is None else json.dumps(body).encode()
        connection.request("POST" if payload else "GET", parts.path.rstrip("/") + path, body=payload, headers=headers)
        answer = connection.getresponse()
        raw = answer.read()
    except http.client.HTTPException as error:
        raise ConnectionError(f"not an HTTP answer: {error!r}") from error
    finally:
        connection.close()
    try:
        decoded = json.loads(raw)
    except ValueError:
        decoded = raw.decode("utf-8", "replace")
    return Reply(answer.status, decoded, time.monotonic() - began)


def one_token(base_url: str, model_id: str, *, token: str = "", timeout_s: float = 60) -> Reply:
    """Ask the chat endpoint for one token. Raises like `request`."""
    body = {"model": model_id, "messages": [{"role": "user", "content": "ping"}], "max_tokens": 1}
    return request(base_url, "/chat/completions", token=token, body=body, timeout_s=timeout_s)


def token_problem(reply: Reply) -> str:
    """Why `reply` to `one_token` is no decoded token; empty where it is one."""
    body = reply.body
    if not isinstance(body, dict) or not isinstance(body.get("choices"), list) or not body["choices"]:
        return f"the answer holds no choices: {str(body)[:200]}"
    usage = body.get("usage")
    if isinstance(usage, dict) and usage.get("completion_tokens") == 0:
        return "the answer counts no token"
    choice = body["choices"][0]
    if not isinstance(choice, dict) or not (
        isinstance(choice.get("message"), dict) or isinstance(choice.get("text"), str)
    ):
        return f"the answer holds no message: {str(body)[:200]}"
    return ""
