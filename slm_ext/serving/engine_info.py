"""What our own engine says of itself: `GET /slm/info`. Standard library only: the keeper lives on this."""

from __future__ import annotations

from typing import Any

from . import probe

__all__ = ["SHOWN", "ask", "mismatch"]

SHOWN = ("version", "context_tokens", "max_streams", "batching", "notes", "wire_format")
"""Fields that the keeper copies into the server's state."""


def ask(base_url: str, token: str, *, timeout_s: float) -> dict[str, Any]:
    """The engine's document.

    Raises:
        OSError: no answer, or none that is such a document.
    """
    root = base_url.removesuffix("/v1")
    reply = probe.request(root, "/slm/info", token=token, timeout_s=timeout_s)
    if reply.status != 200 or not isinstance(reply.body, dict) or "launch_id" not in reply.body:
        raise ConnectionError(f"/slm/info: HTTP {reply.status}: {reply.message}")
    return reply.body


def mismatch(info: dict[str, Any], *, launch_id: str, pid: int, identity: dict[str, Any]) -> str:
    """Why this is not the engine that was started with this model; empty where it is.

    Args:
        info: of `ask`.
        launch_id: of the start.
        pid: of the child.
        identity: as taken from the files before the start.
    """
    echoed: dict[str, Any] = info["identity"] if isinstance(info.get("identity"), dict) else {}
    compared: list[tuple[str, Any, Any]] = [
        ("launch_id", info.get("launch_id"), launch_id),
        ("pid", info.get("pid"), pid),
    ]
    if info.get("state") == "ready":  # while it is loading, it has nothing to echo yet
        names = ("model_id", "weights_sha", "template_sha")
        compared += [(name, echoed.get(name), identity.get(name)) for name in names]
    return "; ".join(f"{name} is {seen!r}, expected {wanted!r}" for name, seen, wanted in compared if seen != wanted)
