"""Conversations that grow by one exchange with each call, up to the length at which calls are measured and beyond."""

from __future__ import annotations

import gc
from collections.abc import Iterator

from slm_ext.context import counter_for
from slm_ext.paths import tiny_model_dir
from slm_ext.traces import Recorder

from .history import TOOLS, exchanges, opening
from .team import Asked

__all__ = ["COUNTERS", "KINDS", "MESSAGES", "grown"]

MESSAGES = 200
"""Of the history, where measuring begins."""
EACH = 10
"""Calls measured of one conversation, about; as many before them are not."""
COUNTERS = {"tokenizer": tiny_model_dir, "estimate": lambda: None}
KINDS = ("nothing to cut", "a cut in force", "a cut is made")


def grown(
    seed: int, kind: str, counter: str, recorder: Recorder | None = None
) -> Iterator[tuple[Asked, list[dict], bool]]:
    """(team, history, whether to measure) for neighbouring calls of one conversation.

    The first calls have the caches as full as a run has them by then; where a cut is to be in force, one of them makes
    it.
    """
    more = exchanges(seed)
    messages = opening(seed)
    truth = counter_for(tiny_model_dir())
    early = MESSAGES - 2 * EACH
    while len(messages) < early:
        messages += next(more)
    gc.collect()  # of what making this conversation left behind
    limit = None if kind == KINDS[0] else int(truth.count(messages, TOOLS) * (0.98 if kind == KINDS[1] else 0.7))
    asked = Asked(COUNTERS[counter](), truth, limit, recorder)
    asked.warm(messages)
    while len(messages) < MESSAGES + 2 * EACH:
        messages = messages + next(more)
        yield asked, messages, len(messages) >= MESSAGES
