"""What goes wrong inside costs the request it went wrong in."""

from __future__ import annotations

import signal
import time

import pytest

pytestmark = pytest.mark.mlx
pytest.importorskip("mlx_lm")

from slm_ext.serving.engine.constraint import Grammars
from slm_ext.serving.engine.job import Job
from slm_ext.toolcalls.grammar import json_grammar

from ..conftest import wait_until
from .conftest import TINY
from .inside import answer, finished, new_job, scheduling
from .server import Engine, chat_body, read_events
from .test_life import in_thread


@pytest.fixture
def scheduler(weights):
    with scheduling(weights, max_streams=4) as scheduler:
        yield scheduler


def job(number: int, tokens: int = 20, **fields) -> Job:
    return new_job(list(range(200 + number, 230 + number)), tokens, **fields)


def fails(*arguments):
    raise OSError("planted")


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


def test_a_prefix_that_cannot_be_had_costs_its_request(scheduler, monkeypatch, capsys):
    running, unlucky = job(0, 1000), job(1)
    scheduler.submit(running)
    wait_until(lambda: running.ids)
    with monkeypatch.context() as patched:
        patched.setattr(scheduler._prefixes, "fetch", fails)
        scheduler.submit(unlucky)
        assert finished([unlucky]) == ["error"]
    assert unlucky.error.status == 500 and "planted" in str(unlucky.error) and "planted" in capsys.readouterr().err
    scheduler.submit(later := job(1))
    assert finished([later, running]) == ["length", "length"] and not scheduler.gave_up.is_set()


def test_a_cache_that_cannot_be_kept_costs_nothing_else(scheduler, monkeypatch, capsys):
    monkeypatch.setattr(scheduler._prefixes, "store", fails)
    monkeypatch.setattr("slm_ext.serving.engine.prefill._LARGEST_CHUNK", 32)
    running = job(0, 1000)
    scheduler.submit(running)
    decoded, prefilled = job(1, 1000), new_job(list(range(100, 1000)) * 2, 20)
    for one, begun in ((decoded, lambda: decoded.ids), (prefilled, lambda: scheduler._prefilling)):
        scheduler.submit(one)
        wait_until(begun)
        scheduler.cancel(one)
    assert finished([decoded, prefilled]) == ["cancelled"] * 2
    assert "planted" in capsys.readouterr().err
    assert finished([running]) == ["length"] and finished([answer(scheduler, [300, 301])]) == ["length"]
    assert not scheduler.gave_up.is_set() and scheduler.cache_bytes == 0


def test_a_stream_that_cannot_be_taken_out_costs_those_beside_it(scheduler, monkeypatch, capsys):
    jobs = [job(number, 5000) for number in range(2)]
    for one in jobs:
        scheduler.submit(one)
    wait_until(lambda: all(job.ids for job in jobs))
    monkeypatch.setattr(scheduler._running, "leave", fails)
    scheduler.cancel(jobs[0])
    assert finished(jobs) == ["error", "error"] and "planted" in capsys.readouterr().err
    assert answer(scheduler, [300, 301]).finish == "length" and not scheduler.gave_up.is_set()


def test_prompts_that_fail_again_and_again_end_it(scheduler, monkeypatch, capsys):
    def ask(number: int) -> str | None:
        return answer(scheduler, [number, *range(200, 240)]).finish

    with monkeypatch.context() as patched:
        patched.setattr(scheduler._prefiller, "advance", fails)
        assert [ask(number) for number in range(2)] == ["error"] * 2
    assert ask(2) == "length"  # and all is forgotten
    monkeypatch.setattr(scheduler._prefiller, "advance", fails)
    assert [ask(number) for number in range(3, 5)] == ["error"] * 2 and not scheduler.gave_up.is_set()
    assert ask(5) == "error" and scheduler.gave_up.wait(5)
    assert "in a row" in capsys.readouterr().err


