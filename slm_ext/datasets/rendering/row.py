"""One trained turn: what the model is shown, and what it should say."""

from __future__ import annotations

import hashlib
from collections import Counter
from typing import Any

import msgspec

from slm_ext.context import TokenCounter, counter_for, fit
from slm_ext.datasets.config import BuildConfig
from slm_ext.datasets.episode import Episode, Step
from slm_ext.datasets.rendering.comparing import holds_action, same_calls
from slm_ext.datasets.rendering.prefixes import Prefixes
from slm_ext.datasets.rendering.target import Target
from slm_ext.errors import ContextOverflow
from slm_ext.registry.policies import ContextPolicy
from slm_ext.toolcalls import ToolCall, mode_format
from slm_ext.toolcalls.view import in_text, outgoing, settled

__all__ = ["Renderer", "Row", "RowRefused", "spoken"]

Message = dict[str, Any]
_FITTINGS = 4
"""How often a prompt is fitted before it is given up."""


class RowRefused(Exception):
    """A turn that cannot be a row; `reason` is counted in the card."""

    def __init__(self, reason: str, seen: str = ""):
        super().__init__(f"{reason}: {seen}" if seen else reason)
        self.reason = reason


class Row(msgspec.Struct):
    """A row before it is written in a trainer's format."""

    messages: list[Message]
    """The prompt; arguments of calls are objects."""
    reply: Message
    tools: list[dict[str, Any]] | None
    prompt: str
    """Rendered, up to where the assistant speaks."""
    target: str
    """Rendered: what carries loss."""
    answer: str
    """The target up to its end token; white space behind that belongs to what follows."""
    prompt_tokens: int
    target_tokens: int
    """Of what the format trains: the target, or the answer."""
    fitted: bool = False
    """Whether something was left out so that it fits."""
    same_prompt: bool | None = None
    """Whether the prompt is the served one, byte for byte; None: the record does not say, or of another template."""


_MOST_KNOWN = 1000
_WORTHWHILE = 3
"""Steps."""


