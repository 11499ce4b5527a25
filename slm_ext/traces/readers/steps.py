"""The steps of a SWE-agent trajectory, whichever generation wrote them: what was sent for each, and whether its reply
was taken.

    1.1   each step has `query`, the messages as they were sent
    1.0   each step has `messages`, the conversation after it, which is what was sent for the next one
    0.x   what was sent is not recorded, the conversation stands in `history` alone
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

import msgspec

from slm_ext.traces.readers.decoding import Step, decode, given
from slm_ext.traces.readers.documents import Document
from slm_ext.traces.readers.messages import text_of
from slm_ext.traces.readers.prompts import Prompts
from slm_ext.traces.trace import Message

__all__ = ["Answer", "History", "Step", "Taken", "answers"]

_GAVE_UP = ("Exit due to ", "Exiting due to ")
"""What SWE-agent writes in place of a reply where it ends a run itself."""


@dataclass
class Taken:
    """A reply in the history."""

    entry: dict[str, Any]
    message: Message
    after: list[Message] = field(default_factory=list)
    """What it brought, as the model saw it."""

    def is_of(self, step: Step) -> bool:
        """Whether it is a step's reply. Demonstrations that were edited by hand differ in the texts."""
        if step.command and self.entry.get("action") is not None:
            return text_of(self.entry["action"]).strip("\n") == step.command
        return self.message["content"] == step.text


class History:
    """The conversation with the replies that were taken.

    Attributes:
        begin: the messages before the first reply, demonstrations with them.
        replies: in their order.
    """

    def __init__(self, document: Document, prompts: Prompts):
        self.begin: list[Message] = []
        self.replies: list[Taken] = []
        self._at = 0
        for raw in document.raw_items("history"):
            entry, message = prompts.entry(raw)
            if message["role"] == "assistant" and not entry.get("is_demo"):
                self.replies.append(Taken(entry, message))
            else:
                (self.replies[-1].after if self.replies else self.begin).append(message)

    def take(self, step: Step) -> Taken | None:
        """The next reply, where it is this step's."""
        for at in range(self._at, len(self.replies)):
            if self.replies[at].is_of(step):
                self._at = at + 1
                return self.replies[at]
        return None


@dataclass
class Answer:
    """A step's reply."""

    step: Step
    taken: Taken | None
    """Where it stands in the history."""
    prompt: list[Message] | None = None
    """What was sent; None where that is not recorded."""
    rejected: bool = False
    correction: str | None = None
    """What was said about a rejected reply; None where that is not recorded."""
    gave_up: bool = False
    """No model answered: SWE-agent adds such a step where it ends a run itself."""


def answers(document: Document, history: History, prompts: Prompts) -> Iterator[Answer]:
    """The answers of a trajectory, in their order.

    Raises:
        one of `WRONG_SHAPE`: it is of another shape.
    """
    known = document.steps()
    steps = map(_step, document.raw_items("trajectory")) if known is None else iter(known)
    first = next(steps, None)
    every = steps if first is None else chain([first], steps)
    if first is not None and (given(first.query) or given(first.more)):
        return _by_query(every, history, prompts)
    if first is not None and given(first.messages):
        return _by_messages(every, history, prompts)
    return _by_history(list(every), history)


def _by_query(steps: Iterable[Step], history: History, prompts: Prompts) -> Iterator[Answer]:
    held: Answer | None = None
    for step in steps:
        prompt = prompts.go_on(step.more) if given(step.more) else None
        prompt = prompts.read(step.query) if given(step.query) else prompt
        empty = prompt is not None and not any(message["content"] for message in prompt)
        answer = Answer(step, None, None if empty else prompt, gave_up=empty or _gave_up(step))
        if held is not None:
            yield _judged(held, answer, history, prompts)
        held = answer
    if held is not None:
        yield _judged(held, None, history, prompts)


def _judged(answer: Answer, later: Answer | None, history: History, prompts: Prompts) -> Answer:
    """Rejected is what the next prompt complains of, and at the end of a run what did not come into the history."""
    prompt = later.prompt if later is not None else None
    if prompt and prompts.asks_again(prompt[-1]):
        answer.rejected, answer.correction = True, prompt[-1]["content"]
        return answer
    answer.taken = history.take(answer.step)
    last = later is None or later.gave_up
    answer.rejected = last and answer.taken is None and not answer.gave_up and bool(history.begin)
    return answer


def _by_messages(steps: Iterable[Step], history: History, prompts: Prompts) -> Iterator[Answer]:
    """A step that leaves the conversation as it was, was rejected. Why, and so what was sent next, is not recorded."""
    before: list[Message] | None = None
    again = False
    for step in steps:
        after = prompts.read(step.messages) if given(step.messages) else []
        same = after == before if before is not None else len(after) <= len(history.begin)
        rejected = same and given(step.messages)
        prompt = before if before is not None else after if rejected else _before_last_reply(after)
        gave_up = _gave_up(step)
        taken = None if rejected else history.take(step)
        yield Answer(step, taken, None if again or gave_up else prompt, rejected, gave_up=gave_up)
        before, again = after or None, rejected


def _before_last_reply(messages: list[Message]) -> list[Message]:
    replies = [at for at, message in enumerate(messages) if message["role"] == "assistant"]
    return messages[: replies[-1]] if replies else messages


def _by_history(steps: list[Step], history: History) -> Iterator[Answer]:
    """The replies of the history, and the steps after the last of them that it does not have."""
    at = 0
    for taken in history.replies:
        found = next((index for index in range(at, len(steps)) if taken.is_of(steps[index])), None)
        if found is None:
            entry = taken.entry
            step = Step(action=entry.get("action"), response=taken.message["content"], thought=entry.get("thought"))
        else:
            step, at = steps[found], found + 1
        yield Answer(step, taken, gave_up=_gave_up(step))
    for step in steps[at:]:
        yield Answer(step, None, gave_up=_gave_up(step))


def _gave_up(step: Step) -> bool:
    return step.text.startswith(_GAVE_UP) and (not step.command or step.command.startswith("exit_"))


def _step(raw: msgspec.Raw | bytes) -> Step:
    try:
        return _STEP.decode(raw)
    except (ValueError, RecursionError):
        pass
    values = {name: value for name, value in decode(raw).items() if name in _NAMES}
    for name in _RAW & values.keys():
        values[name] = msgspec.Raw(json.dumps(values[name]).encode())
    return Step(**values)


_STEP = msgspec.json.Decoder(Step)
_NAMES = {one.name for one in msgspec.structs.fields(Step) if one.name == one.encode_name}
_RAW = {"query", "messages", "extra_info"}