@pytest.mark.parametrize("method", ["consume_token", "unsafe_compute_mask_ptr"])
def test_a_grammar_that_fails_ends_its_own_stream(scheduler, method):
    loaded = scheduler.loaded
    grammars = Grammars((TINY / "tokenizer.json").read_text(), loaded.vocabulary, loaded.eos_ids)
    grammar = json_grammar({"type": "array", "items": {"type": "integer"}})
    alone = answer(scheduler, list(range(200, 230))).ids
    jobs = [job(0), job(1, constraint=grammars.constraint(grammar), logit_bias={})]

    class Broken:
        def __init__(self, matcher):
            self._matcher = matcher

        def __getattr__(self, name):
            return fails if name == method else getattr(self._matcher, name)

    jobs[1].constraint._matcher = Broken(jobs[1].constraint._matcher)
    for one in jobs:
        scheduler.submit(one)
    assert finished(jobs) == ["length", "stop"]
    assert jobs[0].ids == alone and not jobs[0].error
    assert "planted" in jobs[1].constraint.error and jobs[1].error is None


# -- in a process of its own -------------------------------------------------------------------------------------------

ENDLESS = {"1522": -100}

PLANT = """
import sys
from slm_ext.serving.engine import __main__, {module}
steps, real = 0, {name}
def planted(*arguments):
    global steps
    steps += 1
    if {when}:
        raise {error}("planted")
    return real(*arguments)
{name} = planted
sys.exit(__main__.main(sys.argv[1:]))
"""


@pytest.fixture
def start(tmp_path, weights):
    """An engine in whose code an error is planted."""
    started: list[Engine] = []

    def start(name: str, when: str = "True", error: str = "RuntimeError") -> Engine:
        program = PLANT.format(module=name.split(".")[0], name=name, when=when, error=error)
        started.append(Engine(tmp_path / "engine", weights, program=program, max_streams=2))
        return started[-1].ready()

    yield start
    for engine in started:
        if engine.process.poll() is None:
            engine.process.kill()
        engine.process.wait()


@pytest.mark.parametrize("name", ["batch.Batch.step", "prefill.Prefiller.advance"])
def test_what_fails_three_times_in_a_row_ends_the_process(start, name):
    engine = start(name)
    for number in range(2):
        failed = engine.complete(f"number {number}", max_tokens=5)
        assert (failed.status, failed.error["code"]) == (500, "generation_failed")
        assert engine.get("/health", token="").status == 200
    with pytest.raises(OSError):  # the third goes down with it
        assert engine.complete("number 2", max_tokens=5).status == 500
        engine.get("/health", token="")
    assert engine.process.wait(10) == 70
    assert engine.log.count("planted") >= 3 and "in a row" in engine.log


@pytest.mark.parametrize("error", ["SystemExit", "KeyboardInterrupt"])
def test_without_its_thread_the_process_ends(start, error):
    engine = start("batch.Batch.step", error=error)
    with pytest.raises(OSError):
        engine.complete("hello", max_tokens=5)
    assert engine.process.wait(10) == 70 and "planted" in engine.log


def test_an_error_in_the_middle_of_a_stream_is_told_in_it(start):
    engine = start("batch.Batch.step", when="steps == 20")
    answer = engine.post("/v1/chat/completions", chat_body("hello", stream=True, max_tokens=200, logit_bias=ENDLESS))
    stream = read_events(answer)
    assert answer.status == 200 and stream.content and not stream.done
    assert stream.events[-1]["error"]["code"] == "generation_failed"
    assert engine.complete("hello", max_tokens=5).status == 200
    assert engine.busy == 0 and engine.end() == 0


def test_an_interrupt_while_it_generates(tmp_path, weights):
    engine = Engine(tmp_path / "engine", weights, context_tokens=8192).ready()
    thread, answers = in_thread(
        engine.post, "/v1/chat/completions", chat_body("hello", stream=True, max_tokens=8000, logit_bias=ENDLESS)
    )
    wait_until(lambda: engine.info["progress"]["count"] > 5)
    engine.process.send_signal(signal.SIGINT)
    assert engine.process.wait(15) == 0
    thread.join(10)
    (stream,) = map(read_events, answers)
    assert stream.events[-1]["error"]["code"] == "stopping" and "Traceback" not in engine.log
