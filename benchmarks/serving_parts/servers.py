"""Models and servers of one run: a state folder of its own, everything in it gone at the end."""

from __future__ import annotations

import os
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from slm_ext.registry.provider import Provider
from slm_ext.serving import ServerHandle, acquire
from slm_ext.testing.random_model import parameters, write_random_model

__all__ = ["FLYWHEEL", "TINY", "Bench", "millions"]

FLYWHEEL = {"model": "package:flywheel-tiny", "max_streams": 4, "context_tokens": 65536}
"""Arguments of `serve` for flywheel-tiny, with a window that it was not made for but that a conversation needs."""

TINY = {"layers": 6, "hidden": 256, "heads": 4, "kv_heads": 2, "intermediate": 640}
"""flywheel-tiny's shape."""


class Bench:
    """What the parts of one run share. A context manager: servers live, and models stay, until it ends.

    Args:
        quick: measure less.
        quiet: tell nothing on stderr.
    """

    def __init__(self, quick: bool, quiet: bool = False):
        self.quick, self.quiet = quick, quiet
        self._stack = ExitStack()
        self._models: dict[str, Path] = {}
        self._servers: dict[str, ServerHandle] = {}
        self._began = time.monotonic()

    def __enter__(self) -> Bench:
        # With the servers' locks and sockets in it, the path has to be short.
        self.folder = Path(
            self._stack.enter_context(tempfile.TemporaryDirectory(prefix="slm-", ignore_cleanup_errors=True))
        )
        self._environment("SLM_HOME", str(self.folder / "home"))
        return self

    def __exit__(self, *exception: Any) -> None:
        self._stack.close()

    def tell(self, text: str) -> None:
        """Say on stderr what is going on."""
        if not self.quiet:
            print(f"[{time.monotonic() - self._began:5.0f} s] {text}", file=sys.stderr, flush=True)

    def model(self, **sizes: Any) -> Path:
        """A random model, written once for each shape; see `write_random_model`."""
        key = repr(sorted(sizes.items()))
        if key not in self._models:
            self._models[key] = write_random_model(self.folder / f"model-{len(self._models)}", **sizes)
        return self._models[key]

    def serve(self, model: Path | str, engine: str = "slm", **server: Any) -> ServerHandle:
        """A server with OpenBLAS where there is one, up to the end of the run; one for equal arguments.

        Args:
            model: a folder, or `package:flywheel-tiny`.
            engine: `slm` or `plain`.
            server: fields of a provider's `server`.
        """
        key = repr((str(model), engine, sorted(server.items()), os.environ.get("SLM_OPENBLAS")))
        if key not in self._servers:
            provider = self.provider(model, engine, **server)
            self._servers[key] = self._stack.enter_context(acquire(provider))
            self.tell(f"{engine} server on {model} is ready")
        return self._servers[key]

    def let_go(self, handle: ServerHandle) -> None:
        """End a server before the run ends."""
        handle.release()
        self._servers = {key: other for key, other in self._servers.items() if other is not handle}

    @staticmethod
    def provider(model: Path | str, engine: str = "slm", **server: Any) -> Provider:
        """The provider that `serve` starts."""
        settings = {"engine": engine, "model_path": str(model), "startup_timeout_s": 600, **server}
        return Provider(name="bench", model="bench", server=settings)

    def _environment(self, name: str, value: str) -> None:
        before = os.environ.get(name)
        os.environ[name] = value
        self._stack.callback(lambda: os.environ.pop(name) if before is None else os.environ.__setitem__(name, before))


def millions(folder: Path) -> str:
    """`4.2 M`: parameters of a model folder."""
    return f"{parameters(folder) / 1e6:.3g} M"
