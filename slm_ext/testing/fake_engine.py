"""A fake engine process with the faults of real ones: `python -m slm_ext.testing.fake_engine --port N [faults]`.

Starts in a tenth of a second and needs no mlx. Use it as `server: {command: [...]}` of a provider, or `command(...)`.
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

from .openai_server import FakeOpenAI, Fault

__all__ = ["command", "main"]

_ROOT = Path(__file__).resolve().parents[2]  # found also where slm-ext runs from a checkout that is not installed


def command(*faults: str) -> list[str]:
    """A `server.command` that starts this engine with `faults` (flags below)."""
    start = f"import sys; sys.path.append({str(_ROOT)!r}); from slm_ext.testing import fake_engine as f; f.run()"
    return [sys.executable, "-c", start, "--host", "{host}", "--port", "{port}", *faults]


def run() -> None:
    sys.exit(main())


def parser() -> argparse.ArgumentParser:
    flags = argparse.ArgumentParser(prog="fake_engine", description=__doc__.splitlines()[0])
    flags.add_argument("--host", default="127.0.0.1")
    flags.add_argument("--port", type=int, required=True)
    flags.add_argument("--model", help="name it answers as; default: the one asked for")
    flags.add_argument("--reply", action="append", help="text to answer with, in order; the last one repeats")
    flags.add_argument("--log-bytes", type=int, default=0, help="print this much at the start")
    flags.add_argument("--crash", type=int, metavar="STATUS", help="then end with this status")
    flags.add_argument("--slow-bind", type=float, default=0, help="seconds before it listens")
    flags.add_argument("--slow-load", type=float, default=0, help="seconds for which completions get 503")
    flags.add_argument("--never-ready", action="store_true", help="completions never come back; /health says ok")
    flags.add_argument("--ignore-term", action="store_true")
    flags.add_argument("--fork", type=Path, metavar="FILE", help="start a grandchild and write its pid there")
    flags.add_argument("--stray", action="store_true", help="the grandchild leaves the process group")
    flags.add_argument(
        "--await-thief", type=Path, metavar="FILE", help="once: write the port there, go on when it vanishes"
    )
    flags.add_argument("--crash-after", type=int, metavar="N", help="end abruptly at request N")
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
    counted = [0]

    def answer(request: dict):
        if flags.never_ready:
            return Fault(wait_s=3600, drop=True)
        if time.monotonic() < ready_at:
            return Fault(status=503, body=json.dumps({"error": "loading"}))
        counted[0] += 1
        if flags.crash_after and counted[0] >= flags.crash_after:
            os._exit(70)
        texts = flags.reply or ["ok"]
        return texts[min(counted[0], len(texts)) - 1]

    with FakeOpenAI(
        [answer], model=flags.model, listed=[flags.model or "default_model"], host=flags.host, port=flags.port
    ):
        threading.Event().wait()
    return 0


if __name__ == "__main__":
    run()
