"""`pip install` that says what it is doing, keeps a log, and fails with the end of it."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

__all__ = ["InstallError", "install"]

_TAIL = 15
_TOLD = ("Collecting ", "Downloading ", "Building ", "Cloning ", "Installing ")


class InstallError(Exception):
    """Something is missing or did not install; the message says what to do."""


def install(python: Path, arguments: list[str], what: str) -> None:
    """`python -m pip install ARGUMENTS`; one line that changes on a terminal, two lines in a pipe.

    Raises:
        InstallError: pip failed; with the last lines of its output and where the rest is.
    """
    log = python.parent.parent / "install.log"
    live = sys.stdout.isatty()
    print(f"installing {what} …", end="" if live else "\n", flush=True)
    start = time.monotonic()
    command = [str(python), "-m", "pip", "install", "--disable-pip-version-check", "--no-input", *arguments]
    lines = []
    with log.open("a", encoding="utf-8") as out:
        out.write(f"$ {' '.join(command)}\n")
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as pip:
            for line in pip.stdout or ():
                out.write(line)
                lines.append(line.rstrip())
                if live and line.lstrip().startswith(_TOLD):
                    told = " ".join(line.split()[:2])[:60]
                    print(f"\r\x1b[2Kinstalling {what}: {time.monotonic() - start:.0f} s, {told}", end="", flush=True)
    if live:
        print("\r\x1b[2K", end="")
    if pip.returncode:
        tail = "\n".join(f"  {line}" for line in lines[-_TAIL:])
        raise InstallError(f"could not install {what}\n{tail}\n  all of it: {log}")
    print(f"installed {what} in {time.monotonic() - start:.0f} s", flush=True)
