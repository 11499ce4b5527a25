"""`SWEAGENT=auto|none|PATH|URL`: which SWE-agent an environment gets, and one line that says so.

auto   what is installed; for the demo else the documented line, if its host answers within three seconds
none   none, even where one is installed
PATH   a checkout, installed editable
URL    what pip can clone, e.g. git+file:///home/me/SWE-agent#egg=sweagent
"""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import urllib.error
import urllib.request
from pathlib import Path
from urllib.parse import urlsplit

from pip_install import InstallError, install

from slm_ext.hosts.sweagent import INSTALL_LINE

__all__ = ["answers", "documented", "requirement", "settle"]

ROOT = Path(__file__).resolve().parent.parent
WAIT_S = 3.0


def settle(choice: str, purpose: str, python: Path, line: str = INSTALL_LINE) -> str:
    """Install what `choice` asks for and say what there is now, in one line.

    Args:
        purpose: `demo`, which may download SWE-agent, or `test`, which never does unless told where from.
        python: of the environment.
        line: the documented `pip install -e …`.

    Raises:
        InstallError: a PATH or URL that was asked for did not install, or is no SWE-agent.
    """
    if choice == "none":
        return "SWE-agent: left out (SWEAGENT=none)"
    there, place = _available(python)
    if choice == "auto":
        if there:
            return f"SWE-agent: installed ({place.removeprefix('SWE-agent at ')})"
        if purpose == "test":
            return "SWE-agent: not installed; the tests that need it will skip"
        return _try_documented(documented(line), python)
    install(python, ["-e", requirement(choice)], f"SWE-agent from {choice}")
    there, place = _available(python)
    if not there:
        raise InstallError(f"{choice} was installed, but {place}")
    return f"SWE-agent: installed ({place.removeprefix('SWE-agent at ')})"


def _try_documented(url: str, python: Path) -> str:
    if not answers(url):
        return f"SWE-agent: not installed, {_host(url)} did not answer within {WAIT_S:.0f} s; mini-swe-agent alone"
    try:
        install(python, ["-e", url], "SWE-agent")
    except InstallError as error:
        return f"SWE-agent: {str(error).splitlines()[0]} ({str(error).splitlines()[-1].strip()}); mini-swe-agent alone"
    there, place = _available(python)
    return f"SWE-agent: {'installed' if there else place}"


def documented(line: str) -> str:
    """The URL in `pip install -e "URL"`."""
    return shlex.split(line)[-1]


def requirement(choice: str) -> str:
    """What pip takes after `-e` for a PATH or a URL.

    Raises:
        InstallError: neither.
    """
    if "://" in choice:
        url = choice if choice.startswith("git+") else f"git+{choice}"
        return url if "#" in url else f"{url}#egg=sweagent"
    folder = Path(choice).expanduser()
    if not (folder / "pyproject.toml").is_file():
        raise InstallError(
            f"use SWEAGENT={choice}\n  seen: no pyproject.toml in {folder.resolve()}\n"
            "  allowed: auto, none, the folder of a SWE-agent checkout, or a URL that git can clone"
        )
    return str(folder.resolve())


def answers(url: str, seconds: float = WAIT_S) -> bool:
    """Whether the host of `url` answers in time; for a file URL, whether the folder is there."""
    parts = urlsplit(url.removeprefix("git+"))
    if parts.scheme == "file":
        return Path(parts.path.partition("@")[0]).exists()
    request = urllib.request.Request(f"{parts.scheme}://{parts.netloc}/", method="HEAD")
    try:
        urllib.request.urlopen(request, timeout=seconds).close()
    except urllib.error.HTTPError:
        return True
    except (OSError, ValueError):
        return False
    return True


def _host(url: str) -> str:
    parts = urlsplit(url.removeprefix("git+"))
    return parts.netloc or parts.path


def _available(python: Path) -> tuple[bool, str]:
    code = "import json; from slm_ext.hosts.sweagent import available; print(json.dumps(available()))"
    done = subprocess.run(
        [str(python), "-c", code],
        env=os.environ | {"PYTHONPATH": str(ROOT), "SLM_EXT_DISABLE": "1"},
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise InstallError(f"could not start {python}: {done.stderr.strip()}")
    there, place = json.loads(done.stdout)
    return there, place
