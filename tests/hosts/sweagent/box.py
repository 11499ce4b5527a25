"""One bubblewrap around a whole `sweagent run`: a private `/`, `/root` and `/tmp`, no network but loopback.

SWE-agent's `local` deployment copies the repository to `/<name>` and its tools to `/root/tools`; in here that leaves
the machine untouched, so a test can be repeated.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import slm_ext

__all__ = ["Box", "why_not"]

_SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib64", "/etc")


def why_not() -> str:
    """Why no box can be made here, or an empty string."""
    bwrap = shutil.which("bwrap")
    if bwrap is None:
        return "bubblewrap (bwrap) is not installed"
    tried = subprocess.run([bwrap, *_base(), "--", "/bin/true"], capture_output=True, text=True)
    return f"bubblewrap does not work here: {tried.stderr.strip()[:200]}" if tried.returncode else ""


class Box:
    """Commands in a fresh root file system; `writable` folders are the same inside and outside."""

    def __init__(self, *writable: Path):
        self._writable = writable

    def run(self, *words: object, cwd: Path, env: dict[str, str] | None = None, timeout: float = 300):
        """Run a command to its end; returns the completed process with its output as text."""
        return subprocess.run(self.command(*words, cwd=cwd, env=env), capture_output=True, text=True, timeout=timeout)

    def command(self, *words: object, cwd: Path, env: dict[str, str] | None = None) -> list[str]:
        """The whole command line, for a caller that wants the process itself."""
        arguments = _base()
        for folder in _readable():
            arguments += ["--ro-bind", folder, folder]
        for folder in self._writable:
            arguments += ["--bind", str(folder), str(folder)]
        variables = {
            "PATH": f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin",
            "HOME": "/root",
            "LANG": "C.UTF-8",
            "PYTHONDONTWRITEBYTECODE": "1",
            "COLUMNS": "200",
        } | (env or {})
        for name, value in variables.items():
            arguments += ["--setenv", name, value]
        return [shutil.which("bwrap") or "bwrap", *arguments, "--chdir", str(cwd), "--", *map(str, words)]


def _base() -> list[str]:
    arguments = ["--unshare-all", "--uid", "0", "--gid", "0", "--die-with-parent", "--clearenv", "--tmpfs", "/"]
    for path in _SYSTEM:
        if os.path.islink(path):
            arguments += ["--symlink", os.readlink(path), path]
        elif os.path.isdir(path):
            arguments += ["--ro-bind", path, path]
    return [*arguments, "--proc", "/proc", "--dev", "/dev", "--dir", "/tmp", "--dir", "/root"]


def _readable() -> list[str]:
    """Folders of Python, its packages, SWE-agent and slm-ext that lie outside of the system's."""
    from importlib.util import find_spec

    wanted = {sys.prefix, sys.base_prefix, str(Path(slm_ext.__file__).parents[1]), str(Path(__file__).parents[2])}
    spec = find_spec("sweagent")
    if spec is not None and spec.submodule_search_locations:
        wanted.add(str(Path(next(iter(spec.submodule_search_locations))).resolve().parent))
    wanted |= {str(Path(path).resolve()) for path in wanted}
    outside = sorted(path for path in wanted if not path.startswith(("/usr/", "/bin/", "/lib")))
    return [path for path in outside if not any(path.startswith(other + "/") for other in outside)]
