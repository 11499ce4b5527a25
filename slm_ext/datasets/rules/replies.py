"""Rules on what a reply is: an answer that was taken, with one call, and not what was tried before."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from slm_ext.datasets.episode import Episode

__all__ = ["announce_only", "loop", "rejected", "several_calls"]

_WINDOW = 6
"""Actions that a repetition is looked for in."""
_DURATION = re.compile(r"\b\d+(?:\.\d+)? ?(?:s|ms|sec|seconds?)\b")
"""How long a program ran is no other result."""


def rejected(episode: Episode) -> Iterator[int]:
    """The host did not take it. The reply that came in its place is a good target."""
    return (i for i, step in enumerate(episode.steps) if step.status == "rejected")


def announce_only(episode: Episode) -> Iterator[int]:
    """It says what it will do, and calls nothing."""
    return (i for i, step in enumerate(episode.steps) if step.status != "rejected" and not step.tool)


def several_calls(episode: Episode) -> Iterator[int]:
    """Hosts take one call; a model that learns to write two has the second one lost."""
    return (i for i, step in enumerate(episode.steps) if len(step.reply.get("tool_calls") or ()) > 1)


def loop(episode: Episode) -> Iterator[int]:
    """The same call as shortly before, with the same result, and nothing changed in between."""
    recent: list[tuple[str, str]] = []
    for index, step in enumerate(episode.steps):
        if not step.tool:
            continue
        call, result = f"{step.tool} {json.dumps(step.arguments, sort_keys=True)}", step.observation or ""
        if any(call == before and _timeless(result) == _timeless(brought) for before, brought in recent):
            yield index
        recent = [] if step.changed else [*recent, (call, result)][-_WINDOW:]


def _timeless(result: str) -> str:
    return _DURATION.sub("", result)
