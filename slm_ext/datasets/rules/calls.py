"""Rules on calls: tools and arguments that exist, calls that worked, commands that destroy nothing."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from slm_ext.datasets.episode import Episode, Step
from slm_ext.datasets.rules.commands import is_shell, shell_texts
from slm_ext.toolcalls import Rejection, ToolCall, coerce, validate

__all__ = ["bad_arguments", "failed", "unknown_tool", "unsafe"]

_ERRORS = ("error", "timeout", "unavailable")
_SHELL_ERRORS = re.compile(
    r"command not found|(?m:^usage: )|No such file or directory|was cancelled because|timed out|TimeoutExpired|"
    r"syntax error|contained syntax errors|unexpected EOF",
    re.IGNORECASE,
)
"""Of a program's output: what the shell says, and not the program."""
_TOP = "/testbed"
"""Where SWE-bench's images keep the repository."""


def unknown_tool(episode: Episode) -> Iterator[int]:
    """A tool that was not offered."""
    return (i for i, rule in _broken(episode) if rule == "unknown_tool")


def bad_arguments(episode: Episode) -> Iterator[int]:
    """Arguments that the tool's schema does not have, or of another type."""
    return (i for i, rule in _broken(episode) if rule != "unknown_tool")


def failed(episode: Episode) -> Iterator[int]:
    """The tool itself answered with an error: a line that is not there, a file that is not there, a time-out. A test
    that fails or a finding of a linter is a result."""
    for index, step in enumerate(episode.steps):
        if step.status == "ok" and (step.report_status in _ERRORS or step.error or _failed(step)):
            yield index


def unsafe(episode: Episode) -> Iterator[int]:
    """A shell command that the default policy of our `shell` refuses: it deletes the repository or what is not the
    task's, loses uncommitted work, rewrites history, reaches other machines, or waits for keys. Taking back or deleting
    single files and folders is no such thing."""
    for index, step in enumerate(episode.steps):
        if any(_denied(command) for command in shell_texts(step)):
            yield index


def _broken(episode: Episode) -> Iterator[tuple[int, str]]:
    known: dict[str, str | None] = {}
    for index, step in enumerate(episode.steps):
        tools = episode.tools.get(step.tools or "")
        if not tools or not step.tool:
            continue
        key = f"{step.tools} {step.tool} {json.dumps(step.arguments, sort_keys=True)}"
        if key not in known:
            known[key] = _rule(step, tools)
        if rule := known[key]:
            yield index, rule


def _rule(step: Step, tools: list[dict[str, Any]]) -> str | None:
    call = ToolCall(id="1", name=step.tool, arguments=coerce(step.tool, step.arguments, tools))
    rejection: Rejection | None = validate(call, tools)
    return rejection.rule if rejection else None


def _failed(step: Step) -> bool:
    if step.report_status is not None or step.outcome != "error":
        return False
    return not is_shell(step) or bool(_SHELL_ERRORS.search((step.observation or "")[:500]))


def _denied(command: str) -> bool:
    from slm_ext.bundles.library import tool_library

    policy = tool_library("slm_execute", "policy")
    return policy.judge(command, _TOP, environ={"HOME": "/root"}) is not None
