"""What a run says while it goes on: plain objects for a screen, a log, a progress bar of a batch.

A run calls its listener with one event after the other, in the thread it runs in. Every event has `line()`, its
one-line form for pipes and logs.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

__all__ = [
    "Asked",
    "Called",
    "Ended",
    "Event",
    "Listener",
    "Note",
    "Observed",
    "Rejected",
    "Routed",
    "Stage",
    "Started",
]


@dataclass(frozen=True)
class Event:
    """Base of all events."""

    def line(self) -> str:
        """One plain line, or an empty text where a log has nothing to say."""
        return ""


Listener = Callable[[Event], None]


@dataclass(frozen=True)
class Started(Event):
    """The request is sound and the run begins."""

    slm: str
    model: str
    host: str
    host_reason: str
    repository: str
    folder: str
    step_limit: int = 0

    def line(self) -> str:
        return (
            f"slm run: {self.slm} on {self.repository}, host {self.host} ({self.host_reason}), records in {self.folder}"
        )


@dataclass(frozen=True)
class Note(Event):
    """A fact worth knowing, e.g. that the repository is dirty."""

    text: str

    def line(self) -> str:
        return f"note: {self.text}"


@dataclass(frozen=True)
class Stage(Event):
    """What is being done now: clone, setup, server, agent, patch, test, apply."""

    name: str
    text: str

    def line(self) -> str:
        return f"{self.name}: {self.text}"


@dataclass(frozen=True)
class Asked(Event):
    """The model is asked for step `step` (from 1)."""

    step: int


@dataclass(frozen=True)
class Routed(Event):
    """Another provider answers than before, and why."""

    step: int
    before: str
    provider: str
    cause: str
    why: str = ""

    def line(self) -> str:
        why = f": {self.why}" if self.why else ""
        return f"step {self.step}: {self.before} → {self.provider} ({self.cause}{why})"


@dataclass(frozen=True)
class Called(Event):
    """The model calls a tool; tokens and seconds are those of the whole reply, zero for its further calls."""

    step: int
    tool: str
    arguments: dict[str, Any] = field(default_factory=dict)
    tokens_in: int = 0
    tokens_out: int = 0
    tokens_cached: int = 0
    seconds: float = 0.0

    def line(self) -> str:
        speed = f" [{self.tokens_out / self.seconds:.0f} tokens/s]" if self.tokens_out and self.seconds > 0 else ""
        return f"step {self.step}: {self.tool} {short_arguments(self.arguments)}".rstrip() + speed


@dataclass(frozen=True)
class Observed(Event):
    """A tool answered; `summary` is its first line."""

    step: int
    tool: str
    summary: str
    returncode: int
    seconds: float = 0.0

    def line(self) -> str:
        return f"  -> {self.summary}"


@dataclass(frozen=True)
class Rejected(Event):
    """A reply held no usable tool call; the model is told and asked again."""

    step: int
    message: str

    def line(self) -> str:
        return f"step {self.step}: rejected: {self.message}"


@dataclass(frozen=True)
class Ended(Event):
    """The run is over; `result` is the JSON document of `slm run --json`."""

    result: dict[str, Any]
    patch: str = ""

    def line(self) -> str:
        r = self.result
        verdict = {True: "resolved", False: "not resolved", None: "submitted, not tested"}[r["resolved"]]
        tokens = r["tokens"]
        return (
            f"{verdict} ({r['exit_status']}): {r['steps']} steps, {tokens['in'] + tokens['out']} tokens, "
            f"{r['seconds']:.1f} s"
        )


def short_arguments(arguments: dict[str, Any], width: int = 100) -> str:
    """A call's arguments in one line: `stats.py:15 '>=' → '>'`, `stats.py count_above`, `keyword='a or b'`."""
    rest = dict(arguments)
    parts = []
    if "path" in rest:
        line = rest.pop("line", None)
        parts.append(_text(rest.pop("path")) + (f":{_text(line)}" if line is not None else ""))
    if "old" in rest and "new" in rest:
        parts.append(f"{_text(rest.pop('old'))!r} → {_text(rest.pop('new'))!r}")
    for name, value in rest.items():
        text = _text(value)
        plain = name in ("symbol", "command") or (text and " " not in text and "=" not in text)
        parts.append(text if name in ("symbol", "command") else f"{name}={text if plain else repr(text)}")
    line = " ".join(parts)
    return line if len(line) <= width else line[: width - 1] + "…"


def _text(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return " ".join(text.splitlines())
