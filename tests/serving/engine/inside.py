"""A scheduler in the test's own process, without HTTP around it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from slm_ext.serving.engine.config import EngineConfig
from slm_ext.serving.engine.job import Job
from slm_ext.serving.engine.loading import LoadedModel
from slm_ext.serving.engine.prompts import Prompt
from slm_ext.serving.engine.sampling import Sampling
from slm_ext.serving.engine.scheduler import Scheduler

from ..conftest import wait_until

__all__ = ["ENDLESS", "answer", "finished", "new_job", "scheduling"]

ENDLESS = {0: -100.0, 1: -100.0, 1522: -100.0}
"""A bias with which an answer on flywheel-tiny's tokenizer does not end by itself."""


@contextmanager
def scheduling(
    folder: Path, changed: Callable[[list[Job]], None] = lambda jobs: None, **config: Any
) -> Generator[Scheduler]:
    """A scheduler whose model is loaded. Its event `gave_up` is set where it would have ended the process.

    Raises:
        Exception: what kept the model from loading.
    """
    loaded: list[LoadedModel | Exception] = []
    gave_up = threading.Event()
    scheduler = Scheduler(
        EngineConfig(model_id="m", model_path=str(folder), **config), changed, loaded.append, gave_up.set
    )
    scheduler.gave_up = gave_up
    scheduler.start()
    try:
        wait_until(lambda: loaded, 60)
        if isinstance(loaded[0], Exception):
            raise loaded[0]
        yield scheduler
    finally:
        scheduler.end()
        scheduler.join(30)
        assert not scheduler.is_alive()


def new_job(ids: list[int], tokens: int = 20, *, constraint=None, **sampling: Any) -> Job:
    """A stream behind the prompt `ids`; greedy and without an end of its own, where `sampling` says nothing else."""
    return Job(
        Prompt("", ids), tokens, Sampling(**{"logit_bias": ENDLESS, **sampling}), stream=True, constraint=constraint
    )


def finished(jobs: list[Job]) -> list[str | None]:
    """How all of them ended."""
    wait_until(lambda: all(job.finish for job in jobs), 30)
    return [job.finish for job in jobs]


def answer(scheduler: Scheduler, ids: list[int], tokens: int = 20, **fields: Any) -> Job:
    """A job that was answered alone."""
    job = new_job(ids, tokens, **fields)
    scheduler.submit(job)
    finished([job])
    wait_until(lambda: scheduler.in_flight == 0)
    return job
