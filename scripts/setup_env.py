"""Make `.venv` and install what `make demo` or `make test` needs. Standard library only; a second call does nothing.

    python scripts/setup_env.py demo|test [--venv DIR] [--sweagent auto|none|PATH|URL]

`demo` installs the extra [mlx]; `test` installs [mlx,docs,dev]. Neither brings torch, which on Linux is a download of
gigabytes: the tests that need it say so and skip. Exit codes: 0 ready, 2 something is missing or did not install.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
sys.path.insert(0, str(ROOT / "scripts"))

from pip_install import InstallError, install  # noqa: E402
from sweagent_choice import settle  # noqa: E402

EXTRAS = {"demo": ("mlx",), "test": ("mlx", "docs", "dev")}


def main(argv: list[str] | None = None) -> int:
    """Carry out the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("purpose", choices=sorted(EXTRAS))
    parser.add_argument("--venv", type=Path, default=ROOT / ".venv")
    parser.add_argument("--sweagent", default="auto", metavar="auto|none|PATH|URL")
    flags = parser.parse_args(argv)
    try:
        python = make_venv(flags.venv)
        install_extras(python, flags.venv, EXTRAS[flags.purpose])
        print(settle(flags.sweagent or "auto", flags.purpose, python), flush=True)
    except InstallError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


def make_venv(folder: Path) -> Path:
    """The Python of the virtual environment in `folder`, made or repaired where needed.

    Raises:
        InstallError: this Python came without `venv` or `ensurepip`, as Debian ships it.
    """
    python = folder / "bin" / "python"
    if python.exists() and subprocess.run([python, "-m", "pip", "--version"], capture_output=True).returncode == 0:
        return python
    try:
        import ensurepip  # noqa: F401
        import venv
    except ImportError:
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        raise InstallError(
            f"venv is missing: {sys.executable} came without it\n"
            f"  Debian, Ubuntu: sudo apt install python{version}-venv\n"
            "  Homebrew:       brew install python (it brings venv)"
        ) from None
    print(f"making {_shown(folder)} with Python {sys.version.split()[0]}", flush=True)
    if folder.exists():
        shutil.rmtree(folder)
    venv.create(folder, with_pip=True, symlinks=True)
    return python


def install_extras(python: Path, folder: Path, extras: tuple[str, ...]) -> None:
    """slm-ext, editable, with `extras`; the stamp in `folder` says what was installed before."""
    stamp = folder / "slm-ext-installed.json"
    earlier = _read(stamp)
    key = hashlib.sha256((ROOT / "pyproject.toml").read_bytes() + sys.version.encode()).hexdigest()
    if earlier.get("key") != key:
        earlier = {"extras": []}
    if set(extras) <= set(earlier["extras"]):
        return
    union = sorted({*extras, *earlier["extras"]})
    install(python, ["-e", f"{ROOT}[{','.join(union)}]"], f"slm-ext[{','.join(union)}] into {_shown(folder)}")
    stamp.write_text(json.dumps({"key": key, "extras": union}) + "\n")


def _read(stamp: Path) -> dict:
    try:
        return json.loads(stamp.read_text())
    except (OSError, ValueError):
        return {}


def _shown(folder: Path) -> Path:
    return folder.relative_to(ROOT) if folder.is_relative_to(ROOT) else folder


if __name__ == "__main__":
    sys.exit(main())
