"""Which agent a run gets, and why; and its steps as events. The hosts themselves are in `slm_ext/hosts`."""

from __future__ import annotations

import importlib
import importlib.util
import shutil
import subprocess
from dataclasses import dataclass
from typing import Any

from slm_ext.errors import UsageError
from slm_ext.runs.events import Asked, Called, Listener, Observed, Rejected, Routed
from slm_ext.runs.request import Tokens

__all__ = ["HostChoice", "Steps", "choose_host"]

_ANSWER_S = 5


@dataclass(frozen=True)
class HostChoice:
    """`mini` or `sweagent`, with the reason in a few words."""

    name: str
    reason: str


def choose_host(wanted: str) -> HostChoice:
    """The host for `--host WANTED`; raises `UsageError` where it was named and cannot be used."""
    if wanted == "mini":
        return HostChoice("mini", "as asked")
    problem = _why_not_sweagent()
    if wanted == "sweagent":
        if problem:
            raise UsageError("use SWE-agent as the host", seen=problem, allowed="auto, mini", next_step="--host mini")
        return HostChoice("sweagent", "as asked")
    if problem:
        return HostChoice("mini", problem)
    return HostChoice("sweagent", "installed, and containers can be started")


def _why_not_sweagent() -> str:
    if importlib.util.find_spec("sweagent") is None:
        return "SWE-agent is not installed"
    try:
        entry = importlib.import_module("slm_ext.hosts.sweagent.entry")
    except ImportError:
        entry = None
    if not hasattr(entry, "run_task_in_sweagent"):
        return "SWE-agent is entered through `sweagent run --slm NAME`"
    if not any(_answers(program) for program in ("docker", "podman")):
        return "neither Docker nor podman answers"
    return ""


def _answers(program: str) -> bool:
    if not shutil.which(program):
        return False
    try:
        return subprocess.run([program, "info"], capture_output=True, timeout=_ANSWER_S).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


class Steps:
    """Turns what a host's agent tells into events, and counts tokens."""

    def __init__(self, listener: Listener):
        self._listener = listener
        self._reply: dict[str, Any] = {}
        self.tokens = Tokens()
        self.providers: dict[str, int] = {}
        """Provider → replies."""
        self.switches = 0

    def __call__(self, kind: str, data: dict[str, Any]) -> None:
        getattr(self, f"_{kind}")(**data)

    def _asked(self, step: int) -> None:
        self._listener(Asked(step))

    def _answered(self, step: int, usage: dict[str, float] | None = None, route: dict | None = None, **_: Any) -> None:
        self._reply = usage or {}
        self._add(self._reply)
        self._routed(step, route)

    def _rejected(
        self, step: int, message: str, usage: dict[str, float] | None = None, route: dict | None = None, **_: Any
    ) -> None:
        self._add(usage or {})
        self._routed(step, route)
        self._listener(Rejected(step, message.splitlines()[0] if message else "no reason given"))

    def _called(self, step: int, action: dict[str, Any]) -> None:
        reply, self._reply = self._reply, {}
        self._listener(
            Called(
                step,
                action.get("tool") or "bash",
                action.get("arguments", {}) if action.get("tool") else {"command": action.get("command", "")},
                tokens_in=reply.get("in") or 0,
                tokens_out=reply.get("out") or 0,
                tokens_cached=reply.get("cached") or 0,
                seconds=reply.get("latency_s") or 0.0,
            )
        )

    def _observed(self, step: int, action: dict[str, Any], output: dict[str, Any]) -> None:
        text = (output.get("output") or "").strip() or output.get("exception_info") or "(no output)"
        self._listener(
            Observed(
                step,
                action.get("tool") or "bash",
                text.splitlines()[0][:200],
                output.get("returncode", 0),
                (output.get("extra") or {}).get("seconds", 0.0),
            )
        )

    def _routed(self, step: int, route: dict[str, Any] | None) -> None:
        if not route:
            return
        name = route["provider"]
        self.providers[name] = self.providers.get(name, 0) + 1
        if before := route.get("switched_from"):
            self.switches += 1
            reasons = {other["provider"]: other["why_not"] for other in route["alternatives"]}
            wished = route.get("escalated_from") or before
            told = reasons.get(wished, "").partition(": ")
            why = told[2] if told[0] == route["cause"] else _signal(route)
            self._listener(Routed(step, before, name, route["cause"], why))

    def _add(self, usage: dict[str, float]) -> None:
        self.tokens = Tokens(
            input=self.tokens.input + (usage.get("in") or 0),
            output=self.tokens.output + (usage.get("out") or 0),
            cached=self.tokens.cached + (usage.get("cached") or 0),
        )


def _signal(route: dict[str, Any]) -> str:
    """The number behind a cause, in words."""
    signals, cause = route["signals"], route["cause"]
    said = {
        "format_errors": f"{signals.get('format_errors')} replies without a usable call",
        "repeated_action": f"the same action {signals.get('repeated')} times",
        "cycle": "two actions in turn",
        "failing_tests": f"tests failed {signals.get('failing_tests')} times in a row",
        "subtask": route["subtask"] or "",
        "rule": route["subtask"] or "",
    }
    return said.get(cause, "")
