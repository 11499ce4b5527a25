"""A cut in the making: what is shown of a conversation now, and about how many tokens that is."""

from __future__ import annotations

from slm_ext.context.counting import TokenCounter
from slm_ext.context.cutting import Cut, Dropped, WholeKind, apply, shortened
from slm_ext.context.exchanges import Conversation, Result, size
from slm_ext.context.shortening import left_out

__all__ = ["Draft"]


class Draft:
    """Starts from an earlier cut; each change makes it larger.

    Args:
        view: of that earlier cut.

    Attributes:
        view: as of the last `recount`.
        tokens: near enough after a change, exact after `recount`.
        failure: index of the last result that reports a failure, which stays; None where nothing failed.
    """

    def __init__(
        self, messages: list[dict], cut: Cut, view: list[dict], counter: TokenCounter, tools: list[dict] | None
    ):
        self.conversation = Conversation(messages)
        self.summary, self.facts = cut.summary, cut.facts
        self._counter, self._tools = counter, tools
        self._items = {item.index: item for item in cut.dropped}
        self._strategies = list(cut.strategies)
        self._gone = {item.exchange for item in cut.dropped if item.whole}
        self._shown = {
            item.index: shortened(messages, item.index, item.keep)[0] for item in cut.dropped if not item.whole
        }
        self._before = dict(self._shown)
        self._task = view[: self.conversation.head][-1:]
        failure = self.conversation.last_failure()
        self.failure = failure.index if failure else None
        self._pinned = failure.exchange if failure else None
        self._measure(view)

    @property
    def cut(self) -> Cut:
        """As it stands."""
        items = tuple(self._items[index] for index in sorted(self._items))
        return Cut(items, tuple(self._strategies), self.summary, self.facts)

    def recount(self) -> int:
        """Make the view anew and count it as it would be sent."""
        self._measure(apply(self.conversation.messages, self.cut))
        return self.tokens

    def used(self, strategy: str) -> None:
        """Note that `strategy` changed something."""
        if strategy not in self._strategies:
            self._strategies.append(strategy)

    def old(self, keep_last: int) -> list[int]:
        """Ordinals of the exchanges that are there and not among the last `keep_last`, which are one at least."""
        return [i for i in range(len(self.conversation.exchanges) - max(1, keep_last)) if i not in self._gone]

    def removable(self, keep_last: int) -> list[int]:
        """Those of `old` that may go as a whole."""
        return [i for i in self.old(keep_last) if i != self._pinned]

    def gone(self) -> list[int]:
        """Ordinals of the exchanges left out."""
        return sorted(self._gone)

    def elide(self, result: Result) -> bool:
        """Show one line for a result; False where that is nothing new or no shorter, or the result has to stay."""
        if result.index == self.failure:
            return False
        return self._shorten(result, None)

    def truncate(self, result: Result, keep: int) -> bool:
        """Show `keep` characters of a result; False where that is nothing new."""
        return self._shorten(result, keep)

    def remove(self, ordinal: int, kind: WholeKind) -> None:
        """Leave a whole exchange out."""
        start, end = self.conversation.exchanges[ordinal]
        notice = self.notice()
        self._gone.add(ordinal)
        self._add(notice - self.weight([ordinal]))
        for index in range(start, end):
            self._items.pop(index, None)
        chars = sum(map(size, self.conversation.messages[start:end]))
        self._items[start] = Dropped(index=start, exchange=ordinal, kind=kind, chars=chars, messages=end - start)

    def say(self, summary: str, facts: str, *, less_than: float) -> bool:
        """Put these behind the task, in place of what stands there; False where they weigh more than `less_than`."""
        more = sum(map(self._counter.weigh_text, (summary, facts)))
        more -= sum(map(self._counter.weigh_text, (self.summary, self.facts)))
        if more >= less_than:
            return False
        self.summary, self.facts = summary, facts
        self._add(more)
        return True

    def clipped(self, text: str, most: int) -> str:
        """At most about `most` tokens of a text, up to the end of a word."""
        tokens = self.tokens_of(self._counter.weigh_text(text))
        if tokens <= most:
            return text
        return text[: int(len(text) * most / tokens)].rsplit(None, 1)[0] + " …"

    def fixed(self) -> int:
        """Tokens of what comes before the first exchange."""
        return self._counter.count(self.conversation.messages[: self.conversation.head], self._tools)

    def notice(self) -> float:
        """Weight of the notice that the first exchange to go leaves behind, about; none once it is there."""
        return 0 if self._gone else self._counter.weigh_text(left_out(10, 20, 10_000))

    def weight(self, ordinals: list[int]) -> float:
        """Of these exchanges as they are shown, uncorrected."""
        return sum(self._counter.weigh(self._now(i)) for o in ordinals for i in range(*self.conversation.exchanges[o]))

    def tokens_of(self, weight: float) -> float:
        """Tokens that a part of such a weight has in this prompt."""
        return weight * self.tokens / self._raw if self._raw else 0.0

    def seen(self, ordinals: list[int]) -> list[dict]:
        """The task, with what stands behind it, and these exchanges, as they were shown before this draft."""
        spans = (range(*self.conversation.exchanges[ordinal]) for ordinal in ordinals)
        messages = self.conversation.messages
        return [*self._task, *(self._before.get(i, messages[i]) for span in spans for i in span)]

    def _shorten(self, result: Result, keep: int | None) -> bool:
        now, item = self._now(result.index), self._items.get(result.index)
        if item is not None and item.kind == "elided":
            return False
        message, chars = shortened(self.conversation.messages, result.index, keep)
        if len(message["content"]) >= len(now.get("content") or ""):
            return False
        self._add(self._counter.weigh(message) - self._counter.weigh(now))
        self._shown[result.index] = message
        kind = "elided" if keep is None else "truncated"
        self._items[result.index] = Dropped(
            index=result.index, exchange=result.exchange, kind=kind, chars=chars, keep=keep
        )
        return True

    def _measure(self, view: list[dict]) -> None:
        self.view, self._raw = view, self._counter.raw(view, self._tools)
        self.tokens = self._counter.tokens(self._raw)

    def _now(self, index: int) -> dict:
        return self._shown.get(index, self.conversation.messages[index])

    def _add(self, weight: float) -> None:
        self._raw += weight
        self.tokens = self._counter.tokens(self._raw)
