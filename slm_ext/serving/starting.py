"""One start of an engine by its keeper: process, port, first token. The keeper's watch goes on all the while."""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from . import engine_info, ports, states
from .child import Child
from .readiness import EngineFailed, Expected, Probe

__all__ = ["Start"]

TICK_S = 0.02
PORT_TRIES = 5
_PACKAGE_ROOT = Path(__file__).resolve().parents[2]  # `-m slm_ext…` finds the package there, installed or not


class Start:
    """A start, and afterwards what was started: `child`, `port`, `expected`.

    Args:
        keeper: gives `launch`, `folder`, `state`, `token`; its `publish` and `watch` are called.
    """

    def __init__(self, keeper):
        self.keeper, self.launch = keeper, keeper.launch
        self.ours: bool = self.launch["port_from_child"]
        self.child: Child | None = None
        self.port = 0
        self.expected: Expected

    def run(self) -> dict[str, Any]:
        """From nothing to the first token; another port where somebody was quicker on the chosen one.

        Returns:
            What is known only now, for the server's state.

        Raises:
            EngineFailed: with the reason; and whatever the keeper's watch raises.
        """
        deadline = time.monotonic() + self.launch["startup_timeout_s"]
        for port in self._ports():
            child = self._spawn(port)
            if self._reported(deadline) if self.ours else self._bound(child, deadline):
                return self._token(child, deadline)
            child.end(self.launch["grace_s"])
            self.child = None
        who = ports.holder(port)
        raise EngineFailed("port_taken", f"port {port} is held by {who or 'another process'}")

    def _ports(self) -> Iterator[int]:
        """Ports to try; the one of an earlier start first, so that clients find the server where it was. 0: any."""
        host, fixed, before = self.launch["host"], self.launch["port"], self.keeper.state["port"]
        if fixed:
            yield fixed
            return
        if before and ports.is_free(host, before):
            yield before
        if self.ours:
            yield 0
            return
        for _ in range(PORT_TRIES):
            yield ports.free_port(host)

    def _spawn(self, port: int) -> Child:
        launch_id, folder = uuid.uuid4().hex, self.keeper.folder
        (folder / "ready.json").unlink(missing_ok=True)
        values = {
            "{port}": str(port),
            "{host}": self.launch["host"],
            "{config}": str(folder / "engine.json"),
            "{ready_file}": str(folder / "ready.json"),
        }
        argv = [_filled(part, values) for part in self.launch["argv"]]
        env = {**os.environ, **self.launch["env"]}
        if self.ours:
            env |= {"SLM_ENGINE_TOKEN": self.keeper.token, "SLM_KEEPER_PID": str(os.getpid())}
            self._write_config(folder / "engine.json", port, launch_id, values["{ready_file}"])
        try:
            self.child = Child(
                argv, cwd=_PACKAGE_ROOT if self.ours else folder, env=env, log_path=Path(self.launch["log_path"])
            )
        except OSError as error:
            raise EngineFailed("exited", f"{argv[0]} cannot be started: {error.strerror}") from error
        self.port, self.launch_id = port, launch_id
        self.keeper.publish(
            started_at=datetime.now(UTC).isoformat(timespec="seconds"),
            launch_id=launch_id,
            child_pid=self.child.pid,
            child_start_time=self.child.born,
            port=port or None,
            base_url=self._base_url() if port else None,
        )
        return self.child

    def _write_config(self, path: Path, port: int, launch_id: str, ready_file: str) -> None:
        config = {
            "schema_version": states.SCHEMA_VERSION,
            **(self.launch["config"] or {}),
            "host": self.launch["host"],
            "port": port,
            "ready_file": ready_file,
            "launch_id": launch_id,
        }
        states.write_json(path, config)

    def _base_url(self) -> str:
        host = self.launch["host"]
        return f"http://{f'[{host}]' if ':' in host else host}:{self.port}/v1"

    def _bound(self, child: Child, deadline: float) -> bool:
        """Wait until somebody listens on the port. False where it is not the child."""
        while not ports.answers(self.launch["host"], self.port):
            self._tick(deadline)
        if not ports.owned_by_group(child.pid, self.port):
            return False
        self.keeper.publish(stage="loading")
        return True

    def _reported(self, deadline: float) -> bool:
        """Wait until our engine says which port it bound. False where it ended because that port is taken."""
        while True:
            ready = states.read_json(self.keeper.folder / "ready.json") or {}
            if ready.get("launch_id") == self.launch_id and isinstance(ready.get("port"), int):
                self.port = ready["port"]
                self.keeper.publish(stage="loading", port=self.port, base_url=self._base_url())
                return True
            try:
                self._tick(deadline)
            except EngineFailed as error:
                if error.kind == "exited" and self.port and not ports.is_free(self.launch["host"], self.port):
                    return False
                raise

    def _token(self, child: Child, deadline: float) -> dict[str, Any]:
        """Wait until one token came back from the right model."""
        self.expected = Expected(
            base_url=self._base_url(),
            token=self.keeper.token,
            model_id=self.launch["model_id"],
            pid=child.pid,
            identity=self.launch["identity"],
            launch_id=self.launch_id if self.ours else None,
            unavailable_is_final=self.launch["unavailable_is_final"],
        )
        patience, wait_s = self.launch["startup_timeout_s"], 0.0
        asked = Probe(self.expected, patience)
        while True:
            self._tick(deadline)
            if asked.is_alive():
                continue
            if asked.error is None:
                break
            if not asked.again:
                raise asked.error
            wait_s = min(0.5, wait_s + 0.05)
            asked = Probe(self.expected, patience, wait_s)
        if not self.ours:
            return {"info": {"notes": self.launch["notes"]}}
        shown = {key: asked.info.get(key) for key in engine_info.SHOWN}
        return {"identity": {**self.launch["identity"], "kind": "echoed"}, "info": shown}

    def _tick(self, deadline: float) -> None:
        self.keeper.watch()
        if time.monotonic() > deadline:
            seconds = self.launch["startup_timeout_s"]
            raise EngineFailed("timeout", f"no token within startup_timeout_s = {seconds:g} seconds")
        time.sleep(TICK_S)


def _filled(text: str, values: dict[str, str]) -> str:
    for name, value in values.items():
        text = text.replace(name, value)
    return text
