"""Rows with a label: single steps (KTO, Ethayarajh et al. 2024) and whole runs (the verifier rows of SWE-Gym)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from slm_ext.datasets.episode import Episode
from slm_ext.datasets.exports.pairing import said_rejected
from slm_ext.datasets.rendering.formats import texts
from slm_ext.datasets.rendering.row import Renderer, RowRefused
from slm_ext.traces.trace import refused

__all__ = ["kto_rows", "verifier_rows"]

_QUESTION = (
    "An agent worked on the issue below. Judge by its actions and what they brought whether its change solves the "
    "issue. Answer with <judgement>YES</judgement> or <judgement>NO</judgement>."
)


def kto_rows(episodes: list[Episode], renderer: Renderer, strings: bool) -> Iterator[dict[str, Any]]:
    """Good steps of solved runs as desirable, steps that a rule speaks against as undesirable. A step of an unsolved
    run that nothing speaks against has no label: most of these are right."""
    for episode in episodes:
        for step in episode.steps:
            desirable = not step.bad and episode.verdict is True
            if not desirable and not step.bad:
                continue
            try:
                row = renderer.answer(episode, step, step.reply if desirable else said_rejected(step.reply))
            except RowRefused:
                continue
            found: dict[str, Any]
            if strings:
                found = {"prompt": row.prompt, "completion": row.answer, "label": desirable}
            else:
                found = {
                    "prompt": [texts(m) for m in row.messages],
                    "completion": [texts(row.reply)],
                    "label": desirable,
                }
                found |= {"tools": row.tools} if row.tools else {}
            yield found | {"instance": episode.instance} | ({"rule": step.bad[0]} if step.bad else {})


def verifier_rows(
    episodes: list[Episode], renderer: Renderer, negatives: float, judged: dict[bool, int]
) -> Iterator[dict[str, Any]]:
    """A run as text, and whether it solved its task; unsolved ones while they are at most `negatives` times the solved.
    One that is longer than the model's window is left out.

    Args:
        judged: how many of each were written; updated.
    """
    for episode in sorted(episodes, key=lambda e: not e.verdict):
        if episode.verdict is None or not episode.steps:
            continue
        if episode.verdict is False and judged[False] + 1 > negatives * judged[True]:
            continue
        answer = "YES" if episode.verdict else "NO"
        messages = [
            {"role": "user", "content": f"{_QUESTION}\n\n{episode.issue}\n\n{_told(episode)}"},
            {"role": "assistant", "content": f"<judgement>{answer}</judgement>"},
        ]
        try:
            size = renderer.target.tokens(renderer.target.render(messages, None, answer=False))
        except Exception:  # a template is a program: it raises what it likes
            continue
        if size <= renderer.limit:
            judged[episode.verdict] += 1
            yield {"messages": messages, "instance": episode.instance}


def _told(episode: Episode) -> str:
    """The run as text: what was done, what it brought, what was submitted."""
    parts = []
    for step in episode.steps:
        said = refused(str(step.reply.get("content") or ""), step.reply.get("tool_calls") or [])["content"]
        parts.append(f"AGENT:\n{said}")
        if step.observation is not None:
            parts.append(f"RESULT:\n{step.observation}")
    if episode.patch:
        parts.append(f"PATCH:\n{episode.patch}")
    return "\n\n".join(parts)
