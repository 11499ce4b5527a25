"""One decoded token: the only proof that a server can answer. Standard library only: keeper and health check use it."""

from __future__ import annotations

import http.client
import json
import ssl
import time
from typing import Any, NamedTuple
from urllib.parse import SplitResult, urlsplit
from urllib.request import getproxies, proxy_bypass

__all__ = ["NoConnection", "Reply", "one_token", "request", "token_problem"]

MOST_BYTES = 32 * 1024**2
"""Of an answer that is read; one that is longer is none of ours."""


class NoConnection(TimeoutError):
    """Nobody took the connection in time: no such machine, or a firewall that drops it."""


class Reply(NamedTuple):
    """An HTTP answer: `status`, decoded JSON `body` (the text itself where it is none), `seconds` it took."""

    status: int
    body: Any
    seconds: float
    location: str = ""
    """Where a redirection leads; none is followed."""

    @property
    def message(self) -> str:
        """What the server says is wrong, in one line of at most 300 characters."""
        error = self.body.get("error", self.body) if isinstance(self.body, dict) else self.body
        if isinstance(error, dict):
            error = error.get("message", error)
        return " ".join(str(error).split())[:300]


def request(
    base_url: str,
    path: str,
    *,
    token: str = "",
    body: dict | None = None,
    timeout_s: float = 60,
    connect_s: float | None = None,
    headers: dict[str, str] | None = None,
    proxies: bool = False,
) -> Reply:
    """GET, or POST where there is a `body`, `base_url + path`.

    Args:
        timeout_s: seconds for the whole answer.
        connect_s: seconds until the connection stands, TLS included; default: `timeout_s`.
        headers: more of them.
        proxies: go through the proxy that the environment names for this address.

    Raises:
        NoConnection: nobody took it within `connect_s`.
        OSError: refused, unknown host, TLS, timeout (the usual subclasses); also for a broken HTTP answer.
    """
    parts = urlsplit(base_url)
    connection, prefix = _connection(parts, timeout_s if connect_s is None else min(connect_s, timeout_s), proxies)
    sent = {"Content-Type": "application/json", "Connection": "close", **(headers or {})}
    if token:
        sent.setdefault("Authorization", f"Bearer {token}")
    began = time.monotonic()
    try:
        _connect(connection)
        payload = None if body is None else json.dumps(body).encode()
        stream: Any = connection.sock  # the answer takes it over
        stream.settimeout(timeout_s)
        target = prefix + parts.path.rstrip("/") + path
        connection.request("POST" if payload else "GET", target, body=payload, headers=sent)
        answer = connection.getresponse()
        raw = _read(answer, stream, began + timeout_s)
        location = answer.getheader("Location") or ""
    except http.client.HTTPException as error:
        raise ConnectionError(f"not an HTTP answer: {error!r}") from error
    finally:
        connection.close()
    try:
        decoded = json.loads(raw)
    except (ValueError, RecursionError):
        decoded = raw.decode("utf-8", "replace")
    return Reply(answer.status, decoded, time.monotonic() - began, location)


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


def _connection(parts: SplitResult, timeout_s: float, proxies: bool) -> tuple[http.client.HTTPConnection, str]:
    """A connection that is not made yet, and what stands before the path in its requests."""
    host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
    proxy = _proxy(parts.scheme, parts.netloc) if proxies else None
    if parts.scheme == "https":
        context = ssl.create_default_context()
        if proxy is None:
            return http.client.HTTPSConnection(host, port, timeout=timeout_s, context=context), ""
        tunnel = http.client.HTTPSConnection(proxy.hostname or "", proxy.port or 80, timeout=timeout_s, context=context)
        tunnel.set_tunnel(host, port)
        return tunnel, ""
    if proxy is None:
        return http.client.HTTPConnection(host, port, timeout=timeout_s), ""
    plain = http.client.HTTPConnection(proxy.hostname or "", proxy.port or 80, timeout=timeout_s)
    return plain, f"{parts.scheme}://{parts.netloc}"


def _proxy(scheme: str, netloc: str) -> SplitResult | None:
    named = getproxies()
    address = named.get(scheme) or named.get("all")
    if not address or proxy_bypass(netloc):
        return None
    return urlsplit(address if "://" in address else f"http://{address}")


def _connect(connection: http.client.HTTPConnection) -> None:
    try:
        connection.connect()
    except TimeoutError as error:
        raise NoConnection(f"no connection within {connection.timeout:g} s") from error


def _read(answer: http.client.HTTPResponse, stream: Any, deadline: float) -> bytes:
    """The body, as far as it comes by `deadline`."""
    raw = b""
    while len(raw) < MOST_BYTES:
        stream.settimeout(max(0.001, deadline - time.monotonic()))
        if not (piece := answer.read1(65536)):
            break
        raw += piece
    return raw
