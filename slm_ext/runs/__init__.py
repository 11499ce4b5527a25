"""One task from request to records: plan, clone, Python, server, host, patch, verdict. One file per stage.

    result = run_task(RunRequest(slm="flywheel-tiny", repo="path/to/checkout", issue="…", test="pytest -q"))

`task` recites the order; `events` is what a listener hears meanwhile; `records` is what stays on disk.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

__all__ = ["RunRequest", "RunResult", "run_task"]

if TYPE_CHECKING:
    from slm_ext.runs.request import RunRequest, RunResult
    from slm_ext.runs.task import run_task


def __getattr__(name: str):
    if name in ("RunRequest", "RunResult"):
        from slm_ext.runs import request

        return getattr(request, name)
    if name == "run_task":
        from slm_ext.runs.task import run_task

        return run_task
    raise AttributeError(name)
