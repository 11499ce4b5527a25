"""What a task's commands may see of our environment: everything but keys and what would bend their Python."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

__all__ = ["POINTING_GIT", "scrubbed"]

_SECRET = re.compile(
    r"(API_?KEY|ACCESS_?KEY|PRIVATE_?KEY|SECRET|PASSWORD|PASSWD|CREDENTIAL|(^|_)TOKENS?(_|$)|(^|_)PAT$|(^|_)AUTH(_|$))",
    re.IGNORECASE,
)
_NOT_SECRET = {"SSH_AUTH_SOCK", "TOKENIZERS_PARALLELISM"}
_BENDING = {"PYTHONHOME", "PYTHONSTARTUP", "PYTHONEXECUTABLE", "__PYVENV_LAUNCHER__", "PYTEST_CURRENT_TEST"}
POINTING_GIT = frozenset(
    {"GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_COMMON_DIR", "GIT_PREFIX"}
)
"""Variables that make git work on another repository than the current folder's."""


def scrubbed(environ: Mapping[str, str], secrets: Iterable[str] = ()) -> dict[str, str]:
    """A copy of `environ` without variables that look like keys, those named in `secrets`, and those that point
    Python or git at another place."""
    named = set(secrets)
    return {
        key: value
        for key, value in environ.items()
        if key not in named
        and key not in _BENDING
        and key not in POINTING_GIT
        and (key in _NOT_SECRET or not _SECRET.search(key))
    }
