"""SWE-agent's history processors `last_n_observations` and `cache_control`, as their code and documentation have them.

    https://swe-agent.com/latest/reference/history_processor_config/

Written anew, so that the benchmark runs where SWE-agent is not installed; `same_as_sweagent` compares with the original
where it is.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from typing import Any

__all__ = ["cache_control", "last_n_observations", "same_as_sweagent", "sent"]

History = list[dict[str, Any]]


def last_n_observations(history: History, n: int = 5, polling: int = 1) -> History:
    """All observations but the first (the task) and the last `n` become one line. With `polling` above 1 the number of
    those kept swings between `n` and `n + polling`."""
    places = [i for i, entry in enumerate(history) if entry["message_type"] == "observation"]
    old = set(places[1 : max(0, len(places) // polling * polling - n)])
    return [_elided(entry) if i in old else entry for i, entry in enumerate(history)]


def cache_control(history: History, last: int = 2) -> History:
    """The last messages of user and tools are marked for a server that caches on demand; nothing is left out."""
    marked = [i for i, entry in enumerate(history) if entry["role"] in ("user", "tool")][-last:]
    return [_marked(entry) if i in marked else entry for i, entry in enumerate(history)]


def sent(history: History) -> list[dict[str, Any]]:
    """The messages that SWE-agent makes of a processed history; the marks are left out: they are not for models."""
    messages = []
    for entry in history:
        content = entry["content"]
        text = content if isinstance(content, str) else "".join(part["text"] for part in content)
        message = {"role": entry["role"], "content": text}
        if entry["role"] == "tool":
            message["tool_call_id"] = entry["tool_call_ids"][0]
        elif entry.get("tool_calls"):
            message["tool_calls"] = entry["tool_calls"]
        messages.append(message)
    return messages


def same_as_sweagent(python: str, histories: Sequence[History]) -> bool | None:
    """Whether SWE-agent's own processors make the same of these histories; None where `python` cannot import it."""
    ours = [[last_n_observations(history), cache_control(history)] for history in histories]
    done = subprocess.run(
        [python, "-c", _ASK], input=json.dumps(list(histories)), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        text=True, timeout=300,
    )  # fmt: skip
    if done.returncode:
        return None
    return json.loads(done.stdout.splitlines()[-1]) == json.loads(json.dumps(ours))


def _elided(entry: dict[str, Any]) -> dict[str, Any]:
    lines = len(entry["content"].splitlines())
    return entry | {"content": f"Old environment output: ({lines} lines omitted)"}


def _marked(entry: dict[str, Any]) -> dict[str, Any]:
    mark = {"cache_control": {"type": "ephemeral"}}
    part = {"type": "text", "text": entry["content"]}
    if entry["role"] == "tool":  # there the mark stands at the message
        return entry | {"content": [part]} | mark
    return entry | {"content": [part | mark]}


_ASK = """
import copy, json, sys
try:
    from sweagent.agent.history_processors import CacheControlHistoryProcessor, LastNObservations
except ImportError:
    sys.exit(3)
last, marks = LastNObservations(n=5, polling=1), CacheControlHistoryProcessor(last_n_messages=2)
made = [[last(copy.deepcopy(h)), marks(copy.deepcopy(h))] for h in json.load(sys.stdin)]
print()
print(json.dumps(made))
"""
