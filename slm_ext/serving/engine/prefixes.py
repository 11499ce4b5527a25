"""Keys and values of earlier prompts, so that a conversation's next turn prefills only what is new (mlx-lm's trie)."""

from __future__ import annotations

import copy
from typing import Any

from mlx_lm.models.cache import LRUPromptCache, can_trim_prompt_cache, trim_prompt_cache

__all__ = ["PrefixCache"]

DEFAULT_BYTES = 2 * 1024**3
DEFAULT_ENTRIES = 64
_MODEL = "model"


class PrefixCache:
    """Caches by the tokens they hold. Used by the generation thread only.

    Args:
        entries: most conversations kept.
        size: most bytes kept; enforced at every store.
    """

    def __init__(self, entries: int | None = None, size: int | None = None):
        self._lru = LRUPromptCache(max_size=entries or DEFAULT_ENTRIES, max_bytes=size or DEFAULT_BYTES)

    def fetch(self, ids: list[int]) -> tuple[list[Any] | None, int]:
        """A copy of the best cache for `ids`, and how many of its first tokens it holds: at most all but the last."""
        cache, rest = self._lru.fetch_nearest_cache(_MODEL, ids)
        if cache is not None and not rest:
            if can_trim_prompt_cache(cache) and trim_prompt_cache(cache, 1) == 1:
                return cache, len(ids) - 1
            cache, rest = self._lru.fetch_nearest_cache(_MODEL, ids[:-1])
            rest = [*rest, ids[-1]]
        return (cache, len(ids) - len(rest)) if cache is not None else (None, 0)

    def store(self, ids: list[int], cache: list[Any]) -> None:
        """Keep `cache`, which holds exactly `ids`; it must not be used any more."""
        if ids and cache:
            self._lru.insert_cache(_MODEL, list(ids), cache)

    def snapshot(self, ids: list[int], cache: list[Any]) -> None:
        """Keep a copy of a cache that stays in use."""
        self.store(ids, copy.deepcopy(cache))

    @property
    def nbytes(self) -> int:
        return self._lru.nbytes

    def __len__(self) -> int:
        return len(self._lru)
