"""One endpoint under check: how it is asked, and which verdict follows from how it fails."""

from __future__ import annotations

import errno
import socket
import ssl
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from .. import probe
from ..handle import ServerHandle
from . import advice
from .report import Found, HealthReport

__all__ = ["Endpoint"]

CONNECT_S = 5
ASIDE_S = 5
"""For questions whose answer is not needed."""

_NOT_SENT = {"timeout", "extra_headers", "extra_query", "extra_body", "max_tokens", "max_completion_tokens"}
_NOBODY = {errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EHOSTDOWN, errno.ENETDOWN, errno.EADDRNOTAVAIL}


@dataclass
class Endpoint:
    """Where a provider answers. `timeout_s`: for one answer; `server`: its program, where it is known."""

    provider: Any
    handle: ServerHandle
    report: HealthReport
    timeout_s: float
    server: str = ""

    @property
    def address(self) -> str:
        return urlsplit(self.handle.base_url).netloc

    @property
    def root(self) -> str:
        """The address without the API's `/v1`, where servers tell of themselves."""
        return self.handle.base_url.rstrip("/").removesuffix("/v1")

    def chat(self, content: str, *, limit: int, timeout_s: float | None = None, **fields: Any) -> probe.Reply:
        """The answer to one message, asked with the provider's own arguments. Raises like `ask`.

        Args:
            limit: most tokens of the reply.
        """
        own = {k: v for k, v in self.provider.completion_kwargs.items() if v is not None}
        most = "max_completion_tokens" if "max_completion_tokens" in own else "max_tokens"
        extra = own.get("extra_body")
        template = self.provider.chat_template_kwargs
        body = {
            "model": self.handle.model_id,
            "messages": [{"role": "user", "content": content}],
            most: limit,
            **({"chat_template_kwargs": template} if template else {}),
            **{k: v for k, v in own.items() if k not in _NOT_SENT},
            **(extra if isinstance(extra, dict) else {}),
            **fields,
        }
        return self.ask("/chat/completions", body, timeout_s=timeout_s)

    def ask(self, path: str, body: dict | None = None, *, timeout_s: float | None = None) -> probe.Reply:
        """The answer, whatever its status, but 401, 403 and redirections.

        Raises:
            Found: there is none, or it is one of those.
        """
        timeout_s = timeout_s or self.timeout_s
        try:
            reply = self._request(self.handle.base_url, path, body, timeout_s)
        except (OSError, ValueError) as error:
            raise self._failure(error, timeout_s) from None
        self.report.reachable = True
        self.report.auth_ok = reply.status not in (401, 403)
        if not self.report.auth_ok:
            raise Found("auth", f"HTTP {reply.status}: {reply.message}", advice.auth(self.provider))
        if 300 <= reply.status < 400:
            where = reply.location or "an address it does not name"
            raise Found("error", f"HTTP {reply.status}: it leads to {where}", advice.http_status(reply.status, where))
        return reply

    def aside(self, path: str, body: dict | None = None) -> dict[str, Any]:
        """The JSON object at `path` below the root; an empty one where there is none, whatever the reason."""
        try:
            reply = self._request(self.root, path, body, min(ASIDE_S, self.timeout_s))
        except (OSError, ValueError):
            return {}
        return reply.body if reply.status == 200 and isinstance(reply.body, dict) else {}

    def unexpected(self, reply: probe.Reply) -> Found:
        """The verdict on a status that should have been 200."""
        step = advice.http_status(reply.status, reply.location) or self.look()
        return Found("error", f"HTTP {reply.status}: {reply.message}", step)

    def look(self, otherwise: str = "read the server's own log") -> str:
        """Where to look for the cause."""
        return f"read {self.handle.log_path}" if self.handle.log_path else otherwise

    def _request(self, base_url: str, path: str, body: dict | None, timeout_s: float) -> probe.Reply:
        own = self.provider.completion_kwargs.get("extra_headers")
        return probe.request(
            base_url, path, token=self.handle.token, body=body, timeout_s=timeout_s, connect_s=CONNECT_S,
            headers={k: str(v) for k, v in own.items()} if isinstance(own, dict) else None,
            proxies=not self.handle.managed,
        )  # fmt: skip

    def _failure(self, error: Exception, timeout_s: float) -> Found:
        host = urlsplit(self.handle.base_url).hostname
        start = self.look("start the server there, or correct `api_base`")
        if isinstance(error, socket.gaierror):
            return Found("dns", f"{host}: {error.strerror}", "check the host name in `api_base`, and the network")
        if isinstance(error, ssl.SSLError):
            reason = getattr(error, "verify_message", "") or error.reason or str(error)
            return Found("tls", f"{self.address}: {reason}", advice.certificate(error))
        if isinstance(error, ConnectionRefusedError):
            return Found("refused", f"nothing listens at {self.address}", start)
        if isinstance(error, probe.NoConnection):
            step = "check host and port in `api_base`; a firewall may drop the connection"
            return Found("refused", f"{self.address}: {error}", step)
        if isinstance(error, OSError) and error.errno in _NOBODY:
            return Found("refused", f"{self.address}: {error.strerror}", start)
        if isinstance(error, TimeoutError):
            self.report.reachable = True
            step = self.look("try again: it may still be loading the model; then read the server's own log")
            return Found("slow", f"no answer from {self.address} within {timeout_s:g} s", step)
        step = "check `api_base`, http or https: it has to be an OpenAI-compatible server"
        return Found("error", f"{self.address}: {error}", step)
