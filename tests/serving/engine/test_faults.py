"""What goes wrong inside costs the request it went wrong in."""

from __future__ import annotations

import threading
import time

import pytest

pytestmark = pytest.mark.mlx
pytest.importorskip("mlx_lm")

from slm_ext.serving.engine.config import EngineConfig
from slm_ext.serving.engine.job import Job
from slm_ext.serving.engine.prompts import Prompt
from slm_ext.serving.engine.sampling import Sampling
from slm_ext.serving.engine.scheduler import Scheduler

from ..conftest import wait_until


@pytest.fixture
def scheduler(weights):
    """A scheduler in this process, its model loaded. `fatal` is set where it gave up."""
    loaded, scheduler = threading.Event(), None
    config = EngineConfig(model_id="m", model_path=str(weights), max_streams=4)
    fatal = threading.Event()
    scheduler = Scheduler(config, lambda jobs: None, lambda model: loaded.set(), fatal.set)
    scheduler.gave_up = fatal
    scheduler.start()
    assert loaded.wait(60)
    yield scheduler
    scheduler.end()
    scheduler.join(30)
    assert not scheduler.is_alive()


def job(number: int, tokens: int = 20) -> Job:
    sampling = Sampling(logit_bias={0: -100.0, 1: -100.0, 1522: -100.0})
    return Job(Prompt("", list(range(200 + number, 230 + number))), tokens, sampling, stream=True)


def finished(jobs) -> list[str | None]:
    wait_until(lambda: all(job.finish for job in jobs), 30)
    return [job.finish for job in jobs]


def test_an_answer_whose_text_fails_fails_alone(scheduler, capsys):
    jobs = [job(number) for number in range(3)]

    def broken(tokens, tokenizer):
        raise UnicodeError("planted")

    jobs[1]._write = broken
    for one in jobs:
        scheduler.submit(one)
    assert finished(jobs) == ["length", "error", "length"]
    assert jobs[1].error.status == 500 and "planted" in str(jobs[1].error)
    assert "planted" in capsys.readouterr().err and not scheduler.gave_up.is_set()
    wait_until(lambda: scheduler.in_flight == 0)


def test_a_step_that_fails_costs_its_streams_and_the_next_ones_work(scheduler, monkeypatch, capsys):
    jobs = [job(number, 2000) for number in range(2)]
    for one in jobs:
        scheduler.submit(one)
    wait_until(lambda: all(job.ids for job in jobs))
    step = scheduler._running.step
    monkeypatch.setattr(scheduler._running, "step", lambda: 1 / 0)
    assert finished(jobs) == ["error", "error"] and jobs[0].error.status == 500
    assert scheduler._running.step != step, "a new batch"
    later = job(9)
    scheduler.submit(later)
    assert finished([later]) == ["length"] and not scheduler.gave_up.is_set()
    assert "division by zero" in capsys.readouterr().err


def test_steps_that_fail_again_and_again_end_it(scheduler, monkeypatch, capsys):
    monkeypatch.setattr("slm_ext.serving.engine.batch.Batch.step", lambda self: 1 / 0)
    for number in range(3):
        one = job(number)
        scheduler.submit(one)
        assert finished([one]) == ["error"]
    assert scheduler.gave_up.wait(5)
    assert "in a row" in capsys.readouterr().err


def test_what_is_left_when_it_ends_is_told(scheduler):
    jobs = [job(number, 5000) for number in range(6)]  # two of them wait
    for one in jobs:
        scheduler.submit(one)
    wait_until(lambda: jobs[0].ids)
    scheduler.end()
    assert finished(jobs) == ["error"] * 6 and {job.error.status for job in jobs} == {503}
    late = job(9)
    began = time.monotonic()
    scheduler.submit(late)
    assert late.finish == "error" and time.monotonic() - began < 1
