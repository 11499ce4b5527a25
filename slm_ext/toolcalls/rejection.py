"""Why a reply was not accepted, in words a model can act on."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

__all__ = ["Rejection"]


class Rejection(BaseModel):
    """A broken rule, what was seen, and what would have been right.

    Rules: `no_call`, `empty_reply`, `truncated`, `lost_call` (the server dropped an unreadable call), `unterminated`,
    `malformed`, `json_in_xml`, `bad_json`, `several_calls`, `unknown_tool`, `missing_argument`, `unknown_argument`,
    `repeated_argument`, `wrong_type`, `bad_value`.
    """

    model_config = ConfigDict(extra="forbid")

    schema_version: int = 1
    rule: str
    message: str
    got: str = ""
    expected: str = ""
    example: str | None = None
    """A call that would be accepted, in the wire format the reply was read in (`qwen3_coder` for native calls)."""
    attempt: int = 1
    """How many replies in a row were rejected, this one included."""
    max_attempts: int = 3
    retryable: bool = True
    """False once `attempt` reached `max_attempts`."""

    def text(self) -> str:
        """What the model is told: one line for the error, then what was seen, expected and an example."""
        lines = [f"error {self.rule}: {self.message}"]
        lines += [f"{label}: {part}" for label, part in (("got", self.got), ("expected", self.expected)) if part]
        if self.example:
            lines += ["example:", self.example]
        return "\n".join(lines)

    def at(self, attempt: int) -> Rejection:
        """The same rejection, counted as the `attempt`-th in a row."""
        return self.model_copy(update={"attempt": attempt, "retryable": attempt < self.max_attempts})
