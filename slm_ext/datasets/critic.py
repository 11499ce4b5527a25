"""A model that judges the steps of a run, for what no rule sees (step rejection, arXiv 2605.10674).

It is asked once for a whole run: `critic_prompt` says what was done, `read_labels` reads the answer. Who answers is the
caller's: a function from a prompt to a text.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from slm_ext.datasets.episode import Episode, Step
from slm_ext.traces.trace import refused

__all__ = ["LABELS", "RULE", "Critic", "critic_prompt", "read_labels", "reject_mistakes"]

LABELS = ("good", "unnecessary", "mistake", "recover")
RULE = "critic"
"""The reason of a step that it calls a mistake."""
_ACTION_CHARS, _RESULT_CHARS, _ISSUE_CHARS = 1200, 600, 4000
"""Most characters of each that are shown: the beginning and the end."""


class Critic:
    """Labels the steps of a run.

    Args:
        ask: the answer of a model to a prompt.

    Attributes:
        asked: runs that were judged.
        unread: those of them whose answer held no label.
    """

    def __init__(self, ask: Callable[[str], str]):
        self.asked, self.unread = 0, 0
        self._ask = ask

    def __call__(self, episode: Episode) -> dict[int, str]:
        """Index of a step → label; steps that the answer says nothing of are missing. A run without steps is not
        asked for."""
        if not episode.steps:
            return {}
        self.asked += 1
        found = read_labels(self._ask(critic_prompt(episode)), len(episode.steps))
        self.unread += not found
        return found


def reject_mistakes(episode: Episode, labels: dict[int, str]) -> None:
    """Mark the steps that are mistakes as bad. Unnecessary ones stay: they do no harm, and who judged is a model."""
    for index, label in labels.items():
        if label == "mistake":
            episode.steps[index].bad.append(RULE)


def critic_prompt(episode: Episode) -> str:
    """What the judge is asked: the issue, every step with its result, how the run ended."""
    verdict = {True: "The task was solved.", False: "The task was not solved.", None: "Nobody knows if it was solved."}
    steps = "\n\n".join(_told(number, step) for number, step in enumerate(episode.steps, start=1))
    return _PROMPT.format(
        issue=_shortened(episode.issue, _ISSUE_CHARS),
        steps=steps,
        verdict=verdict[episode.verdict],
        last=len(episode.steps),
    )


def read_labels(answer: str, steps: int) -> dict[int, str]:
    """Index of a step → label, from lines such as `3: mistake`, in whatever list, table or JSON they stand.

    Numbers that no step has are passed over, and so is a step that has two different labels.

    Args:
        steps: how many there are.
    """
    found: dict[int, set[str]] = {}
    for number, label in _LINE.findall(answer):
        found.setdefault(int(number) - 1, set()).add(label.lower())
    return {index: labels.pop() for index, labels in sorted(found.items()) if len(labels) == 1 and 0 <= index < steps}


_PROMPT = """\
An agent worked on the issue below. Judge each of its steps by what it knew at that time.

good: it brought the work on.
unnecessary: it did no harm and brought nothing, such as reading again what was known.
mistake: it was wrong, such as an edit that does not do what it should, or a conclusion that the results do not allow.
recover: it found or took back an earlier mistake.

ISSUE:
{issue}

STEPS:
{steps}

{verdict}

Answer with one line for each step from 1 to {last}, its number and its label, and nothing else:
1: good"""
_LINE = re.compile(rf"""(?im)(?<![\w.])(\d{{1,6}})["'*`]*\s*[:|.)=-]\s*["'*`]*({"|".join(LABELS)})\b""")


def _told(number: int, step: Step) -> str:
    said = refused(str(step.reply.get("content") or ""), step.reply.get("tool_calls") or [])["content"]
    result = "(refused: the reply was not accepted)" if step.status == "rejected" else "(no result)"
    if step.observation is not None:
        result = _shortened(step.observation, _RESULT_CHARS)
    return f"STEP {number}\n{_shortened(said, _ACTION_CHARS)}\nRESULT {number}\n{result}"


def _shortened(text: str, chars: int) -> str:
    if len(text) <= chars:
        return text
    return f"{text[: chars // 2]}\n… {len(text) - chars} characters left out …\n{text[-(chars // 2) :]}"
