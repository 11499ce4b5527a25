"""The row that goes through all stages until it is rendered: one run, its messages once, its steps with a judgement."""

from __future__ import annotations

import re
from itertools import takewhile
from typing import Any

import msgspec

__all__ = ["Episode", "Step"]

_ISSUE = [
    re.compile(pattern, re.DOTALL)
    for pattern in (
        r"<pr_description>(.*?)</pr_description>",
        r"<issue_description>(.*?)</issue_description>",
        r"<github_issue>(.*?)</github_issue>",
        r"<issue>(.*?)</issue>",
        r"\bISSUE:\n(.*?)\n\s*INSTRUCTIONS:",
        r"\APlease solve this issue: (.*?)\n\s*You can execute bash commands",
    )
]
"""How the prompts of SWE-agent, mini-swe-agent, OpenHands and R2E-Gym mark the issue."""


class Step(msgspec.Struct, omit_defaults=True):
    """One answer of the model."""

    number: int
    attempt: int
    prompt: list[int]
    """Indices into the episode's messages: what was sent."""
    reply: dict[str, Any]
    """The answer, as it stands in a conversation."""
    status: str
    """`ok` or `rejected`."""
    tool: str = ""
    arguments: dict[str, Any] = {}
    observation: str | None = None
    report_status: str | None = None
    """`status` of the tool's typed result."""
    error: str | None = None
    """Kind of the tool's error; the rule that a rejected reply broke."""
    subtask: str | None = None
    """What kind of work it is; see `docs/explanation/routing.md`."""
    kind: str = "other"
    """What the call did: `locate`, `read`, `edit`, `test`, `review`, `finish` or `other`."""
    outcome: str = "none"
    """`ok`, `error`, `none`; `passed` or `failed` of a test run."""
    changed: bool = False
    """Whether it changed a file."""
    paths: list[str] = []
    """Files that the call names."""
    tools: str | None = None
    """Key of the episode's tools."""
    prompt_sha: str | None = None
    """Of the prompt as the server rendered it."""
    template_sha: str | None = None
    template_kwargs: dict[str, Any] | None = None
    scrubbed: bool = False
    """Whether a secret was taken out of the record of this prompt."""
    elided: bool = False
    """Whether something was left out of the prompt when it was sent."""
    native: bool = True
    """Whether calls are calls; False: they are part of the text."""
    bad: list[str] = []
    """Rules that speak against training on it; the first is counted."""
    train: bool = False


class Episode(msgspec.Struct, omit_defaults=True):
    """One run."""

    id: str
    """Of its place: file, byte and attempt."""
    source: str
    form: str
    instance: str
    host: str = ""
    run_id: str = ""
    repo: str | None = None
    commit: str | None = None
    model: str | None = None
    verdict: bool | None = None
    """Whether the task was solved; None: nobody judged."""
    verdict_source: str | None = None
    submitted: bool | None = None
    exit_status: str | None = None
    patch: str | None = None
    license: str | None = None
    chosen: bool = True
    """False: a try of a host that submitted another one."""
    tainted: bool = False
    """Whether the model behind one name changed during the run."""
    messages: list[dict[str, Any]] = []
    tools: dict[str, list[dict[str, Any]]] = {}
    steps: list[Step] = []
    dropped: str = ""
    """Why it is not used; empty: it is."""

    def prompt(self, step: Step) -> list[dict[str, Any]]:
        """The messages of a step's prompt."""
        return [self.messages[index] for index in step.prompt]

    @property
    def issue(self) -> str:
        """What the task is: of the first prompt the part that says so, else all that the user said there."""
        return self.marked_issue or "\n\n".join(self._asked(before_replies=True))

    @property
    def marked_issue(self) -> str:
        """The issue where the prompt marks it in a known way; empty: it does not. After demonstrations, which have
        marks of their own, the last one is the task's."""
        for text in reversed(self._asked()):
            found = next((match for marks in _ISSUE if (match := marks.search(text))), None)
            if found:
                return found[1].strip()
        return ""

    def _asked(self, before_replies: bool = False) -> list[str]:
        """The user's messages in the first prompt: all of them, or those before a demonstration's first reply."""
        first = self.prompt(self.steps[0]) if self.steps else self.messages
        if before_replies:
            first = takewhile(lambda message: message["role"] != "assistant", first)
        return [message["content"] for message in first if message["role"] == "user"]

    @property
    def trained(self) -> list[Step]:
        """The steps that become targets."""
        return [step for step in self.steps if step.train]
