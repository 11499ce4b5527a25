"""ADP, the agent data protocol's standardized trajectories: a list of actions and observations."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from slm_ext.traces.readers.documents import Document
from slm_ext.traces.readers.messages import call_of, taken, text_of
from slm_ext.traces.readers.origin import origin_of_task
from slm_ext.traces.readers.values import functions, mapping, text
from slm_ext.traces.trace import Call, Message, Trace, Turn

__all__ = ["read_adp"]

_ACTIONS = ("api_action", "code_action", "message_action")
_RESOLVED = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}


def read_adp(document: Document, source: Path) -> Iterator[Trace]:
    """The run. A code action is a call of the tool named as its language.

    Raises:
        ValueError, TypeError, KeyError, AttributeError: it is of another shape.
    """
    details = document.get("details") or {}
    instance = str(details.get("instance_id") or document.get("id"))
    exit_status = text(details.get("exit_status")) or None
    tools = _tools(details.get("tools"))
    yield Trace(
        source=source, offset=document.offset, form="adp", host="", run_id=str(document.get("id")),
        instance_id=instance,
        turns=tuple(_turns(document.items("content"), text(details.get("model_name")), next(iter(tools), None))),
        resolved=_RESOLVED.get(str(details.get("resolved", details.get("target", ""))).lower()),
        submitted=exit_status == "submitted" if exit_status else None, exit_status=exit_status,
        patch=text(details.get("generated_patch")) or None, license=text(details.get("license")), tools=tools,
        extra=({"details": details} if details else {}) | origin_of_task(details, instance),
    )  # fmt: skip


def _turns(items: Iterable[dict], model: str | None, tools: str | None) -> Iterator[Turn]:
    before: list[Message] = []
    held: Turn | None = None  # until it is known what it brought
    number = 0
    for item in items:
        if item["class_"] in _ACTIONS:
            if held is not None:
                yield held
            number += 1
            message, calls = _message(item, f"step_{number}")
            call = Call(status="ok", model=model, reply=message, tools_sha=tools, **taken(calls))
            held = Turn(number, 1, tuple(before), (call,))
            before.append(message)
            continue
        content = _observed(item)
        calls = before[-1].get("tool_calls") if held is not None else None
        if held is not None:
            yield dataclasses.replace(held, observation=content)
            held = None
        result = {"role": "tool", "tool_call_id": calls[0]["id"]} if calls else {"role": "user"}
        before.append(result | {"content": content})
    if held is not None:
        yield held


def _message(item: dict[str, Any], ident: str) -> tuple[Message, list[dict[str, Any]]]:
    """What the agent said and did, and the calls in it."""
    calls = _calls(item, ident)
    content = text_of(item.get("content") if item["class_"] == "message_action" else item.get("description"))
    return {"role": "assistant", "content": content} | ({"tool_calls": calls} if calls else {}), calls


def _calls(item: dict[str, Any], ident: str) -> list[dict[str, Any]]:
    if item["class_"] == "api_action":
        return [call_of(str(item["function"]), mapping(item.get("kwargs")) or {}, ident)]
    if item["class_"] == "code_action":
        return [call_of(str(item["language"]), {"command": text_of(item["content"])}, ident)]
    return []


def _observed(item: dict[str, Any]) -> str:
    if item["class_"] == "web_observation":
        return text_of(item.get("axtree") or item.get("html"))
    if item["class_"] in ("text_observation", "image_observation"):
        return text_of(item.get("content"))
    raise ValueError(f"an item of class {item['class_']}")


def _tools(told: Any) -> dict[str, list[dict[str, Any]]]:
    """Tools that were offered; OpenHands' runs have them as a text."""
    try:
        found = json.loads(told) if isinstance(told, str) else told
    except (ValueError, RecursionError):
        return {}
    tools = functions(found)
    return {"given": tools} if tools else {}
