"""What a call takes before its request leaves, in this process: the view, the decision, the cut, the request's body."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable
from typing import Any

from figures import compared, row, times

from slm_ext.completion.request import build_request
from slm_ext.context import Cut
from slm_ext.routing import Known, RouteState, decide, read_actions, read_signals
from slm_ext.toolcalls.view import outgoing, restore_rejected

from . import records
from .growing import COUNTERS, KINDS, MESSAGES, grown
from .history import TOOLS

__all__ = ["rows"]

GOAL_MS = 5.0
CONVERSATIONS, CONVERSATIONS_QUICK = 52, 4


def rows(quick: bool, tell: Callable[[str], None]) -> list[dict[str, Any]]:
    """The time from `Completion.complete` to the request at the transport, and that of its parts."""
    many = CONVERSATIONS_QUICK if quick else CONVERSATIONS
    found = []
    for counter in COUNTERS:
        for kind in KINDS:
            tell(f"calls: {kind}, {counter}")
            found.append(_whole(kind, counter, many))
    tell("calls: counters that are behind")
    found.append(_behind(many))
    tell("calls: the parts")
    found += _parts(many)
    tell("calls: the record")
    return found + records.rows(many)


def _whole(kind: str, counter: str, many: int, warm: bool = True) -> dict[str, Any]:
    """The row of a kind of calls. Not `warm`: a provider's counter has to catch up with what others were asked."""
    wall, own, switched = [], [], []
    for seed in range(many):
        for asked, messages, measured in grown(seed, kind, counter):
            if warm:
                asked.warm(outgoing(messages[:-2]))
            before = asked.completion.state.current
            if kind == "a cut is made":
                for lane in asked.lanes.values():
                    lane.cut = Cut()
            asked.door.wait()
            began, cpu = time.perf_counter(), time.thread_time()
            answer = asked.completion.complete(messages)
            if measured and kind == _kind(answer.context):
                wall.append(asked.door.at - began)
                own.append(asked.door.cpu - cpu)
                if before != answer.route["provider"]:
                    switched.append(wall[-1])
    detail = {"wall_ms": times(wall), "cpu_ms": times(own), "switched_ms": times(switched) if switched else None}
    name = f"call to request, {MESSAGES} messages, {kind}, {counter}, p99"
    return row(name, detail["wall_ms"]["p99"], "ms", GOAL_MS, **detail)


def _behind(many: int) -> dict[str, Any]:
    """As a router makes it: a provider that is asked again counts what it has not been shown since."""
    found = _whole(KINDS[0], "tokenizer", many, warm=False)
    name = f"call to request, {MESSAGES} messages, {KINDS[0]}, tokenizers of three providers, each its own, p99"
    return found | {"name": name, "goal": None, "ok": None}


def _parts(many: int) -> list[dict[str, Any]]:
    """The same by hand, nothing to cut, with the tokenizer: where the time goes."""
    took: dict[str, list[float]] = defaultdict(list)
    for seed in range(many):
        state = RouteState()
        for step, (asked, messages, measured) in enumerate(grown(1000 + seed, KINDS[0], "tokenizer"), 1):
            asked.warm(outgoing(messages[:-2]))
            asked.door.wait()
            marks = [time.perf_counter()]
            conversation = outgoing(restore_rejected(messages, []))
            marks.append(time.perf_counter())
            actions = read_actions(conversation)
            marks.append(time.perf_counter())
            size = asked.lanes[state.current or "small"].size(conversation, TOOLS)
            marks.append(time.perf_counter())
            signals = read_signals(actions, step=step, prompt_tokens=size, since=state.since)
            choice = decide(asked.team, signals, state, Known(), actions=len(actions))
            marks.append(time.perf_counter())
            state, lane = choice.state, asked.lanes[choice.decision.provider]
            sight = lane.sight(conversation, TOOLS, choice.style, limit=None, step=step)
            marks.append(time.perf_counter())
            request = build_request(lane.provider, "m", sight.tools)
            marks.append(time.perf_counter())
            lane.sender(asked.handles[lane.provider.name]).send(request, sight.messages)
            marks.append(asked.door.at)
            if measured:
                names = ("view", "actions", "count", "signals and decision", "fit", "request", "client and JSON")
                for name, begun, ended in zip(names, marks[:-1], marks[1:], strict=True):
                    took[name].append(ended - begun)
    return [
        compared(f"of that: {name}, p99", detail["p99"], "ms", wall_ms=detail)
        for name, detail in ((name, times(seconds)) for name, seconds in took.items())
    ]


def _kind(context: dict | None) -> str:
    return KINDS[0] if context is None else KINDS[2] if context["new"] else KINDS[1]
