"""What the prefix cache keeps, gives and forgets."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.mlx
pytest.importorskip("mlx_lm")

import mlx.core as mx
from mlx_lm.models.cache import KVCache, RotatingKVCache

from slm_ext.serving.engine.prefixes import PrefixCache

from ..conftest import wait_until
from .inside import answer, finished, new_job, scheduling


def layers(count: int) -> list[KVCache]:
    """A cache of one layer that holds `count` positions, each with its own number."""
    layer = KVCache()
    numbers = mx.arange(count, dtype=mx.float32).reshape(1, 1, count, 1)
    layer.update_and_fetch(numbers, numbers)
    return [layer]


def held(cache: list[KVCache]) -> list[int]:
    (layer,) = cache
    return layer.keys[0, 0, : layer.offset, 0].astype(mx.int32).tolist()


def test_the_longest_beginning_is_given_and_always_leaves_a_token():
    cache = PrefixCache()
    assert cache.fetch([1, 2, 3]) == (None, 0)
    ids = list(range(10, 34))
    cache.store(ids, layers(24))
    for asked, expected in (
        ([*ids, 1, 2], 24), (ids, 23), (ids[:10], 9), ([*ids[:5], 1, 2], 5), (ids[:1], 0),
    ):  # fmt: skip
        found, count = cache.fetch(asked)
        assert count == expected < len(asked)
        assert held(found) == list(range(expected)) if expected else True
    assert cache.fetch([99, *ids])[1] == 0


def test_what_is_given_is_a_copy():
    cache = PrefixCache()
    ids = list(range(8))
    cache.store(ids, layers(8))
    for _ in range(3):
        found, count = cache.fetch([*ids[:4], 77, 78])
        assert count == 4
        found[0].update_and_fetch(mx.zeros((1, 1, 2, 1)), mx.zeros((1, 1, 2, 1)))
    assert held(cache.fetch([*ids, 1])[0]) == ids


def test_a_longer_conversation_replaces_its_beginning():
    cache = PrefixCache()
    cache.store([1, 2, 3], layers(3))
    size = cache.nbytes
    cache.store([1, 2, 3, 4], layers(4))
    assert len(cache) == 1 and cache.nbytes >= size
    cache.store([1, 2, 9], layers(3))
    assert len(cache) == 2
    cache.store([], layers(1))
    assert len(cache) == 2


def test_limits_are_kept_at_every_store():
    one = sum(layer.nbytes for layer in layers(4))
    cache = PrefixCache(entries=3, size=100 * one)
    for n in range(6):
        cache.store([n, 1, 2, 3], layers(4))
    assert len(cache) == 3 and cache.fetch([0, 1, 2, 3, 4])[1] == 0 and cache.fetch([5, 1, 2, 3, 4])[1] == 4
    small = PrefixCache(entries=100, size=2 * one)
    for n in range(6):
        small.store([n, 1, 2, 3], layers(4))
        assert small.nbytes <= 2 * one
    assert len(small) == 2
    tiny = PrefixCache(size=1)
    tiny.store([1, 2, 3, 4], layers(4))
    assert (len(tiny), tiny.nbytes) == (0, 0)


def test_without_a_way_to_cut_a_shorter_one_is_given():
    """A full window, and what was stored at the end of its prompt: exactly that prompt again takes the latter."""

    def window(count: int) -> list[RotatingKVCache]:
        layer = RotatingKVCache(max_size=4)
        layer.update_and_fetch(mx.ones((1, 1, count, 1)), mx.ones((1, 1, count, 1)))
        return [layer]

    cache, ids = PrefixCache(), list(range(8))
    cache.store(ids[:-1], window(7))
    cache.store(ids, window(8))
    found, count = cache.fetch(ids)
    assert count == 7 and found[0].offset == 7
    assert cache.fetch([*ids, 9])[1] == 8
    assert cache.fetch(ids[:5])[1] == 0


@pytest.mark.parametrize("kind", ["batch", "draft", "bits"])
def test_a_running_engine_keeps_its_limits(weights, kind):
    settings = {"batch": {}, "draft": {"draft_model": str(weights)}, "bits": {"kv_bits": 8}}[kind]
    with scheduling(weights, **settings) as scheduler:
        answer(scheduler, list(range(300, 320)), 2)
        one = scheduler.cache_bytes
    assert one > 0
    with scheduling(weights, prompt_cache_bytes=int(2.5 * one), **settings) as scheduler:
        for number in range(5):
            answer(scheduler, list(range(300 + number, 320 + number)), 2)
            assert 0 < scheduler.cache_bytes <= 2.5 * one
        assert answer(scheduler, list(range(304, 324)), 2).cached > 0
        assert answer(scheduler, list(range(300, 320)), 2).cached == 0  # forgotten
    with scheduling(weights, prompt_cache_size=1, **settings) as scheduler:
        for number in range(3):
            answer(scheduler, list(range(300 + number, 320 + number)), 2)
            assert len(scheduler._prefixes) == 1


@pytest.mark.parametrize("settings", [{}, {"kv_bits": 8}])
def test_an_answer_that_is_cancelled_leaves_its_cache(weights, settings):
    prompt = list(range(300, 330))
    with scheduling(weights, **settings) as scheduler:
        job = new_job(prompt, 2000)
        scheduler.submit(job)
        wait_until(lambda: len(job.ids) > 5)
        scheduler.cancel(job)
        assert finished([job]) == ["cancelled"]
        wait_until(lambda: scheduler.in_flight == 0)
        assert answer(scheduler, prompt).cached == len(prompt) - 1
        assert answer(scheduler, [*prompt, *job.ids, 400]).cached == len(prompt) + len(job.ids)
