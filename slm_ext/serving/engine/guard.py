"""Who may ask: holders of the launch's token, on this machine. Web pages may not, whatever name they reach us by."""

from __future__ import annotations

import hmac
from urllib.parse import urlsplit

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from .errors import ApiError

__all__ = ["LIMIT_BYTES", "Guard"]

LIMIT_BYTES = 64 * 1024 * 1024
"""Largest body of a request."""
_HOSTS = {"127.0.0.1", "localhost", "::1"}
_OPEN = {"/health"}


class Guard:
    """Checks the `Host`, the token and the body's kind and announced size before anything reads the request.

    Args:
        token: of this launch; empty lets everybody on this machine in.
        host: address that is served, allowed as a `Host` too.
    """

    def __init__(self, app: ASGIApp, token: str, host: str):
        self._app, self._token, self._hosts = app, token.encode(), _HOSTS | {host}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        headers = {key.decode("latin-1"): value.decode("latin-1") for key, value in scope["headers"]}
        try:
            self._check(scope, headers)
        except ApiError as refusal:
            answer = JSONResponse(refusal.body(), refusal.status, headers=refusal.headers())
            return await answer(scope, receive, send)
        await self._app(scope, receive, send)

    def _check(self, scope: Scope, headers: dict[str, str]) -> None:
        name = _name(headers.get("host", ""))
        if name not in self._hosts:
            raise ApiError(403, f"Host {name!r} is not served here; allowed: {', '.join(sorted(self._hosts))}")
        if scope["path"] in _OPEN:
            return
        if self._token:
            kind, _, given = headers.get("authorization", "").partition(" ")
            if kind.lower() != "bearer" or not hmac.compare_digest(given.strip().encode(), self._token):
                raise ApiError(401, "the header `Authorization: Bearer TOKEN` of this launch is missing or wrong",
                               code="invalid_api_key")  # fmt: skip
        if scope["method"] == "POST":
            if headers.get("content-type", "").split(";")[0].strip().lower() != "application/json":
                raise ApiError(415, f"Content-Type is {headers.get('content-type')!r}; allowed: application/json")
            length = headers.get("content-length", "")
            if length.isdecimal() and int(length) > LIMIT_BYTES:
                raise ApiError(413, f"the body has {length} bytes; allowed: {LIMIT_BYTES}")


def _name(host: str) -> str | None:
    """The name in a `Host` header, without its port; None where it is malformed."""
    try:
        return urlsplit(f"//{host}").hostname
    except ValueError:
        return None
