"""What a conversation remembers between two answers."""

from __future__ import annotations

from dataclasses import dataclass, field

from slm_ext.routing import RouteState
from slm_ext.toolcalls import Rejection

__all__ = ["Memory"]


@dataclass
class Memory:
    """Of one conversation."""

    step: int = 1
    """The step that is asked for. It is over when its accepted answer stands in the history: several answers to one
    history are samples of one step."""
    turns: int | None = None
    """Assistant messages in the history that an answer was last accepted for; None where none was."""
    state: RouteState = field(default_factory=RouteState)
    rejected: list[dict] = field(default_factory=list)
    """Assistant messages of all rejected replies, oldest first."""
    told: list[str] = field(default_factory=list)
    """What the model was told about each."""
    retries: list[str] = field(default_factory=list)
    """Ids of the calls drawn again or rejected since the last accepted one."""
    refused: int = 0
    """How many of them the model was told of."""

    usages: list[dict] = field(default_factory=list)
    """Of the calls since the last answer that the host was given, usable or not."""

    def accepted(self, conversation: list[dict]) -> list[dict]:
        """The conversation without the replies that were rejected, and without what was said about them. Some hosts
        forget those with the next step anyway. They are known by what was said: ids of calls come again."""
        told = tuple(self.told)
        if not told:
            return conversation
        said = {i for i, message in enumerate(conversation) if i and message["content"].startswith(told)}
        return [message for i, message in enumerate(conversation) if i not in said and i + 1 not in said]

    def look(self, accepted: list[dict]) -> None:
        """A history came: the next step's, another sample of this step's, or that of another conversation."""
        turns = _turns(accepted)
        if not turns and self.step > 1:
            self.step, self.turns, self.refused = 1, None, 0
            self.rejected, self.told, self.retries = [], [], []
            self.state = self.state.anew()
        if self.turns is not None and turns > self.turns:
            self.step, self.turns = self.step + 1, None

    def take(self, message: dict, call_id: str, accepted: list[dict], rejection: Rejection | None) -> None:
        """A reply was read, to a history of which `accepted` is what was accepted."""
        self.state = self.state.judged_reply(rejection is None)
        if rejection is None:
            self.turns = _turns(accepted)
            self.retries.clear()
            self.refused = 0
        else:
            self.told.append(rejection.text())
            self.rejected.append(message)
            self.retries.append(call_id)
            self.refused += 1


def _turns(messages: list[dict]) -> int:
    return sum(message["role"] == "assistant" for message in messages)
