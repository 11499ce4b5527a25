"""What a conversation remembers between two answers."""

from __future__ import annotations

from dataclasses import dataclass, field

from slm_ext.routing import RouteState

__all__ = ["Memory"]


@dataclass
class Memory:
    """Of one conversation."""

    step: int = 1
    """The step that is asked for; an accepted answer ends it."""
    state: RouteState = field(default_factory=RouteState)
    rejected: list[dict] = field(default_factory=list)
    """Assistant messages of all rejected replies, oldest first."""
    retries: list[str] = field(default_factory=list)
    """Ids of the calls drawn again or rejected since the last accepted one."""
    refused: int = 0
    """How many of them the model was told of."""

    def take(self, message: dict, call_id: str, *, usable: bool) -> None:
        """A reply was read."""
        self.state = self.state.judged_reply(usable)
        if usable:
            self.retries.clear()
            self.refused = 0
            self.step += 1
        else:
            self.rejected.append(message)
            self.retries.append(call_id)
            self.refused += 1