class Renderer:
    """Makes the rows of episodes for one model."""

    def __init__(self, target: Target, config: BuildConfig):
        self.target = target
        self.refusals: Counter[str] = Counter()
        """Of `answer`, by reason."""
        self.limit = min(config.max_tokens or target.window, target.window)
        self._whole_turns = config.format == "mlx"  # others train an answer up to its end token
        self._wire = mode_format(config.tool_mode) if config.tool_mode != "native" else None
        self._fit = config.too_long == "fit"
        self._policy = ContextPolicy()
        self._counter: TokenCounter | None = None
        self._prefixes: dict[bool, Prefixes | None] = {}
        self._tools: list[dict] | None = None
        self._known: dict[int, tuple[Message, Message]] = {}
        self._settled: list[int] = []

    def begin(self, episode: Episode) -> None:
        """Get ready for the trained steps of an episode: most of their prompts begin the last one, which is rendered
        once for all of them, where the template allows it."""
        self._prefixes, self._settled = {}, []
        steps = episode.trained
        if len(steps) < _WORTHWHILE:
            return
        try:
            given = episode.prompt(steps[-1])
            if settled(given):
                self._settled = steps[-1].prompt
            sent = given if self._settled or episode.form == "slm-calls" else outgoing(given)
            shown, self._tools = self._shown_as(sent, episode.tools.get(steps[-1].tools or ""))
            self._prefixes = {
                True: self.target.prefixes(shown, self._tools, answer=True),
                False: self.target.prefixes([*shown, self._said(steps[-1].reply)], self._tools, answer=False),
            }
        except Exception:  # a template is a program: what it refuses here, it refuses again, and is counted then
            return

    def row(self, episode: Episode, step: Step) -> Row:
        """The row of a step.

        Raises:
            RowRefused: it cannot be rendered, does not fit, or would not be read as the call that was made.
        """
        row = self.answer(episode, step, step.reply, fits=False)
        tools = episode.tools.get(step.tools or "")
        if row.prompt_tokens + row.target_tokens > self.limit:
            row = self._fitted(row, self.sent(episode, step), step.reply, tools)
        elif episode.form == "slm-calls":
            row.same_prompt = self._same(row, step)
            if row.same_prompt is False and self._wire is None:
                raise RowRefused("other_prompt", "the served prompt is another one, or was rendered in another way")
            row.same_prompt = row.same_prompt or None
        self._read_back(row, step, tools)
        return row

    def answer(self, episode: Episode, step: Step, reply: Message, *, fits: bool = True) -> Row:
        """Any reply after the prompt of a step, not held against what was made of it.

        Args:
            fits: refuse one that is longer than the limit.

        Raises:
            RowRefused: it cannot be rendered, or does not fit.
        """
        try:
            row = self._rendered(self.sent(episode, step), reply, episode.tools.get(step.tools or ""))
            if fits and row.prompt_tokens + row.target_tokens > self.limit:
                raise RowRefused("too_long", f"{row.prompt_tokens + row.target_tokens} tokens")
        except RowRefused as refusal:
            self.refusals[refusal.reason] += 1
            raise
        return row

    def _spoken(self, message: Message) -> Message:
        """`spoken`, once for a message: those of an episode come again in all of its later prompts."""
        if "tool_calls" not in message:
            return message
        known = self._known.get(id(message))
        if known is None or known[0] is not message:
            if len(self._known) > _MOST_KNOWN:
                self._known.clear()
            known = self._known[id(message)] = message, spoken(message)
        return known[1]

    def sent(self, episode: Episode, step: Step) -> list[Message]:
        """The prompt of a step as it was sent, or would be."""
        given = episode.prompt(step)
        if episode.form == "slm-calls" or self._begins_settled(episode, step) or settled(given):
            return given
        return outgoing(given)

    def _begins_settled(self, episode: Episode, step: Step) -> bool:
        """Whether it is what stands before an answer in a prompt that is settled."""
        size = len(step.prompt)
        if size >= len(self._settled) or step.prompt != self._settled[:size]:
            return False
        return episode.messages[self._settled[size]]["role"] == "assistant"

    def _rendered(self, messages: list[Message], reply: Message, tools: list[dict] | None) -> Row:
        shown, tools = self._shown_as(messages, tools)
        reply = self._said(reply)
        try:
            prompt = self._text(shown, tools, answer=True)
            whole = self._text([*shown, reply], tools, answer=False)
        except Exception as error:  # a template is a program: it raises what it likes
            raise RowRefused("template_refuses", str(error)) from None
        if not whole.startswith(prompt):
            raise RowRefused("no_prefix", "the template renders the prompt differently once the answer is there")
        target = whole[len(prompt) :]
        answer = self.target.answer(target)
        if answer is None:
            raise RowRefused("no_end", "the answer does not end with the end of a turn, or goes on behind one")
        reply = self._shown(reply, answer)
        before = self.target.tokens(prompt)
        added = self.target.added(prompt, target if self._whole_turns else answer)
        if added is None:
            raise RowRefused("no_token_prefix", "a token spans the end of the prompt and the answer")
        if added <= 0:
            raise RowRefused("no_loss", "no token to be trained")
        return Row(shown, reply, tools, prompt, target, answer, before, added)

    def _text(self, messages: list[Message], tools: list[dict] | None, *, answer: bool) -> str:
        known = self._prefixes.get(answer)
        if known is not None and tools is self._tools and known.begins(messages):
            return known.text(len(messages))
        return self.target.render(messages, tools, answer=answer)

    def _shown(self, reply: Message, answer: str) -> Message:
        """The reply as far as the template shows it: thinking it may leave out, text it may not."""
        text = str(reply.get("content") or "").rpartition("</think>")[2].strip()
        if text not in answer:
            raise RowRefused("no_text", "the template leaves out what the answer says beside its call")
        thought = reply.get("reasoning_content")
        if thought is not None and str(thought).strip() not in answer:
            return {key: value for key, value in reply.items() if key != "reasoning_content"}
        return reply

    def _shown_as(
        self, messages: list[Message], tools: list[dict] | None
    ) -> tuple[list[Message], list[dict[str, Any]] | None]:
        """Messages and tools as the template is given them."""
        if self._wire is None:
            return list(map(self._spoken, messages)), tools
        try:
            return in_text(messages, tools or [], self._wire), None
        except ValueError as error:
            raise RowRefused("bad_arguments", str(error)) from None

    def _said(self, reply: Message) -> Message:
        """A reply as the template is given it."""
        if self._wire is None or not reply.get("tool_calls"):
            return spoken(reply)
        calls = spoken(reply)["tool_calls"]
        made = (ToolCall(id="", name=c["function"]["name"], arguments=c["function"]["arguments"]) for c in calls)
        said = "\n".join(part for part in (reply.get("content"), *map(self._wire.render, made)) if part)
        return {"role": "assistant", "content": said}

    def _fitted(self, row: Row, sent: list[Message], reply: Message, tools: list[dict] | None) -> Row:
        """The row with its prompt fitted as completion fits it before it is sent. The counter adds messages up and may
        be a few tokens off, so what is still too long is fitted to less."""
        size = row.prompt_tokens + row.target_tokens
        if not self._fit:
            raise RowRefused("too_long", f"{size} tokens")
        limit = self.limit - row.target_tokens
        self._counter = self._counter or counter_for(self.target.folder)
        for _ in range(_FITTINGS):
            try:
                fitted = fit(sent, limit=limit, policy=self._policy, counter=self._counter, tools=tools)
            except ContextOverflow as error:
                raise RowRefused("too_long", error.seen) from None
            made = self._rendered(fitted.messages, reply, tools)
            size = made.prompt_tokens + made.target_tokens
            if size <= self.limit:
                made.fitted = True
                return made
            limit -= size - self.limit
        raise RowRefused("too_long", f"{size} tokens")

    def _same(self, row: Row, step: Step) -> bool | None:
        """Whether the server was shown this prompt. Where the template was given arguments, which trainers cannot give,
        the row has to begin with what these made of it: then the answer's first words were served instead of said."""
        if not step.prompt_sha or step.scrubbed or step.template_sha != self.target.template_sha:
            return None
        served = row.prompt
        if step.template_kwargs:
            try:
                served = self.target.render(row.messages, row.tools, answer=True, **step.template_kwargs)
            except Exception:  # as above
                return False
        same = hashlib.sha256(served.encode("utf-8", "surrogatepass")).hexdigest() == step.prompt_sha
        return same and (row.prompt + row.target).startswith(served)

    def _read_back(self, row: Row, step: Step, tools: list[dict] | None) -> None:
        """The rendered answer, read as a host reads it, is the call that was made."""
        calls = step.reply.get("tool_calls")
        if not calls:
            if step.tool and not step.native and not holds_action(row.answer, step):
                raise RowRefused("other_action", "the text does not hold the action that was read from it")
            return
        wire = self._wire or self.target.wire
        if wire is None:
            raise RowRefused("unknown_wire", "the model's form of a call cannot be read back; tool_mode writes another")
        parsed = wire.parse(self.target.said(row.answer), tools)
        made = [(c["function"]["name"], c["function"]["arguments"]) for c in spoken(step.reply)["tool_calls"]]
        read = [(call.name, call.arguments) for call in parsed.calls]
        if parsed.rejection is not None or not same_calls(made, read, tools):
            raise RowRefused("other_action", f"{made} is read back as {read}"[:300])


def spoken(message: Message) -> Message:
    """The message as chat templates and mlx-lm want it: arguments as objects."""
    calls = message.get("tool_calls")
    if not calls:
        return message
    return message | {"tool_calls": [call | {"function": _object(call["function"])} for call in calls]}


def _object(function: dict[str, Any]) -> dict[str, Any]:
    arguments = function["arguments"]
    if not isinstance(arguments, str):
        return function
    try:
        return function | {"arguments": msgspec.json.decode(arguments or "{}")}
    except (ValueError, RecursionError):  # no JSON; NaN, half a surrogate and the like are none
        raise RowRefused("bad_arguments", arguments[:100]) from None
