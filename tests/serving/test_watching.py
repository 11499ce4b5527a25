"""When a server is late and when it is stuck, without any server."""

from __future__ import annotations

import pytest

from slm_ext.serving.deaths import carried, is_loop, recent
from slm_ext.serving.logdrain import keep_copy
from slm_ext.serving.watching import LOOKS, Attention, Pulse


def attention(counts: bool = True) -> Attention:
    return Attention(stall_s=100, idle_probe_s=60, counts=counts, began=0)


def looks(watch: Attention, begin: int, end: int, pulse: Pulse | None) -> None:
    for now in range(begin, end):
        watch.saw(now, pulse)


def test_progress_is_well_however_long_it_takes():
    watch = attention()
    for now in range(1000):
        watch.saw(now, Pulse(now // 20, 1))
        assert watch.verdict(now) == ("", "") and not watch.wants_token(now)


def test_no_progress_is_late_then_stuck():
    watch = attention()
    looks(watch, 0, 30, Pulse(7, 2))
    assert watch.verdict(20) == ("", "") and "requests: 2" in watch.verdict(29).late
    looks(watch, 30, 101, Pulse(7, 2))
    assert "no progress for 100 seconds" in watch.verdict(100).stuck
    watch.saw(101, Pulse(8, 2))
    assert watch.verdict(101) == ("", "")


def test_a_watcher_that_slept_itself_looks_again_first():
    watch = attention()
    watch.saw(0, Pulse(7, 1))
    for more in range(LOOKS - 1):
        watch.saw(5000 + more, Pulse(7, 1))
        assert watch.verdict(5000 + more) == ("", "")
    watch.saw(5003, Pulse(7, 1))
    assert watch.verdict(5003).stuck


def test_silence_is_late_then_stuck():
    watch = attention()
    watch.saw(0, Pulse(7, 0))
    looks(watch, 1, 30, None)
    assert watch.verdict(20) == ("", "") and "/slm/info" in watch.verdict(29).late
    looks(watch, 30, 101, None)
    assert "/slm/info has not answered for 100 seconds" in watch.verdict(100).stuck


def test_idle_is_asked_now_and_then():
    watch = attention()
    looks(watch, 0, 61, Pulse(7, 0))
    assert not watch.wants_token(59) and watch.wants_token(60)
    watch.answered(61, "")
    assert not watch.wants_token(100) and watch.wants_token(121)


def test_work_puts_the_asking_off():
    watch = attention()
    looks(watch, 0, 50, Pulse(7, 0))
    watch.saw(50, Pulse(8, 1))
    watch.saw(51, Pulse(9, 0))
    assert not watch.wants_token(100) and watch.wants_token(111)


def test_two_failures_are_stuck():
    watch = attention()
    looks(watch, 0, 61, Pulse(7, 0))
    watch.answered(61, "HTTP 500: dead")
    assert "HTTP 500" in watch.verdict(61).late and watch.wants_token(61)
    watch.answered(62, "HTTP 500: dead")
    assert "HTTP 500: dead" in watch.verdict(62).stuck


@pytest.mark.parametrize("counts", [False, True])
def test_an_idle_server_that_does_not_answer_is_stuck(counts):
    watch = attention(counts)
    looks(watch, 0, 161, Pulse(7, 0))
    watch.answered(161, "no answer within 100 seconds", timed_out=True)
    looks(watch, 161, 262, Pulse(7, 0))
    watch.answered(262, "no answer within 100 seconds", timed_out=True)
    assert watch.verdict(262).stuck


def test_one_failure_is_forgotten_by_an_answer():
    watch = attention()
    watch.saw(0, Pulse(7, 0))
    watch.answered(61, "HTTP 500: dead")
    watch.answered(62, "")
    assert watch.verdict(62) == ("", "")


def test_a_question_that_waits_behind_other_work_is_no_failure():
    watch = attention(counts=False)
    for now in range(0, 200):
        watch.saw(now, Pulse(now, 2))
    watch.answered(200, "no answer within 100 seconds", timed_out=True)
    assert watch.verdict(200) == ("", "")


def test_from_outside_no_progress_is_only_a_reason_to_ask():
    watch = attention(counts=False)
    looks(watch, 0, 150, Pulse(7, 1))
    assert watch.verdict(149) == ("", "") and watch.wants_token(149)
    watch.answered(149, "no answer within 100 seconds", timed_out=True)
    assert watch.verdict(149).stuck


def test_from_outside_an_answer_settles_it():
    watch = attention(counts=False)
    looks(watch, 0, 150, Pulse(7, 1))
    watch.answered(149, "")
    watch.saw(150, Pulse(7, 1))
    assert watch.verdict(150) == ("", "") and not watch.wants_token(150)


def test_what_cannot_be_seen_from_outside_is_not_held_against_a_server():
    watch = attention(counts=False)
    looks(watch, 0, 500, None)
    assert watch.verdict(499) == ("", "") and not watch.wants_token(499)


@pytest.mark.parametrize(
    ("times", "loop"), [([], False), ([1, 100], False), ([1, 100, 600], True), ([0, 100, 600], False)]
)
def test_three_deaths_within_ten_minutes(times, loop):
    assert is_loop(times, 600) is loop


def test_deaths_of_the_future_and_of_long_ago_do_not_count():
    assert recent([-1, 5, 700], 600) == [5]


def test_a_server_that_was_up_when_its_keeper_was_killed_died_too():
    assert carried(None, 9) == [] and carried({"state": "stopped", "deaths": [1]}, 9) == [1]
    assert carried({"state": "ready", "deaths": [1]}, 9) == carried({"state": "degraded", "deaths": [1]}, 9) == [1, 9]
    assert carried({"state": "failed"}, 9) == []


def test_the_copy_of_a_log_is_as_private_as_the_log(tmp_path):
    log = tmp_path / "server.log"
    log.touch(mode=0o600)
    keep_copy(log)
    (copy,) = tmp_path.glob("*stall*")
    assert copy.stat().st_mode & 0o777 == 0o600
