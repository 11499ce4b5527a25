"""From `calls.jsonl` to conversations: what was sent may be shortened or in another wire format, so the conversation is
put together again from the replies and what they brought."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from slm_ext.errors import UsageError
from slm_ext.traces.conversations import Call, Conversation, Turn, refused
from slm_ext.traces.reader import read_calls

__all__ = ["read_records"]


def read_records(path: Path) -> list[Conversation]:
    """Every run in the file, in the order of their first lines.

    Raises:
        UsageError: no call is recorded in it, or its lines are not call records.
    """
    runs: dict[str, list[dict]] = {}
    try:
        for record in read_calls(path):
            runs.setdefault(record["run_id"], []).append(record)
        split = [_conversations(records) for records in runs.values()]
        found = [_run(path, part, last=part is parts[-1]) for parts in split for part in parts]
    except (KeyError, TypeError, AttributeError) as error:
        raise UsageError(
            f"read the call records {path}", seen=f"a line without {error}", allowed="lines as the call recorder writes"
        ) from None
    found = [run for run in found if run.turns]
    if not found:
        raise UsageError(f"read the call records {path}", seen="no model call", allowed="a run with at least one")
    return found


def _conversations(records: list[dict]) -> list[list[dict]]:
    """A host that starts anew, as SWE-agent's retries do, begins again with an earlier step."""
    parts: list[list[dict]] = [[]]
    step = 0
    for record in records:
        if record["kind"] == "call":
            if record["step"] < step:
                parts.append([])
            step = record["step"]
        parts[-1].append(record)
    return parts


def _run(path: Path, records: list[dict], *, last: bool) -> Conversation:
    """`last`: what the files beside say of the run's end is said of this part of it."""
    calls = [record for record in records if record["kind"] == "call"]
    outcome = next((record for record in reversed(records) if record["kind"] == "outcome"), {})
    observed = {record["call_id"]: record["content"] for record in records if record["kind"] == "observation"}
    run_id = records[0]["run_id"]
    host, resolved = _beside(path, run_id)
    if outcome.get("resolved") is not None or not last:
        resolved = outcome.get("resolved")
    return Conversation(
        source=path,
        instance_id=records[0]["instance_id"],
        run_id=run_id,
        host=host,
        turns=tuple(_turns(calls, observed, forgets=host == "sweagent")),
        resolved=resolved,
        submitted=outcome.get("submitted"),
        exit_status=outcome.get("exit_status"),
    )


def _turns(calls: list[dict], observed: dict[str, str], *, forgets: bool) -> Iterator[Turn]:
    """`forgets`: the host drops rejected replies once one is accepted, as SWE-agent does.

    Of several answers to one step, samples of which a host takes one, the last counts as taken.
    """
    messages = list(calls[0]["request"]["messages"]) if calls else []
    kept, before, attempt, step, open_calls = list(messages), None, 1, None, []
    for index, record in enumerate(calls):
        if step is not None and record["step"] != step:
            if open_calls:
                yield Turn(step, attempt, tuple(messages), tuple(open_calls))
            before, attempt, open_calls = None, 1, []
        elif before is not None:
            messages, kept, before = before, list(before), None
        step, call = record["step"], _call(record)
        open_calls.append(call)
        if call.summary or call.status not in ("ok", "rejected"):
            continue
        yield Turn(step, attempt, tuple(messages), tuple(open_calls))
        open_calls = []
        if call.status == "rejected":
            messages += _refused(record)
            attempt += 1
            continue
        later = calls[index + 1]["request"]["messages"] if index + 1 < len(calls) else []
        before = kept if forgets else messages
        messages = before + _done(record, observed, later)
        kept, attempt = list(messages), 1
    if open_calls and step is not None:
        yield Turn(step, attempt, tuple(messages), tuple(open_calls))


def _call(record: dict) -> Call:
    route, usage, validation = record.get("route") or None, record["usage"], record["validation"]
    taken = record["tool_calls"][0] if record.get("tool_calls") else {}
    rejection = validation.get("rejection") or {}
    return Call(
        status=validation["status"],
        provider=(route or {}).get("provider"),
        model=(record.get("identity") or {}).get("model_id"),
        tool=taken.get("name", ""),
        arguments=taken.get("arguments") or {},
        said=record.get("error") or rejection.get("rule") or "",
        prompt_tokens=usage.get("in"),
        cached_tokens=usage.get("cached"),
        reply_tokens=usage.get("out"),
        seconds=usage.get("latency_s"),
        ended_at=record.get("ts"),
        requests=record.get("attempts", 1),
        route=route,
        context=record.get("context"),
    )


def _done(record: dict, observed: dict[str, str], later: list[dict]) -> list[dict]:
    """The answer and what it brought. Without an observation, what the next call was shown of it."""
    calls = [
        {
            "id": call["id"],
            "type": "function",
            "function": {"name": call["name"], "arguments": json.dumps(call["arguments"], ensure_ascii=False)},
        }
        for call in record["tool_calls"]
    ]
    message: dict[str, Any] = {"role": "assistant", "content": _text(record)}
    if not calls:
        return [message]
    said = observed.get(record["call_id"])
    if said is None:
        shown = (m for m in reversed(later) if m.get("role") == "tool" and m.get("tool_call_id") == calls[0]["id"])
        said = next((str(m.get("content") or "") for m in shown), None)
    results = [] if said is None else [{"role": "tool", "tool_call_id": calls[0]["id"], "content": said}]
    return [message | {"tool_calls": calls}, *results]


def _refused(record: dict) -> list[dict]:
    """The rejected reply and what was said about it."""
    rejection = record["validation"].get("rejection") or {}
    reason = f"error {rejection.get('rule', '')}: {rejection.get('message', '')}"
    calls = _message(record).get("tool_calls") or []
    return [refused(_text(record), calls), {"role": "user", "content": reason}]


def _message(record: dict) -> dict:
    choices = (record.get("raw_response") or {}).get("choices") or [{}]
    return choices[0].get("message") or {}


def _text(record: dict) -> str:
    content = _message(record).get("content")
    return content if isinstance(content, str) else record.get("thought") or ""


def _beside(path: Path, run_id: str) -> tuple[str, bool | None]:
    """(host, verdict) as the files beside the records say."""
    try:
        run = json.loads((path.parent / "run.json").read_text(encoding="utf-8"))
        if run.get("run_id") == run_id:
            return run.get("host") or "", (run.get("result") or {}).get("resolved")
    except (OSError, ValueError, AttributeError):
        pass
    if any(path.parent.glob("*.traj")):
        return "sweagent", None
    return ("mini" if any(path.parent.glob("*.traj.json")) else ""), None
