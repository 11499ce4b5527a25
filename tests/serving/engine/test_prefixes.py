"""What the prefix cache keeps, gives and forgets."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.mlx
pytest.importorskip("mlx_lm")

import mlx.core as mx
from mlx_lm.models.cache import KVCache

from slm_ext.serving.engine.prefixes import PrefixCache


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
