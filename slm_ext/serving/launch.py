"""What a keeper is told: one server, fully described. Made from a provider before anything is started."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from slm_ext.errors import ServingError

from . import states

__all__ = ["LOOPBACK", "Launch", "launch_for"]

LOOPBACK = ("127.0.0.1", "localhost", "::1")


@dataclass
class Launch:
    """One server to start. Written as `launch.json`, except `secret_env`, which travels through the environment."""

    engine: str
    argv: list[str]
    """Command line; `{port}` and `{host}` are filled in by the keeper."""
    model_id: str
    """What requests have to name."""
    model_path: str
    identity: dict[str, Any]
    fingerprint: str
    env: dict[str, str] = field(default_factory=dict)
    secret_env: dict[str, str] = field(default_factory=dict)
    host: str = "127.0.0.1"
    port: int = 0
    ttl_s: float = 0
    startup_timeout_s: float = 300
    grace_s: float = 10
    unavailable_is_final: bool = False
    """Whether HTTP 503 means that the engine is dead (plain mlx_lm.server) rather than still loading."""
    log_path: str = ""

    def write(self, folder: Path) -> None:
        data = asdict(self)
        del data["secret_env"]
        states.write_json(folder / "launch.json", {"schema_version": states.SCHEMA_VERSION, **data})


def launch_for(provider) -> Launch:
    """The launch of a managed provider.

    Raises:
        MissingExtra: mlx-lm is needed and not installed.
        ServingError: the model folder, a flag, the host or the engine cannot be used.
    """
    spec = provider.server
    if spec.host not in LOOPBACK:
        raise ServingError(
            f"serve provider {provider.name!r}",
            seen=f"host: {spec.host}",
            allowed=f"a loopback address ({', '.join(LOOPBACK)}): the server has no authentication",
            next_step="remove `host` from the provider's `server`",
        )
    if spec.command:
        from .command import command_launch

        return command_launch(provider)
    if spec.engine == "plain":
        from .plain import plain_launch

        return plain_launch(provider)
    raise ServingError(
        f"serve provider {provider.name!r}",
        seen=f"engine: {spec.engine}",
        allowed="plain (the unmodified mlx_lm.server), or a `command`",
        next_step="set `engine: plain` in the provider's `server`",
    )
