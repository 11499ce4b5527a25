"""`Completion`: one conversation of one team, one answer after the other."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

from slm_ext.completion.answer import Answer
from slm_ext.completion.asking import Asker
from slm_ext.completion.grounding import Grounding
from slm_ext.completion.memory import Memory
from slm_ext.completion.pool import Pool
from slm_ext.completion.reply import Reply
from slm_ext.errors import (
    BudgetSpent,
    CompletionError,
    ContextOverflow,
    FormatRejected,
    ModelMissing,
    RunStopped,
    ServingError,
    SlmError,
    UsageError,
)
from slm_ext.registry import StopPolicy, Team
from slm_ext.routing import Action, Choice, Known, NobodyLeft, RouteState, decide, read_actions, read_signals, stop
from slm_ext.toolcalls.view import outgoing, restore_rejected
from slm_ext.traces import Recorder

__all__ = ["Completion", "check_styles"]


class Completion:
    """Asks a team's models for the next tool call of one conversation.

    Args:
        team: of the registry; one provider alone is a team too.
        pool: its endpoints; the owner closes it.
        tools: the OpenAI list; without tools any text is a good answer.
        recorder: every call is recorded there, answered or not.
        grounding: where arguments' values come from; used where a provider's `constraints` are `grounded`, and in
            effect.
        stop_policy: when the run is ended; the router's own goes before.

    Raises:
        UsageError: a router's rule offers a tool that is not in `tools`.
    """

    def __init__(
        self,
        team: Team,
        pool: Pool,
        *,
        tools: list[dict] | None = None,
        recorder: Recorder | None = None,
        grounding: Grounding | None = None,
        stop_policy: StopPolicy | None = None,
    ):
        self.team, self.pool, self.tools, self.recorder = team, pool, tools or [], recorder
        self.stop_policy = team.router.stop_policy or stop_policy
        self.memory = Memory()
        self._asker = Asker(team, pool, self.tools, recorder, grounding)
        self._began: float | None = None
        check_styles(team, self.tools)

    @classmethod
    def alone(cls, provider: Any, handle: Any, **parts: Any) -> Completion:
        """One provider, at an endpoint that somebody else owns; `parts` as for the class."""
        return cls(Team.of(provider), Pool.given(provider, handle), **parts)

    @property
    def state(self) -> RouteState:
        """What the router remembers: who was asked, what is spent."""
        return self.memory.state

    def complete(self, messages: list[dict[str, Any]], *, temperature: float | None = None) -> Answer:
        """The next answer.

        Args:
            messages: the host's history, OpenAI-shaped: system, user, assistant (with `tool_calls` whose arguments are
                JSON texts), tool (with `tool_call_id`). It is not changed.
            temperature: for this answer, in place of everybody's; its first draw counts.

        Raises:
            FormatRejected: no usable call; carries the `Rejection`, and the `Answer` without calls as `reply`.
            ContextOverflow, ProviderDown, BudgetSpent: nobody can answer; the reason of the first that was asked.
            UsageError, ServingError: likewise, where nobody could even be asked: no key, no server.
            RunStopped: the stop policy ends the run.
        """
        self._began = self._began or time.monotonic()
        conversation = outgoing(restore_rejected(messages, self.memory.rejected))
        accepted = self.memory.accepted(conversation)
        self.memory.look(accepted)
        actions = read_actions(accepted)
        self._stop_if_due(actions)
        unusable: dict[str, str] = {}
        failures: list[SlmError] = []
        while True:
            try:
                choice = self._choose(conversation, actions, unusable)
            except NobodyLeft as nobody:
                if self._called_back(nobody, unusable):
                    continue
                raise _told(failures, nobody) from None
            if temperature is not None:
                choice = replace(choice, style=choice.style.model_copy(update={"temperature": temperature}))
            provider, before = choice.decision.provider, self.memory.state
            try:
                reply, answer = self._asker.ask(choice, conversation, self.memory, once=temperature is not None)
            except (CompletionError, ServingError, UsageError) as error:
                failures.append(error)
                unusable[provider] = _reason(error)
                self._remember_failure(provider, before, error)
            else:
                return self._taken(reply, answer, accepted)

    def close(self) -> None:
        """Close the connections; the pool stays its owner's."""
        self._asker.close()

    def _choose(self, conversation: list[dict], actions: list[Action], unusable: dict[str, str]) -> Choice:
        memory, router = self.memory, self.team.router
        size = self._asker.lane(memory.state.current or router.default).size(conversation, self.tools)
        signals = read_signals(
            actions, step=memory.step, attempt=memory.refused + 1, format_errors=memory.state.format_errors,
            prompt_tokens=size, since=memory.state.since,
        )  # fmt: skip
        load_s = {} if self.team.alone else self.pool.load_s()
        known = Known(time.monotonic(), dict(unusable), load_s)
        return decide(self.team, signals, memory.state, known, actions=len(actions))

    def _called_back(self, nobody: NobodyLeft, unusable: dict[str, str]) -> bool:
        """Where nobody else is left, those that are left alone for a while are asked again."""
        untried = set(self.memory.state.cooling) & set(nobody.reasons) - set(unusable)
        self.memory.state = self.memory.state.calling_back(untried)
        return bool(untried)

    def _remember_failure(self, provider: str, before: RouteState, error: SlmError) -> None:
        """The choice did not come about: who was asked before is still the current one."""
        state = self.memory.state.back_to(before)
        if not isinstance(error, ContextOverflow | BudgetSpent):
            state = state.failed(provider, until=time.monotonic() + self.team.router.cooldown_s)
        self.memory.state = state

    def _taken(self, reply: Reply, answer: Answer, accepted: list[dict]) -> Answer:
        rejection = reply.rejection
        self.memory.take(reply.message, answer.call_id, accepted, rejection)
        if rejection is not None:
            raise FormatRejected(
                f"read the reply of provider {answer.route['provider']!r}",
                rejection=rejection,
                reply=answer,
                seen=f"{rejection.rule}: {rejection.message}",
                allowed=rejection.expected,
            )
        return answer

    def _stop_if_due(self, actions: list[Action]) -> None:
        if self.stop_policy is None:
            return
        seconds, tokens = time.monotonic() - (self._began or 0), self.memory.state.total.tokens
        decision = stop(self.stop_policy, actions, step=self.memory.step, tokens=tokens, seconds=seconds)
        if decision is not None:
            evidence = ", ".join(f"{name} {value}" for name, value in decision.evidence.items())
            raise RunStopped(
                "go on with the run",
                decision=decision,
                seen=f"{decision.reason}: {evidence}",
                next_step="change `stop_policy` of the profile or router where it should go on",
            )


