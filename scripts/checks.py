"""`make test`: every check, one after the other, and a table of how they went.

    python scripts/checks.py [--sweagent none] [--only NAME …] [pytest arguments after --]

All of them run even where one fails; the exit code is 1 then.
"""

from __future__ import annotations

import argparse
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent

TYPED_OUT = ("slm_ext/tiny", "slm_ext/cli/tiny.py", "slm_ext/hosts/sweagent")
"""Not type-checked: they are written against torch and SWE-agent, which `make test` does not install."""


def checks(site: str, sweagent: str, more: list[str]) -> dict[str, list[str]]:
    """Name and command line of each check."""
    marks = "not slow and not sweagent" if sweagent == "none" else "not slow"
    excluded = [word for path in TYPED_OUT for word in ("--exclude", path)]
    return {
        "ruff": [f"{BIN}/ruff", "check", "--quiet", "."],
        "format": [f"{BIN}/ruff", "format", "--check", "--quiet", "."],
        "types": [f"{BIN}/ty", "check", "--quiet", *excluded, "slm_ext"],
        "imports": [f"{BIN}/lint-imports", "--no-cache"],
        "docs": [f"{BIN}/mkdocs", "build", "--strict", "--quiet", "--site-dir", site],
        "tests": [sys.executable, "-m", "pytest", "-q", "-n", "2", "--dist", "loadfile", "-m", marks, *more],
    }


def main(argv: list[str] | None = None) -> int:
    """Run the checks."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sweagent", default="auto")
    parser.add_argument("--only", nargs="+", metavar="NAME", default=[])
    parser.add_argument("pytest", nargs="*", help="more arguments for pytest, after --")
    flags = parser.parse_args(argv)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in the background starts with it ignored
    rows = []
    with tempfile.TemporaryDirectory() as site:
        for name, command in checks(site, flags.sweagent, flags.pytest).items():
            if flags.only and name not in flags.only:
                continue
            print(f"== {name}", flush=True)
            start = time.monotonic()
            code = _run(command, live=name == "tests")
            rows.append((name, code, time.monotonic() - start))
    print("\n" + "\n".join(f"{'ok' if not code else 'FAILED':<7} {name:<8} {took:6.1f} s" for name, code, took in rows))
    failed = [name for name, code, _ in rows if code]
    print(f"make test: {'failed: ' + ', '.join(failed) if failed else 'all checks passed'}")
    return 1 if failed else 0


def _run(command: list[str], *, live: bool) -> int:
    """Output as it comes, or only where the check fails."""
    if live:
        return subprocess.run(command, cwd=ROOT).returncode
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode:
        print(done.stdout, flush=True)
    return done.returncode


if __name__ == "__main__":
    sys.exit(main())
