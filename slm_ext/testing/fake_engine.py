"""A fake engine process with the faults of real ones: `python -m slm_ext.testing.fake_engine --port N [faults]`.

Starts in a tenth of a second and needs no mlx. Use it as `server: {command: [...]}` of a provider, or `command(...)`.
With `--engine slm CONFIG.json` (`slm_command(...)`) it speaks as our own engine does: ready file, token, `/slm/info`.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

from .openai_server import FakeOpenAI, Fault

__all__ = ["command", "main", "slm_command"]

_ROOT = Path(__file__).resolve().parents[2]  # found also where slm-ext runs from a checkout that is not installed


def command(*faults: str) -> list[str]:
    """A `server.command` that starts this engine with `faults` (flags below)."""
    return [*_start(), "--host", "{host}", "--port", "{port}", *faults]


def slm_command(*faults: str) -> list[str]:
    """The `argv` of a `Launch` with `port_from_child` that starts this engine in place of ours."""
    return [*_start(), "--engine", "slm", "--config", "{config}", *faults]


def _start() -> list[str]:
    start = f"import sys; sys.path.append({str(_ROOT)!r}); from slm_ext.testing import fake_engine as f; f.run()"
    return [sys.executable, "-c", start]


def run() -> None:
    sys.exit(main())


def parser() -> argparse.ArgumentParser:
    flags = argparse.ArgumentParser(prog="fake_engine", description=__doc__.splitlines()[0])
    flags.add_argument("--host", default="127.0.0.1")
    flags.add_argument("--port", type=int, default=0)
    flags.add_argument("--engine", choices=["openai", "slm"], default="openai")
    flags.add_argument("--config", type=Path, help="with --engine slm: what the keeper wrote")
    flags.add_argument("--model", help="name it answers as; default: the one asked for")
    flags.add_argument("--reply", action="append", help="text to answer with, in order; the last one repeats")
    flags.add_argument("--log-bytes", type=int, default=0, help="print this much at the start")
    flags.add_argument("--crash", type=int, metavar="STATUS", help="then, instead of listening, end with this status")
    flags.add_argument("--slow-bind", type=float, default=0, help="seconds before it listens")
    flags.add_argument("--slow-load", type=float, default=0, help="seconds for which completions get 503")
    flags.add_argument("--never-ready", action="store_true", help="completions never come back; /health says ok")
    flags.add_argument("--ignore-term", action="store_true")
    flags.add_argument("--fork", type=Path, metavar="FILE", help="start a grandchild and write its pid there")
    flags.add_argument("--stray", action="store_true", help="the grandchild leaves the process group")
    flags.add_argument(
        "--await-thief", type=Path, metavar="FILE", help="once: write the port there, go on when it vanishes"
    )
    flags.add_argument("--flood", action="store_true", help="print without end")
    flags.add_argument("--crash-after", type=int, metavar="N", help="end abruptly at request N")
    flags.add_argument("--hang-after", type=int, metavar="N", help="request N and later are prefilled, then nothing")
    flags.add_argument("--dead-after", type=int, metavar="N", help="from request N on: HTTP 500; /health says ok")
    flags.add_argument("--freeze-after", type=int, metavar="N", help="the whole process stands still at request N")
    flags.add_argument("--once", type=Path, metavar="FILE", help="strike only while FILE is not there; make it")
    flags.add_argument("--echo", action="append", default=[], metavar="FIELD=VALUE", help="/slm/info lies about it")
    return flags


def main(arguments: list[str] | None = None) -> int:
    flags = parser().parse_args(arguments)
    if flags.ignore_term:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if flags.log_bytes:
        line = "x" * 99 + "\n"
        sys.stderr.write(line * (flags.log_bytes // len(line)))
    print(f"fake engine, pid {os.getpid()}", file=sys.stderr, flush=True)
    if flags.fork:
        _fork(flags.fork, flags.stray)
    if flags.crash is not None:
        time.sleep(flags.slow_bind)
        print("planted crash", file=sys.stderr, flush=True)
        return flags.crash
    if flags.await_thief and not flags.await_thief.with_suffix(".done").exists():
        return _robbed(flags)
    time.sleep(flags.slow_bind)
    return _serve(flags)


def _fork(pid_file: Path, stray: bool) -> None:
    sleeper = [sys.executable, "-c", "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); signal.pause()"]
    grandchild = subprocess.Popen(sleeper, start_new_session=stray)
    pid_file.write_text(str(grandchild.pid))


def _robbed(flags: argparse.Namespace) -> int:
    """Let somebody else take the port first; then behave like mlx_lm.server: no socket, and no exit either."""
    written = flags.await_thief.with_suffix(".tmp")
    written.write_text(str(flags.port))
    written.rename(flags.await_thief)
    while flags.await_thief.exists():
        time.sleep(0.01)
    flags.await_thief.with_suffix(".done").touch()
    try:
        socket.create_server((flags.host, flags.port)).close()
    except OSError as error:
        print(error, file=sys.stderr, flush=True)
    signal.pause()
    return 1


def _serve(flags: argparse.Namespace) -> int:
    ready_at = time.monotonic() + flags.slow_load
    work = _Work(flags)

    def answer(request: dict):
        if flags.never_ready:
            return Fault(wait_s=3600, drop=True)
        if time.monotonic() < ready_at:
            return Fault(status=503, body=json.dumps({"error": "loading"}))
        return work.answer()

    config = json.loads(flags.config.read_text()) if flags.config else {}
    fake = FakeOpenAI(
        [answer],
        model=flags.model or config.get("model_id"),
        listed=[flags.model or config.get("model_id") or "default_model"],
        host=config.get("host") or flags.host,
        port=config.get("port") or flags.port,
        api_key=os.environ.get("SLM_ENGINE_TOKEN") if config else None,
    )
    if config:
        _speak_as_ours(fake, config, flags, work, ready_at)
    if flags.flood:
        threading.Thread(target=_flood, daemon=True).start()
    with fake:
        threading.Event().wait()
    return 0


class _Work:
    """Counts what it answers, and strikes at the planned request."""

    def __init__(self, flags: argparse.Namespace):
        self.flags = flags
        self.requests = self.count = self.in_flight = 0

    def answer(self):
        flags = self.flags
        self.requests += 1
        self.in_flight += 1
        self.count += 2  # prefilled
        try:
            if self._strikes(flags.crash_after):
                os._exit(70)
            if self._strikes(flags.freeze_after):
                os.kill(os.getpid(), signal.SIGSTOP)
                threading.Event().wait()  # this thread may be the last to stop
            if self._strikes(flags.hang_after):
                threading.Event().wait()
            if self._strikes(flags.dead_after):
                return Fault(status=500)
            self.count += 1
            texts = flags.reply or ["ok"]
            return texts[min(self.requests, len(texts)) - 1]
        finally:
            self.in_flight -= 1

    def _strikes(self, at: int | None) -> bool:
        if at is None or self.requests < at:
            return False
        if self.flags.once is not None and self.requests == at:
            try:
                self.flags.once.touch(exist_ok=False)
            except FileExistsError:
                self.flags.crash_after = self.flags.freeze_after = None
                self.flags.hang_after = self.flags.dead_after = None
                return False
        return True


def _speak_as_ours(fake: FakeOpenAI, config: dict, flags: argparse.Namespace, work: _Work, ready_at: float) -> None:
    """`/slm/info`, the ready file, and the end with the keeper. Nothing else than the engine's contract."""
    lies = dict(lie.split("=", 1) for lie in flags.echo)

    def info() -> dict:
        identity = {"kind": "echoed", **{k: config.get(k) for k in ("model_id", "weights_sha", "template_sha")}}
        told = {"launch_id": config["launch_id"], "pid": os.getpid()}
        return {
            "schema_version": 1,
            "engine": "slm",
            "version": "fake",
            **{key: lies.get(key, value) for key, value in told.items()},
            "model_id": config.get("model_id"),
            "state": "ready" if time.monotonic() >= ready_at else "loading",
            "identity": {key: lies.get(key, value) for key, value in identity.items()},
            "context_tokens": 4096,
            "max_streams": 4,
            "batching": False,
            "notes": ["a fake"],
            "wire_format": "hermes",
            "progress": {"count": work.count, "in_flight": work.in_flight, "waiting": 0},
        }

    http: Any = fake.http

    class Handler(http.RequestHandlerClass):
        def do_GET(self) -> None:
            if self.path != "/slm/info":
                super().do_GET()
            elif not self._refused():
                self._send(200, info())

    http.RequestHandlerClass = Handler
    ready = Path(config["ready_file"])
    written = ready.with_suffix(".new")
    written.write_text(json.dumps({"port": fake.port, "pid": os.getpid(), "launch_id": config["launch_id"]}))
    written.rename(ready)
    threading.Thread(target=_end_with_keeper, args=(int(os.environ["SLM_KEEPER_PID"]),), daemon=True).start()


def _end_with_keeper(pid: int) -> None:
    while os.getppid() == pid:
        time.sleep(0.1)
    os._exit(0)


def _flood() -> None:
    line = b"noise " * 20 + b"\n"
    while True:
        os.write(2, line)


if __name__ == "__main__":
    run()
