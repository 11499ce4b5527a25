"""The ways to make a prompt smaller. Each changes a draft step by step, and stops between two steps when told to."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Protocol

from slm_ext.context.digest import digest
from slm_ext.context.draft import Draft
from slm_ext.context.kinds import ORDER
from slm_ext.context.shortening import LEAST

__all__ = ["LAST_RESORT", "STRATEGIES", "Settings", "Summarize"]

Summarize = Callable[[list[dict], int], str]
"""(messages, max_tokens) → what happened in them. It may raise: then facts alone stand in their place."""


class Settings(Protocol):
    """What `slm_ext.registry`'s Strategy has."""

    @property
    def name(self) -> str: ...
    @property
    def keep_last(self) -> int: ...
    @property
    def max_chars(self) -> int: ...
    @property
    def max_tokens(self) -> int: ...


def elide(draft: Draft, settings: Settings, summarize: Summarize | None) -> Iterator[None]:
    """Old results become one line each: first what was only looked at, then tests, then the rest, edits last; among
    equals the oldest first."""
    results = [result for i in draft.old(settings.keep_last) for result in draft.conversation.results(i)]
    for result in sorted(results, key=lambda result: (ORDER.index(result.kind), result.index)):
        if draft.elide(result):
            yield


def truncate(draft: Draft, settings: Settings, summarize: Summarize | None) -> Iterator[None]:
    """Results longer than `max_chars` keep their ends, the oldest first; not those of the last exchange."""
    for i in draft.old(1):
        for result in draft.conversation.results(i):
            if result.index != draft.failure and draft.truncate(result, settings.max_chars):
                yield


def summarize_old(draft: Draft, settings: Settings, summarize: Summarize | None) -> Iterator[None]:
    """Old exchanges go; a model's summary and the facts stand behind the task. What an earlier summary said is among
    what the model is given."""
    going = draft.removable(settings.keep_last)
    if not going:
        return
    summary, weight = draft.summary, draft.weight(going)
    if summarize is not None and draft.tokens_of(weight) > settings.max_tokens:
        try:
            summary = draft.clipped(summarize(draft.seen(going), settings.max_tokens).strip(), settings.max_tokens)
        except Exception:  # another model's call, whatever it is that failed: the facts will do
            summary = draft.summary
    gone = sorted({*draft.gone(), *going})
    facts = digest(result for i in gone for result in draft.conversation.results(i))
    if draft.say(summary, facts, less_than=weight - draft.notice()):
        for i in going:
            draft.remove(i, "summarized")
        yield


def keep_ends(draft: Draft, settings: Settings, summarize: Summarize | None) -> Iterator[None]:
    """Old exchanges go, the oldest first; not where all of them are less than the notice."""
    going = draft.removable(settings.keep_last)
    if draft.weight(going) <= draft.notice():
        return
    for i in going:
        draft.remove(i, "dropped")
        yield


def truncate_further(draft: Draft, settings: Settings) -> Iterator[None]:
    """Every result there still is, shorter and shorter down to 200 characters; the last exchange only when that of the
    others does not do, and the last failure after its like."""
    last = len(draft.conversation.exchanges) - 1
    for exchanges in (draft.old(1), [last] if last >= 0 else []):
        results = [result for i in exchanges for result in draft.conversation.results(i)]
        results.sort(key=lambda result: result.index == draft.failure)
        keep = settings.max_chars
        while True:
            for result in results:
                if draft.truncate(result, keep):
                    yield
            if keep <= LEAST:
                break
            keep = max(LEAST, keep // 2)


STRATEGIES = {"elide": elide, "truncate": truncate, "summarize": summarize_old, "keep_ends": keep_ends}
LAST_RESORT = {"truncate": truncate_further}
