"""What one check saw, and how checks that wait are run at the same time."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

__all__ = ["WAIT_S", "Check", "Finding", "Status", "ask", "run_all"]

Status = Literal["ok", "hint", "problem"]

WAIT_S = 5
"""Seconds for a program or an endpoint to answer."""


@dataclass(frozen=True)
class Finding:
    """What one check saw: `ok`, a `hint` (works, could be better) or a `problem` (will not work); what to do next."""

    check: str
    status: Status
    said: str
    next: str = ""


Check = Callable[[], Iterable[Finding]]


def run_all(checks: Sequence[Check]) -> Iterator[Finding]:
    """What they find, in their order; they run at the same time."""
    from slm_ext.serving.health.together import at_once

    for future in [at_once(lambda one=check: list(one())) for check in checks]:
        yield from future.result()


def ask(command: Sequence[str], timeout_s: float = WAIT_S, **options) -> tuple[int | None, str]:
    """Exit status of a program and the last line it printed, errors before output. None: it did not end in time, or
    could not be started."""
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", timeout=timeout_s,
            **options,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return None, f"no answer within {timeout_s:g} s"
    except OSError as error:
        return None, str(error)
    said = (done.stderr if done.returncode else done.stdout) or done.stdout or done.stderr
    return done.returncode, next(reversed(said.strip().splitlines()), "")