def _told(failures: list[SlmError], nobody: NobodyLeft) -> SlmError:
    """What ends the run: the first failure of a call, else whatever failed first."""
    return next((error for error in failures if isinstance(error, CompletionError)), (failures or [nobody])[0])


def _reason(error: SlmError) -> str:
    """Why a provider cannot be asked, as the router is told."""
    kinds = {ContextOverflow: "overflow", BudgetSpent: "budget", UsageError: "missing", ModelMissing: "missing"}
    kind = next((word for kind, word in kinds.items() if isinstance(error, kind)), "unhealthy")
    return f"{kind}: {error.seen or error.attempted}"


def check_styles(team: Team, tools: list[dict]) -> None:
    """Raise `UsageError` where a router's rule offers a tool that is not in `tools`."""
    offered, router = [tool["function"]["name"] for tool in tools], team.router
    styles = {f"subtasks.{name}": style for name, style in router.subtasks.items()}
    styles |= {f"rules.{i}": rule for i, rule in enumerate(router.rules)}
    for where, style in styles.items():
        if unknown := [name for name in style.tools or [] if name not in offered]:
            raise UsageError(
                f"use router {router.name!r}",
                seen=f"{where}.tools names {', '.join(unknown)}",
                allowed=", ".join(offered) or "no tools in this run",
                next_step=f"slm providers show {router.name}",
            )
