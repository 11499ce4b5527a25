"""Any OpenAI-compatible server as a managed one: `server.command` of a provider, kept like the others."""

from __future__ import annotations

from pathlib import Path

from .identity import Identity, fingerprint, folder_identity
from .launch import Launch, life

__all__ = ["command_launch"]


def command_launch(provider) -> Launch:
    """The launch of a provider's own `command`; the weights are hashed where its `model_path` is a folder."""
    spec = provider.server
    model = spec.model_path or provider.model
    folder = Path(model).expanduser()
    if folder.is_dir():
        identity = folder_identity(folder.resolve(), provider.model)
    else:
        identity = Identity(kind="declared", model_id=provider.model)
    argv = [part.replace("{model}", str(model)) for part in spec.command]
    return Launch(
        engine="command",
        argv=argv,
        model_id=provider.model,
        model_path=str(model),
        identity=identity.model_dump(),
        fingerprint=fingerprint(
            {"argv": argv, "env": spec.env, "host": spec.host, "port": spec.port, "identity": identity.model_dump()}
        ),
        **life(provider),
    )
