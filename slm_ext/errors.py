"""Every exception slm-ext raises for its users.

    SlmError                 one message, no traceback: attempted, seen, allowed, next command
    ├── UsageError           wrong input or a missing requirement; nothing was started        (exit 2)
    │   ├── RegistryError    a provider, router or profile entry that cannot be used
    │   │   └── UnknownName  no entry of that name; the nearest one is named
    │   ├── BundleError      tool bundles missing, malformed, or not those the model was trained with
    │   ├── RepositoryError  the repository cannot be taken as a task
    │   └── MissingExtra     an optional package is not installed; says which `pip install` brings it
    ├── ServingError         a local server could not be started, reached or kept             (exit 2)
    │   ├── ModelMissing     the model's files are not here, or not all of them; `slm pull` brings them
    │   ├── StartFailed      the server ended, or was not ready in time; carries its last log lines
    │   └── WrongModel       something answers, but it is not the model that was asked for
    └── CompletionError      a model call that did not bring an answer                        (exit 1)
        ├── ContextOverflow  the prompt does not fit the model's window
        ├── FormatRejected   the reply holds no usable tool call; carries the Rejection
        ├── ProviderDown     the endpoint refused, vanished or answered with a permanent error
        ├── BudgetSpent      what is left of a budget does not suffice for another call
        └── RunStopped       the stop policy ends the run; carries the StopDecision

Raise the most specific one. `UsageError` and its children are raised before anything is started or written;
`ServingError` while a server is brought up; `CompletionError` during a run, where the host decides what it means.
"""

from __future__ import annotations

__all__ = [
    "BudgetSpent",
    "BundleError",
    "CompletionError",
    "ContextOverflow",
    "FormatRejected",
    "MissingExtra",
    "ModelMissing",
    "ProviderDown",
    "RegistryError",
    "RepositoryError",
    "RunStopped",
    "ServingError",
    "SlmError",
    "StartFailed",
    "UnknownName",
    "UsageError",
    "WrongModel",
]


class SlmError(Exception):
    """Base of all: renders as one message.

    Args:
        attempted: what was being done, e.g. ``"read provider 'fast' in providers.yaml"``.
        seen: the value or state met.
        allowed: what would have been accepted.
        next_step: the command or edit to try next.
    """

    exit_code = 1

    def __init__(self, attempted: str, *, seen: str = "", allowed: str = "", next_step: str = ""):
        self.attempted, self.seen, self.allowed, self.next_step = attempted, seen, allowed, next_step
        super().__init__(str(self))

    def __str__(self) -> str:
        lines = [self.attempted]
        for label, text in (("seen", self.seen), ("allowed", self.allowed), ("next", self.next_step)):
            if text:
                lines.append(f"  {label}: {text}")
        return "\n".join(lines)


class UsageError(SlmError):
    """Wrong input or a missing requirement, found before anything was started."""

    exit_code = 2


class RegistryError(UsageError):
    """A provider, router or profile entry cannot be used as written."""


class UnknownName(RegistryError):
    """No registry entry has this name; the message names the nearest ones."""


class BundleError(UsageError):
    """Tool bundles are missing, malformed, or differ from those a model was trained with."""


class RepositoryError(UsageError):
    """A repository cannot be taken as a task: not a directory, not git, packages resolved outside the clone."""


class MissingExtra(UsageError):
    """An optional package is missing.

    Args:
        package: import name that failed.
        extra: the extra of slm-ext that brings it.
    """

    def __init__(self, package: str, extra: str, attempted: str):
        super().__init__(
            attempted,
            seen=f"the package {package!r} is not installed here",
            allowed=f"slm-ext with its extra [{extra}]",
            next_step=f'pip install "slm-ext[{extra}]"',
        )


class ServingError(SlmError):
    """A local server could not be started, reached or kept."""

    exit_code = 2


class ModelMissing(ServingError):
    """The files of a hub's model are not on this machine, or not all of them. Only `slm pull` downloads.

    Args:
        model: its id, `org/name`.
        revision: the one asked for; None for the default branch.
    """

    def __init__(self, attempted: str, *, model: str, revision: str | None = None, **parts: str):
        self.model, self.revision = model, revision
        super().__init__(attempted, **parts)


class StartFailed(ServingError):
    """The server process ended, or did not become ready in time.

    Args:
        log_tail: the last lines of its log, shown below the message.
    """

    def __init__(self, attempted: str, *, log_tail: str = "", **parts: str):
        self.log_tail = log_tail
        super().__init__(attempted, **parts)

    def __str__(self) -> str:
        text = super().__str__()
        return f"{text}\n  log:\n    " + "\n    ".join(self.log_tail.splitlines()) if self.log_tail else text


class WrongModel(ServingError):
    """Something answers at the endpoint, but it is not the model that was asked for."""


class CompletionError(SlmError):
    """A model call did not bring an answer."""


class ContextOverflow(CompletionError):
    """The prompt does not fit the model's window."""


class FormatRejected(CompletionError):
    """The reply holds no usable tool call; `rejection` says which rule was broken, `reply` is what came back."""

    def __init__(self, attempted: str, *, rejection=None, reply=None, **parts: str):
        self.rejection, self.reply = rejection, reply
        super().__init__(attempted, **parts)


class ProviderDown(CompletionError):
    """The endpoint refused, vanished, or answered with an error that a retry cannot cure."""


class BudgetSpent(CompletionError):
    """A call could pass a budget of the run or of a provider, so it was not made."""


class RunStopped(CompletionError):
    """A run that leads nowhere is ended; `decision` says which rule of the stop policy, and what it saw."""

    def __init__(self, attempted: str, *, decision, **parts: str):
        self.decision = decision
        super().__init__(attempted, **parts)
