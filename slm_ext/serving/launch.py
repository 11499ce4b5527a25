"""What a keeper is told: one server, fully described. Made from a provider before anything is started."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from slm_ext.errors import ServingError

from . import states

__all__ = ["LOOPBACK", "Launch", "launch_for", "life"]

LOOPBACK = ("127.0.0.1", "localhost", "::1")


@dataclass
class Launch:
    """One server to start. Written as `launch.json` without `secret_env`, which travels through the environment."""

    engine: str
    argv: list[str]
    """Command line; `{port}`, `{host}`, `{config}` and `{ready_file}` are filled in by the keeper."""
    model_id: str
    """What requests have to name."""
    model_path: str
    identity: dict[str, Any]
    fingerprint: str
    name: str = ""
    """Of the provider it was made for; others may share the server."""
    env: dict[str, str] = field(default_factory=dict)
    secret_env: dict[str, str] = field(default_factory=dict)
    config: dict[str, Any] | None = None
    """Settings of our own engine. The keeper adds host, port, ready_file and launch_id and writes `engine.json`."""
    port_from_child: bool = False
    """Whether it is our own engine: it binds the port itself and reports it in the ready file, wants a token, and
    says what it serves at `/slm/info`."""
    before_start: Callable[[], dict[str, Any]] | None = None
    """Called where no server can be joined: changes of `config` that hang on the moment, or a ServingError."""
    host: str = "127.0.0.1"
    port: int = 0
    ttl_s: float = 0
    startup_timeout_s: float = 300
    stall_timeout_s: float = 120
    idle_probe_s: float = 60
    grace_s: float = 10
    notes: list[str] = field(default_factory=list)
    """What the settings switch off, in words, where the engine does not tell it itself."""
    unavailable_is_final: bool = False
    """Whether HTTP 503 means that the engine is dead (plain mlx_lm.server) rather than still loading."""
    log_path: str = ""

    def write(self, folder: Path) -> None:
        data = asdict(replace(self, before_start=None))
        del data["secret_env"], data["before_start"]
        states.write_json(folder / "launch.json", {"schema_version": states.SCHEMA_VERSION, **data})


def life(provider) -> dict[str, Any]:
    """The fields of a `Launch` that are the same for every engine: where, how long, how patient."""
    spec = provider.server
    return {
        "name": provider.name,
        "secret_env": dict(spec.env),
        "host": spec.host,
        "port": spec.port,
        "ttl_s": spec.ttl_s,
        "startup_timeout_s": spec.startup_timeout_s,
        "stall_timeout_s": spec.stall_timeout_s,
        "idle_probe_s": spec.idle_probe_s,
        "grace_s": spec.stop_grace_s,
        "log_path": str(Path(spec.log_path).expanduser().resolve()) if spec.log_path else "",
    }


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
            allowed=f"a loopback address ({', '.join(LOOPBACK)}): servers are for this machine only",
            next_step="remove `host` from the provider's `server`",
        )
    if spec.command:
        from .command import command_launch

        return command_launch(provider)
    if spec.engine == "plain":
        from .plain import plain_launch

        return plain_launch(provider)
    from .engine_launch import slm_launch

    return slm_launch(provider)
