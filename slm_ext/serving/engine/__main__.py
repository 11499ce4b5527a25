"""`python -m slm_ext.serving.engine CONFIG.json`: bind, say where, load, serve."""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
import threading
import time
from pathlib import Path

from .config import EngineConfig

__all__ = ["main"]


def main(arguments: list[str] | None = None) -> int:
    """Serve until TERM or INT. The port is bound, and told in the ready file, before the model is loaded."""
    arguments = sys.argv[1:] if arguments is None else arguments
    if len(arguments) != 1:
        print("usage: python -m slm_ext.serving.engine CONFIG.json", file=sys.stderr)
        return 2
    config = EngineConfig.read(arguments[0])
    family = socket.AF_INET6 if ":" in config.host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((config.host, config.port))
    except OSError as error:
        print(f"{config.host}:{config.port} cannot be bound: {error.strerror}", file=sys.stderr, flush=True)
        return 1
    listening.listen(512)
    for number in (signal.SIGTERM, signal.SIGINT):  # while the server runs it has handlers of its own
        signal.signal(number, lambda *_: _end_now(0))
    _tell(config, listening.getsockname()[1])
    _end_with_keeper(os.environ.get("SLM_KEEPER_PID", ""))
    token = os.environ.pop("SLM_ENGINE_TOKEN", "")

    from .server import serve
    from .service import Service

    serve(Service(config, fatal=_end_now), token, listening)
    _end_now(0)  # the generation thread may be inside MLX, which does not like to be torn down under it
    return 0


def _tell(config: EngineConfig, port: int) -> None:
    if not config.ready_file:
        return
    path = Path(config.ready_file)
    written = path.with_suffix(".tmp")
    written.write_text(json.dumps({"port": port, "pid": os.getpid(), "launch_id": config.launch_id}))
    os.replace(written, path)


def _end_with_keeper(pid: str) -> None:
    """End when the process that keeps us is gone: nobody would stop us then."""
    if not pid.isdecimal():
        return

    def watch() -> None:
        while os.getppid() == int(pid):
            time.sleep(0.5)
        print("the keeper is gone; ending", file=sys.stderr, flush=True)
        _end_now(0)

    threading.Thread(target=watch, name="keeper watch", daemon=True).start()


def _end_now(status: int) -> None:
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


if __name__ == "__main__":
    sys.exit(main())
