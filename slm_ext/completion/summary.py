"""What a model is asked for when old exchanges are to become a summary. Pure."""

from __future__ import annotations

__all__ = ["summary_messages"]

_SYSTEM = (
    "You summarise the work log of a programmer, so that the work can go on without the log. Keep what was found out: "
    "files and lines that matter, what was changed, which tests fail and with what message, what was tried and did "
    "not help, what is left to do. Short sentences, no introduction, no advice."
)
_LONGEST = 4000
"""Characters of one message that are shown."""


def summary_messages(messages: list[dict]) -> list[dict]:
    """The conversation that asks for a summary of `messages`."""
    log = "\n\n".join(filter(None, map(_entry, messages)))
    return [{"role": "system", "content": _SYSTEM}, {"role": "user", "content": f"<log>\n{log}\n</log>\n\nSummary:"}]


def _entry(message: dict) -> str:
    lines = [_short(message.get("content") or "")]
    for call in message.get("tool_calls") or []:
        function = call["function"]
        lines.append(f"call {function['name']} {_short(function['arguments'])}")
    text = "\n".join(line for line in lines if line)
    return f"[{message['role']}]\n{text}" if text else ""


def _short(text: str) -> str:
    half = _LONGEST // 2
    return text if len(text) <= _LONGEST else f"{text[:half]}\n…\n{text[-half:]}"
