"""A cut: what one reader of a conversation is no longer shown, and the view that is left.

A cut is data. It names messages by their place in the conversation, so it holds on for a conversation that grows, and
the same messages give the same view again: a dataset rebuilds from it exactly what the model saw.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from slm_ext.context.exchanges import size
from slm_ext.context.kinds import named_in
from slm_ext.context.shortening import elided, left_out, truncated

__all__ = ["ContextEvent", "Cut", "Dropped", "WholeKind", "apply", "held", "shortened"]

WholeKind = Literal["summarized", "dropped"]


class Dropped(BaseModel):
    """One thing that is not shown, or not in full."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    index: int
    """Of the (first) message in the conversation, from 0."""
    exchange: int
    """Which exchange it is in, from 0."""
    kind: Literal["elided", "truncated"] | WholeKind
    """`elided`: a result became one line. `truncated`: a result kept its ends. `summarized`, `dropped`: a whole
    exchange is gone, and a summary, or the notice alone, speaks of it."""
    chars: int
    """Characters left out."""
    messages: int = 1
    """How many, from `index` on."""
    keep: int | None = None
    """`truncated`: characters that the result may have."""

    @property
    def whole(self) -> bool:
        """Whether an exchange is gone, and not a result shorter."""
        return self.kind in ("dropped", "summarized")


@dataclass(frozen=True)
class Cut:
    """What one reader is no longer shown; empty at first. It only grows: what was left out once stays so.

    Attributes:
        dropped: by index.
        strategies: names of those that made it, in the order of their first use.
        summary: a model's words on the exchanges left out.
        facts: what is known of them without a model.
    """

    dropped: tuple[Dropped, ...] = ()
    strategies: tuple[str, ...] = ()
    summary: str = ""
    facts: str = ""

    def __bool__(self) -> bool:
        return bool(self.dropped)

    def to_dict(self) -> dict[str, Any]:
        """As JSON-ready data."""
        dropped = [item.model_dump(exclude_none=True) for item in self.dropped]
        return {
            "dropped": dropped,
            "strategies": list(self.strategies),
            "summary": self.summary,
            "facts": self.facts,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Cut:
        """Of `to_dict`. Raises pydantic.ValidationError or KeyError for anything else."""
        dropped = tuple(Dropped.model_validate(item) for item in data["dropped"])
        return cls(dropped, tuple(data["strategies"]), data["summary"], data["facts"])

    @classmethod
    def from_event(cls, event: ContextEvent) -> Cut:
        """The cut by which a recorded view was made."""
        return cls(tuple(event.dropped), tuple(event.strategy.split("+")), event.summary, event.facts)


class ContextEvent(BaseModel):
    """How a view differs from its conversation. `apply(messages, Cut.from_event(event))` makes that view again."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    step: int
    strategy: str
    """Names joined by `+`, in the order of their use."""
    tokens_before: int
    """Of the whole conversation."""
    tokens_after: int
    """Of the view."""
    dropped: list[Dropped]
    new: bool
    """Whether this call made a cut; else it shows the one of an earlier call."""
    summary: str = ""
    facts: str = ""


def apply(messages: list[dict], cut: Cut) -> list[dict]:
    """The view of a conversation: messages that are shown as they are, are the same objects.

    Args:
        messages: the conversation of which the cut was made, or one that goes on from it.
        cut: an empty one gives `messages` back.

    Raises:
        ValueError: the cut is not of this conversation.
    """
    if not cut:
        return messages
    view: list[dict] = []
    gone: list[Dropped] = []
    done = 0
    head, last = _ends(messages)
    for item in cut.dropped:
        if not max(head, done) <= item.index < (len(messages) if item.kind == "truncated" else last):
            raise _Other(item)
        view += messages[done : item.index]
        done = item.index + item.messages
        if item.whole:
            gone.append(item)
            chars = sum(map(size, messages[item.index : done]))
        else:
            shown, chars = shortened(messages, item.index, item.keep)
            view.append(shown)
        if chars != item.chars or (messages[item.index]["role"] == "assistant") != item.whole:
            raise _Other(item)
        if item.whole and messages[done]["role"] != "assistant":
            raise _Other(item)
    view += messages[done:]
    if gone:
        notice = left_out(len(gone), sum(item.messages for item in gone), sum(item.chars for item in gone))
        _annotate(view, head, "\n".join(part for part in (notice, cut.summary, cut.facts) if part))
    return view


def shortened(messages: list[dict], index: int, keep: int | None) -> tuple[dict, int]:
    """The result at `index` with `keep` characters, or as one line where that is None; and the characters left out."""
    message = messages[index]
    content = message.get("content") or ""
    if keep is None:
        return message | {"content": elided(_tool(messages, index), content)}, len(content)
    text, chars = truncated(content, keep)
    return message | {"content": text}, chars


def held(messages: list[dict], cut: Cut) -> tuple[Cut, list[dict]]:
    """As much of a cut as is of this conversation, and its view.

    Hosts take messages back (SWE-agent its re-asks), and completion adds notes to the last one: from the first message
    that is another one, the cut is forgotten.
    """
    while True:
        try:
            return cut, apply(messages, cut)
        except _Other as other:
            dropped = cut.dropped[: cut.dropped.index(other.item)]
            gone = any(item.whole for item in dropped)
            cut = replace(cut, dropped=dropped) if gone else Cut(dropped, cut.strategies if dropped else ())


def _ends(messages: list[dict]) -> tuple[int, int]:
    """Where the first and the last exchange begin."""
    roles = [message["role"] for message in messages]
    if "assistant" not in roles:
        return len(roles), len(roles)
    return roles.index("assistant"), len(roles) - 1 - roles[::-1].index("assistant")


def _tool(messages: list[dict], index: int) -> str:
    """Whose result a message is."""
    at = index
    while messages[at]["role"] != "assistant":
        at -= 1
    for call in messages[at].get("tool_calls") or []:
        if call["id"] == messages[index].get("tool_call_id"):
            return call["function"]["name"]
    return named_in(messages[at].get("content") or "")[0]


def _annotate(view: list[dict], head: int, note: str) -> None:
    """Put the note behind the task, in its message: two user messages in a row are more than strict templates take."""
    if head and view[head - 1]["role"] == "user":
        task = view[head - 1]
        view[head - 1] = task | {"content": f"{task.get('content') or ''}\n\n{note}"}
    else:
        view.insert(head, {"role": "user", "content": note})


class _Other(ValueError):
    def __init__(self, item: Dropped):
        self.item = item
        super().__init__(f"the cut is of another conversation: message {item.index} is not the one that it left out")
