"""`.traj` of SWE-agent, in all its generations; `steps` tells them apart. A RetryAgent writes `attempts`, each a
trajectory of its own.

A reply that was taken stands in `history`, with its calls and with the observation as the model saw it. One that was
rejected stands in `trajectory` alone, without its calls.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from slm_ext.traces.readers.decoding import WRONG_SHAPE, cause_of, decode, given
from slm_ext.traces.readers.documents import Broken, Document
from slm_ext.traces.readers.messages import shell_call, taken, text_of
from slm_ext.traces.readers.origin import origin_of_config
from slm_ext.traces.readers.prompts import Prompts
from slm_ext.traces.readers.steps import Answer, History, Step, answers
from slm_ext.traces.readers.values import mapping, number, text, whole, with_texts
from slm_ext.traces.trace import Call, Message, Trace, Turn, refused

__all__ = ["config_of", "read_sweagent"]


def read_sweagent(document: Document, source: Path) -> Iterator[Trace | Broken]:
    """The run, or the tries of a RetryAgent.

    Raises:
        one of `WRONG_SHAPE`: it is of another shape.
    """
    config = config_of(document)
    chosen = (mapping(document.get("info")) or {}).get("best_attempt_idx")
    tries = 0
    for tries, attempt in enumerate(document.parts("attempts"), start=1):
        try:
            if isinstance(attempt, Broken):
                yield attempt
                continue
            trace = _trace(attempt, source, config_of(attempt) or config, tries)
        except WRONG_SHAPE as error:
            yield Broken(attempt.offset, f"attempt {tries}: {cause_of(error)}")
            continue
        extra = trace.extra | {"chosen": chosen is None or chosen == tries - 1}
        yield dataclasses.replace(trace, attempt=tries, offset=document.offset, extra=extra)
    if not tries:
        yield _trace(document, source, config, 1)


def _trace(document: Document, source: Path, config: dict[str, Any], attempt: int) -> Trace:
    agent = _agent(config, attempt)
    info = mapping(document.get("info")) or {}
    prompts = Prompts()
    history = History(document, prompts)
    model = text((mapping(agent.get("model")) or {}).get("name"))
    turns = tuple(_turns(answers(document, history, prompts), history.begin, model))
    if not turns and not history.begin:
        raise ValueError("no step and no history")
    instance = source.name.removesuffix(".traj")
    return Trace(
        source=source, offset=document.offset, form="sweagent", host="sweagent", run_id="",
        instance_id=instance, turns=turns, submitted=bool(info.get("submission")),
        exit_status=text(info.get("exit_status")), patch=text(info.get("submission")) or None,
        extra=_extra(info, agent) | origin_of_config(config, instance),
    )  # fmt: skip


def _turns(found: Iterable[Answer], begin: list[Message], model: str | None) -> Iterator[Turn]:
    conversation = tuple(begin)
    refusals: tuple[Message, ...] = ()
    number, attempt = 1, 1
    for answer in found:
        conversation = conversation or tuple(answer.prompt or ())
        shown = _shown(answer, number)
        results = _results(answer, shown)
        messages = conversation + refusals
        call = _call(answer, shown, model, messages)
        yield Turn(number, attempt, messages, (call,), _observation(answer, results))
        if answer.rejected:
            refusals += _refusal(answer, shown)
            attempt += 1
        else:
            conversation, refusals = (*conversation, shown, *results), ()
            number, attempt = number + 1, 1


def _shown(answer: Answer, number: int) -> Message:
    """The reply as it stands in the conversation. A command that the host read from a text is a call of a shell."""
    if answer.taken is not None and answer.taken.message.get("tool_calls"):
        return answer.taken.message
    content = (answer.taken.message["content"] if answer.taken is not None else "") or answer.step.text
    reply: Message = {"role": "assistant", "content": content}
    if not answer.step.command or answer.rejected or answer.gave_up:
        return reply
    return reply | {"tool_calls": [shell_call(answer.step.command, f"step_{number}")]}


def _results(answer: Answer, shown: Message) -> list[Message]:
    """What the host told the model after a reply that was taken."""
    if answer.taken is not None and answer.taken.after:
        return answer.taken.after
    if answer.rejected or answer.gave_up or answer.step.observation is None:
        return []
    content = text_of(answer.step.observation)
    if answer.taken is None or not answer.taken.message.get("tool_calls"):
        return [{"role": "user", "content": content}]
    return [{"role": "tool", "tool_call_id": shown["tool_calls"][0]["id"], "content": content}]


def _observation(answer: Answer, results: list[Message]) -> str | None:
    if answer.rejected:
        return answer.correction
    if results:
        return results[0]["content"]
    return None if answer.step.observation is None else text_of(answer.step.observation)


def _refusal(answer: Answer, shown: Message) -> tuple[Message, ...]:
    said = refused(shown["content"], [])
    return (said,) if answer.correction is None else (said, {"role": "user", "content": answer.correction})


def _call(answer: Answer, shown: Message, model: str | None, messages: tuple[Message, ...]) -> Call:
    calls = shown.get("tool_calls")
    status = "rejected" if answer.rejected else "ok" if calls else "interrupted"
    route, context = _recorded(answer.step)
    provider = model.removeprefix("slm/") if model and model.startswith("slm/") else None
    sent = tuple(answer.prompt) if answer.prompt is not None and status != "interrupted" else None
    native = answer.taken is not None and "tool_calls" in answer.taken.message
    reply: Message = shown if native or not calls else {"role": "assistant", "content": shown["content"]}
    return Call(
        status=status,
        provider=text((route or {}).get("provider")) or provider,
        model=model,
        said="" if status == "ok" else shown["content"][:200],
        prompt_tokens=whole((route or {}).get("prompt_tokens")),
        seconds=number((route or {}).get("latency_s")),
        route=route,
        context=context,
        prompt=messages if sent == messages else sent,
        reply=None if status == "interrupted" else reply,
        **taken(calls),
    )


def _recorded(step: Step) -> tuple[dict[str, Any] | None, dict[str, Any] | None]:
    """The route and the context event that our own model adds to a step."""
    own = (decode(step.extra_info).get("slm") or {}) if given(step.extra_info) else {}
    return with_texts(own.get("route"), "subtask"), mapping(own.get("context"))


def config_of(document: Document) -> dict[str, Any]:
    """SWE-agent's copy of its configuration, a text in the file."""
    config = document.get("replay_config")
    try:
        config = json.loads(config) if isinstance(config, str) else config
    except (ValueError, RecursionError):
        return {}
    return mapping(config) or {}


def _agent(config: dict[str, Any], attempt: int) -> dict[str, Any]:
    """The agent's part of it; a RetryAgent takes one configuration after the other."""
    agent = mapping(config.get("agent")) or {}
    several = agent.get("agent_configs")
    if isinstance(several, list) and several:
        return mapping(several[(attempt - 1) % len(several)]) or {}
    return agent


def _extra(info: dict[str, Any], agent: dict[str, Any]) -> dict[str, Any]:
    extra: dict[str, Any] = {"model_stats": info["model_stats"]} if info.get("model_stats") else {}
    bundles = (mapping(agent.get("tools")) or {}).get("bundles")
    if isinstance(bundles, list):
        extra["bundles"] = [bundle.get("path") if isinstance(bundle, dict) else bundle for bundle in bundles]
    return extra
