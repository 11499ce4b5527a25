"""uvicorn, and how it ends: answers that are nearly complete are given, the others are told."""

from __future__ import annotations

import asyncio
import socket

import uvicorn

from .app import build_app
from .service import Service

__all__ = ["serve"]

_DRAIN_S, _GRACE_S = 2, 6


def serve(service: Service, token: str, listening: socket.socket) -> None:
    """Answer on a bound socket until TERM or INT. What is not finished two seconds later gets a 503."""
    settings = uvicorn.Config(
        build_app(service, token),
        log_level="warning",
        access_log=False,
        timeout_graceful_shutdown=_GRACE_S,
        lifespan="on",
    )
    _Server(settings, service).run(sockets=[listening])


class _Server(uvicorn.Server):
    def __init__(self, settings: uvicorn.Config, service: Service):
        super().__init__(settings)
        self._service = service

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        asyncio.get_running_loop().call_later(_DRAIN_S, self._service.stop)
        await super().shutdown(sockets)
