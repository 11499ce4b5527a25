"""Preference pairs: within a step, between steps, between runs."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from typing import Any

from slm_ext.datasets.episode import Episode, Step
from slm_ext.datasets.rendering.formats import texts
from slm_ext.datasets.rendering.row import Message, Renderer, Row, RowRefused, spoken
from slm_ext.traces.trace import refused

__all__ = ["fix_pairs", "run_pairs", "said_rejected", "step_pairs"]


def fix_pairs(episodes: list[Episode], renderer: Renderer, strings: bool) -> Iterator[dict[str, Any]]:
    """A reply that the host rejected, and the first good one to the same step, both after the prompt of the first."""
    for episode in episodes:
        for index, step in enumerate(episode.steps):
            if step.status != "rejected":
                continue
            later = next((s for s in episode.steps[index + 1 :] if s.status == "ok" or s.number != step.number), None)
            if later is None or later.number != step.number or later.bad:
                continue
            yield from _pair(episode, step, later.reply, step.reply, renderer, strings, {"rule": step.error})


def step_pairs(episodes: list[Episode], renderer: Renderer, strings: bool) -> Iterator[dict[str, Any]]:
    """Where two runs of a task were shown the very same and answered differently: the step of a solved run is better
    than that of another one; within solved runs a good step is better than a bad one."""
    by_prompt: dict[bytes, list[tuple[Episode, Step]]] = {}
    for episode in episodes:
        for step in episode.steps:
            if step.status == "ok":
                by_prompt.setdefault(_key(episode, step), []).append((episode, step))
    for answers in by_prompt.values():
        best = next(((e, s) for e, s in answers if e.verdict and not s.bad), None)
        if best is None:
            continue
        seen = {_said(best[1])}
        for episode, step in answers:
            worse = not episode.verdict or bool(step.bad)
            if worse and _said(step) not in seen:
                seen.add(_said(step))
                about = {"rule": step.bad[0] if step.bad else "unresolved"}
                yield from _pair(best[0], best[1], best[1].reply, step.reply, renderer, strings, about)


def run_pairs(episodes: list[Episode], renderer: Renderer, strings: bool) -> Iterator[dict[str, Any]]:
    """The best solved run of a task against each that did not solve it, from their common first prompt. A run of whose
    last prompt something was left out is none: what happened is not in it."""
    good = next((e for e in episodes if e.verdict and e.steps and e.steps[-1].status == "ok"), None)
    if good is None:
        return
    first = good.steps[0]
    tools = good.tools.get(first.tools or "")
    for bad in episodes:
        if bad.verdict is not False or not bad.steps or _key(bad, bad.steps[0]) != _key(good, first):
            continue
        try:
            prompt = [spoken(message) for message in renderer.sent(good, first)]
            chosen, rejected = _rest(good, renderer), _rest(bad, renderer)
            if chosen is None or rejected is None:
                continue
            start = renderer.target.render(prompt, tools, answer=True)
            both = [renderer.target.render([*prompt, *rest], tools, answer=False) for rest in (chosen, rejected)]
        except Exception:  # a template refuses, or arguments are no JSON: no pair
            continue
        ends = [text.rstrip() for text in both]
        whole = all(text.startswith(start) and text.endswith(tuple(renderer.target.ends)) for text in ends)
        if not whole or ends[0] == ends[1] or max(map(renderer.target.tokens, both)) > renderer.limit:
            continue
        if strings:
            pair = {"prompt": start, "chosen": ends[0][len(start) :], "rejected": ends[1][len(start) :]}
        else:
            pair = {"prompt": prompt, "chosen": chosen, "rejected": rejected}
            pair = {key: [texts(message) for message in messages] for key, messages in pair.items()}
            pair |= {"tools": tools} if tools else {}
        yield pair | {"instance": good.instance, "rule": "unresolved"}


def said_rejected(reply: Message) -> Message:
    """A rejected reply as a message that every template takes: calls that cannot be read are part of the text."""
    try:
        return spoken(reply)
    except RowRefused:
        return refused(str(reply.get("content") or ""), reply.get("tool_calls") or [])


def _pair(
    episode: Episode,
    at: Step,
    chosen: Message,
    worse: Message,
    renderer: Renderer,
    strings: bool,
    about: dict[str, Any],
) -> Iterator[dict[str, Any]]:
    """One pair after the prompt of the step `at`; none where a reply cannot be rendered there or does not fit."""
    rows: list[Row] = []
    for reply in (chosen, said_rejected(worse)):
        try:
            rows.append(renderer.answer(episode, at, reply))
        except RowRefused:
            return
    if rows[0].prompt != rows[1].prompt or rows[0].target == rows[1].target:
        return
    found: dict[str, Any]
    if strings:
        found = {"prompt": rows[0].prompt, "chosen": rows[0].answer, "rejected": rows[1].answer}
    else:
        found = {"prompt": [texts(message) for message in rows[0].messages]}
        found |= {"chosen": [texts(rows[0].reply)], "rejected": [texts(rows[1].reply)]}
        found |= {"tools": rows[0].tools} if rows[0].tools else {}
    yield found | {"instance": episode.instance} | about


def _rest(episode: Episode, renderer: Renderer) -> list[Message] | None:
    """What followed the first prompt, as the last prompt has it, and the last answer; None where the last prompt does
    not go on from the first."""
    first, last = renderer.sent(episode, episode.steps[0]), renderer.sent(episode, episode.steps[-1])
    if last[: len(first)] != first or any(step.elided for step in episode.steps):
        return None
    return [*map(spoken, last[len(first) :]), said_rejected(episode.steps[-1].reply)]


def _key(episode: Episode, step: Step) -> bytes:
    """Equal for equal prompts; ids of calls do not count."""
    parts = []
    for message in episode.prompt(step):
        calls = [(c["function"]["name"], c["function"]["arguments"]) for c in message.get("tool_calls") or []]
        parts.append((message["role"], message["content"], calls))
    return hashlib.sha256(json.dumps(parts).encode()).digest()


def _said(step: Step) -> str:
    calls = [(c["function"]["name"], c["function"]["arguments"]) for c in step.reply.get("tool_calls") or []]
    return json.dumps([step.reply.get("content"), calls])
