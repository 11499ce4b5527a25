"""From a decision to a reply: what the provider is shown, what the call may take, and which reply counts."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from slm_ext.completion.answer import Answer
from slm_ext.completion.call import Call, Turn
from slm_ext.completion.grounding import Grounding, domains
from slm_ext.completion.lane import Lane, Sight
from slm_ext.completion.memory import Memory
from slm_ext.completion.pool import Pool
from slm_ext.completion.reply import Reply, total_usage
from slm_ext.completion.resampling import worth_another
from slm_ext.completion.summary import summary_messages
from slm_ext.errors import BudgetSpent, CompletionError, ContextOverflow, ProviderDown, ServingError
from slm_ext.registry import Team
from slm_ext.routing import Allowance, Choice, RouteDecision, Spent, allowance, prefix_of
from slm_ext.traces import Recorder

__all__ = ["Asker"]

_TIGHTER = 0.75
"""What is tried of a prompt's size where the server says that it was too long, although it was counted to fit."""
_TIMES = 3
"""How often a prompt is made smaller for one reply."""


class Asker:
    """Asks the providers of one conversation. Parameters as for `Completion`."""

    def __init__(
        self, team: Team, pool: Pool, tools: list[dict], recorder: Recorder | None, grounding: Grounding | None
    ):
        self.team, self.pool, self.tools = team, pool, tools
        self._recorder, self._grounding = recorder, grounding
        self._lanes: dict[str, Lane] = {}

    def lane(self, name: str) -> Lane:
        """The lane of a provider."""
        if name not in self._lanes:
            self._lanes[name] = Lane(self.team.providers.get(name) or self.team.summarizers[name])
        return self._lanes[name]

    def close(self) -> None:
        """Close the connections."""
        for lane in self._lanes.values():
            lane.close()

    def ask(
        self, choice: Choice, conversation: list[dict], memory: Memory, *, once: bool = False
    ) -> tuple[Reply, Answer]:
        """The reply of the chosen provider; each of its healthy replicas is tried before it counts as down.

        Args:
            once: the first reply counts, whatever it is.

        Raises:
            ContextOverflow, BudgetSpent, ProviderDown: it cannot answer.
            UsageError, ServingError: it cannot be started, or serves another model than before.
        """
        lane, tried = self.lane(choice.decision.provider), []
        draws = 0 if once or lane.provider.resample is None else lane.provider.resample.draws
        memory.state = choice.state
        while True:
            with self._place(lane, tried) as handle:
                try:
                    return self._drawn(lane, handle, choice, conversation, memory, draws)
                except ProviderDown:
                    tried.append(handle)
                    if not self.pool.failed(lane.provider.name, handle, but=tried):
                        raise

    @contextmanager
    def _place(self, lane: Lane, but: list | None = None) -> Generator[Any]:
        with self.pool.place(lane.provider.name, lane.url, but=but or ()) as handle:
            if self._recorder is not None:
                self._recorder.hide(handle.token)
            yield handle

    def _drawn(
        self, lane: Lane, handle: Any, choice: Choice, conversation: list[dict], memory: Memory, draws: int
    ) -> tuple[Reply, Answer]:
        """The first reply that is not worth another draw, or the last one; each draw is recorded."""
        policy = lane.provider.resample
        draw, limit, refused = 0, _limit(lane.provider, handle), []
        turn = self._turn(lane, handle, choice, conversation, memory, limit, refused)
        while True:
            call, status, error = Call(turn, draw), "interrupted", None
            another: Allowance | None = None
            try:
                reply, answer = call.ask()
                status = "rejected" if reply.rejection else "ok"
                if draw < draws and (why := worth_another(reply, conversation, policy)):
                    another = self._another(turn, call, memory)
                    status, error = ("resampled", why) if another else (status, None)
            except ContextOverflow as failure:
                status, error = "overflow", str(failure)
                refused.append(failure)
                if len(refused) == _TIMES or not lane.provider.context.strategies:
                    raise
                limit = _tighter(turn, limit)
            except (ProviderDown, ServingError) as failure:
                status, error = "provider_down", str(failure)
                raise
            finally:
                self._spend(call, choice, memory)
                call.record(self._recorder, status, error)
            if status in ("ok", "rejected"):
                lane.url = handle.base_url
                answer.usage, memory.usages = total_usage(memory.usages), []
                return reply, answer
            memory.retries.append(call.id)
            if another:
                draw += 1
                turn = replace(turn, allowance=another, retried=list(memory.retries))
            else:
                turn = self._turn(lane, handle, choice, conversation, memory, limit, refused)

    def _turn(
        self, lane: Lane, handle: Any, choice: Choice, conversation: list[dict], memory: Memory, limit: int | None,
        refused: list[ContextOverflow],
    ) -> Turn:  # fmt: skip
        """What one call is shown, and what it may take. `refused`: what the server said of the ones before."""
        provider, style, decision = lane.provider, choice.style, choice.decision
        if style.temperature is not None:
            provider = provider.model_copy(update={"temperature": style.temperature})
        try:
            sight = lane.sight(
                conversation, self.tools, style, limit=limit, step=memory.step,
                summarize=lambda messages, most: self._summary(lane, choice, messages, most, memory),
            )  # fmt: skip
        except ContextOverflow as error:
            if refused:
                raise refused[0] from None
            if self.team.alone:  # it ends the run: the record shows with what
                whole = lane.sight(conversation, self.tools, style, limit=None, step=memory.step)
                turn = Turn(lane, handle, whole, decision, provider)
                turn.retried, turn.refused = list(memory.retries), memory.refused
                Call(turn).record(self._recorder, "overflow", str(error))
            raise
        allowed = self._allowance(provider, sight.tokens, memory)
        if allowed.why_not:
            raise BudgetSpent(
                f"ask the model of provider {provider.name!r}",
                seen=allowed.why_not.removeprefix("budget: "),
                allowed="a call that passes no budget",
                next_step=f"raise the `budget` of {self.team.name!r} or {provider.name!r}",
            )
        grounded = self._domains(provider, conversation, sight.tools)
        return Turn(lane, handle, sight, decision, provider, allowed, grounded, list(memory.retries), memory.refused)

    def _allowance(self, provider: Any, prompt_tokens: int, memory: Memory) -> Allowance:
        limits = [
            (f"run with {self.team.name!r}", self.team.router.budget, memory.state.total),
            (f"provider {provider.name!r}", provider.budget, memory.state.spent.get(provider.name, Spent())),
        ]
        return allowance(limits, prompt_tokens=prompt_tokens, price=provider.price)

    def _another(self, turn: Turn, call: Call, memory: Memory) -> Allowance | None:
        """What another draw may take once `call` is paid; None where a budget does not leave enough."""
        after = replace(memory, state=_paid(memory.state, call, turn.decision.provider))
        allowed = self._allowance(turn.provider, turn.sight.tokens, after)
        return None if allowed.why_not else allowed

    def _domains(self, provider: Any, conversation: list[dict], tools: list[dict]) -> dict[str, list] | None:
        grounding = self._grounding
        if grounding is None or not tools or provider.constraints_in_effect != "grounded":
            return None
        return domains(grounding.declared, tools, conversation, grounding.repository)

    def _summary(self, reader: Lane, choice: Choice, messages: list[dict], most: int, memory: Memory) -> str:
        """A summary of old exchanges, by the provider that the strategy names, else the router, else its reader.

        Raises:
            CompletionError, ServingError, UsageError: there is none.
        """
        strategies, route = reader.provider.context.strategies, self.team.router.subtasks.get("summarize")
        named = next((s.provider for s in strategies if s.name == "summarize"), None)
        name = named or (route.provider if route else reader.provider.name)
        lane, shown = self.lane(name), summary_messages(messages)
        tokens = lane.counter.count(shown, [])
        allowed = self._allowance(lane.provider, tokens, memory)
        if allowed.why_not:
            raise BudgetSpent("summarise old exchanges", seen=allowed.why_not)
        provider = lane.provider.model_copy(update={"max_output_tokens": most})
        decision = RouteDecision(
            step=memory.step, subtask="summarize", provider=lane.provider.name, cause="summarize",
            switched_from=reader.provider.name if lane is not reader else None,
        )  # fmt: skip
        with self._place(lane) as handle:
            sight = Sight(shown, [], shown, tokens, None, lane.cut, _limit(lane.provider, handle))
            if sight.limit and tokens > sight.limit:
                raise CompletionError("summarise old exchanges", seen=f"{tokens} tokens", allowed=str(sight.limit))
            call = Call(Turn(lane, handle, sight, decision, provider, allowed))
            status, error = "interrupted", None
            try:
                reply, _ = call.ask()
                status = "ok"
            except (CompletionError, ServingError) as failure:
                status, error = "overflow" if isinstance(failure, ContextOverflow) else "provider_down", str(failure)
                raise
            finally:
                self._spend(call, choice, memory)
                call.record(self._recorder, status, error)
        return reply.message["content"]

    def _spend(self, call: Call, choice: Choice, memory: Memory) -> None:
        name = call.turn.provider.name
        held = prefix_of(name, choice.style) if name == choice.decision.provider else name
        memory.state = _paid(memory.state, call, held)
        if call.attempts:
            memory.usages.append(call.usage)


def _paid(state: Any, call: Call, prefix: str) -> Any:
    """The state after `call`."""
    provider = call.turn.provider
    return state.answered(
        provider.name, prefix, prompt=call.prompt_tokens, cached=call.usage.get("cached") or 0,
        reply=call.reply_tokens, seconds=call.usage["latency_s"], price=provider.price, requests=call.attempts,
    )  # fmt: skip


def _tighter(turn: Turn, limit: int | None) -> int | None:
    """The limit after a server counted more than we did: the same, where that has corrected our count."""
    counted = turn.lane.counter.count(turn.sight.counted, turn.sight.tools)
    return limit if limit and counted > limit else int(min(limit or counted, counted) * _TIGHTER)


def _limit(provider: Any, handle: Any) -> int | None:
    """Tokens a prompt may have: as configured, else what the window of our own engine leaves beside the reply, half of
    it at least (where less is left than a reply may have, the engine lets it have that)."""
    window = handle.context_tokens
    if provider.prompt_limit is not None or not window:
        return provider.prompt_limit
    return max(window // 2, window - provider.max_output_tokens - provider.context.reserve_tokens)
