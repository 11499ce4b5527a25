"""`calls.jsonl`, our own call records. What was sent may be shortened or in another wire format, so the conversation
is put together again from the replies and what they brought; what was sent stands beside it. `parts` finds the lines.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from slm_ext.errors import UsageError
from slm_ext.traces.readers.decoding import WRONG_SHAPE, cause_of
from slm_ext.traces.readers.documents import Broken, Document, documents
from slm_ext.traces.readers.messages import call_of, plain
from slm_ext.traces.readers.origin import origin_of_config, origin_of_run
from slm_ext.traces.readers.parts import Part, find_parts, read_part
from slm_ext.traces.readers.sweagent import config_of
from slm_ext.traces.readers.values import functions, mapping, number, report, text, truth, whole, with_texts
from slm_ext.traces.trace import Call, Message, Trace, Turn, refused

__all__ = ["read_calls_file"]

_BLOBS = 256
"""Blobs that are kept from one run for the next, at most."""


def read_calls_file(path: Path, begin: int = 0) -> Iterator[Trace | Broken]:
    """Every run in the file, in the order of their first lines, and what of it cannot be read.

    Args:
        begin: byte of the first line that counts.

    Raises:
        OSError: it cannot be read.
    """
    parts, messages, broken = find_parts(path, begin)
    yield from broken
    last = {part.run_id: part for part in parts}
    nothing = not broken
    with path.open("rb") as file:
        blobs: dict[str, Any] = {}
        for part in parts:
            found = _read(file, part, messages, path, blobs, last=part is last[part.run_id])
            if found is not None:
                nothing = False
                yield found
            if len(blobs) > _BLOBS:
                blobs.clear()
    if nothing:
        yield Broken(begin, "no model call")


def _read(
    file: IO[bytes], part: Part, messages: dict[int, int], path: Path, blobs: dict[str, Any], *, last: bool
) -> Trace | Broken | None:
    """One part; None where no model was called in it."""
    try:
        records = read_part(file, part, messages, path, blobs)
        return _run(path, records, part, last=last) if any(record["kind"] == "call" for record in records) else None
    except UsageError as error:  # a message or blob that is referred to is missing
        return Broken(part.lines[0], error.seen)
    except KeyError as error:
        return Broken(part.lines[0], f"a line without {error}")
    except WRONG_SHAPE as error:
        return Broken(part.lines[0], cause_of(error))


def _run(path: Path, records: list[dict], part: Part, *, last: bool) -> Trace:
    """`last`: what the files beside say of the run's end is said of this part of it."""
    calls = [record for record in records if record["kind"] == "call"]
    outcome = next((record for record in reversed(records) if record["kind"] == "outcome"), {})
    observed = {record["call_id"]: record for record in records if record["kind"] == "observation"}
    run_id = records[0]["run_id"]
    instance = str(records[0]["instance_id"])
    host, resolved_, patch, origin = _beside(path, run_id, instance)
    if outcome.get("resolved") is not None or not last:
        resolved_ = outcome.get("resolved")
    tools = {record["request"]["tools_sha"]: record["request"]["tools"] for record in calls}
    return Trace(
        source=path, offset=part.lines[0], form="slm-calls", attempt=part.attempt, run_id=run_id, host=host,
        instance_id=instance,
        turns=tuple(_turns(calls, observed, forgets=host == "sweagent")),
        resolved=truth(resolved_), submitted=truth(outcome.get("submitted")),
        exit_status=text(outcome.get("exit_status")), license=text(outcome.get("license")), patch=patch,
        tools={sha: functions(offered) for sha, offered in tools.items() if sha},
        extra=({"spec_id": outcome["spec_id"]} if outcome.get("spec_id") else {}) | origin,
    )  # fmt: skip


def _turns(calls: list[dict], observed: dict[str, dict], *, forgets: bool) -> Iterator[Turn]:
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
        later = calls[index + 1]["request"]["messages"] if index + 1 < len(calls) else []
        more = _refused(record, later) if call.status == "rejected" else _done(record, observed, later)
        observation = more[-1]["content"] if len(more) > 1 else None
        told = report(observed.get(record["call_id"], {}).get("tool_report"))
        yield Turn(step, attempt, tuple(messages), tuple(open_calls), observation, told)
        open_calls = []
        if call.status == "rejected":
            messages += more
            attempt += 1
            continue
        before = kept if forgets else messages
        messages = before + more
        kept, attempt = list(messages), 1
    if open_calls and step is not None:
        yield Turn(step, attempt, tuple(messages), tuple(open_calls))


def _call(record: dict) -> Call:
    route = with_texts(record.get("route"), "subtask") or None
    identity = with_texts(record.get("identity"), "kind", "model_id", "weights_sha", "template_sha")
    usage, validation, request = record["usage"], record["validation"], record["request"]
    rejection, raw = validation.get("rejection") or {}, mapping(record.get("raw_response")) or {}
    taken = record["tool_calls"][0] if record.get("tool_calls") else {}
    return Call(
        status=str(validation["status"]),
        provider=text((route or {}).get("provider")),
        model=text((identity or {}).get("model_id")),
        tool=text(taken.get("name")) or "",
        arguments=mapping(taken.get("arguments")) or {},
        said=text(record.get("error")) or text(rejection.get("rule")) or "",
        prompt_tokens=whole(usage.get("in")),
        cached_tokens=whole(usage.get("cached")),
        reply_tokens=whole(usage.get("out")),
        seconds=number(usage.get("latency_s")),
        ended_at=number(record.get("ts")),
        requests=whole(record.get("attempts")) or 1,
        route=route,
        context=mapping(record.get("context")),
        prompt=tuple(request["messages"]),
        reply=_reply(record) if raw else None,
        thought=text(record.get("thought")) or "",
        prompt_sha=text(request.get("prompt_sha")) or text((mapping(raw.get("slm")) or {}).get("prompt_sha")),
        scrubbed=bool(request.get("scrubbed")),
        tools_sha=text(request.get("tools_sha")),
        template_kwargs=mapping(request.get("chat_template_kwargs")),
        identity=identity,
    )


def _reply(record: dict) -> Message:
    """What the model answered: calls that its server read out of the text as calls, others as the text they are."""
    said = _message(record)
    reply: Message = {"role": "assistant", "content": _text(record) if said.get("content") else ""}
    if reasoning := text(said.get("reasoning_content")) or text(said.get("reasoning")):
        reply["reasoning_content"] = reasoning
    if given_calls := plain(said).get("tool_calls"):
        reply["tool_calls"] = [_openai(call) for call in record["tool_calls"]] or given_calls
    return reply


def _openai(call: dict) -> dict:
    return call_of(str(call["name"]), call["arguments"], str(call["id"]))


def _done(record: dict, observed: dict[str, dict], later: list[dict]) -> list[dict]:
    """The answer and what it brought. Without an observation, what the next call was shown of it."""
    calls = [_openai(call) for call in record["tool_calls"]]
    message: dict[str, Any] = {"role": "assistant", "content": _text(record)}
    if not calls:
        return [message]
    said = text(observed.get(record["call_id"], {}).get("content"))
    if said is None:
        shown = (m for m in reversed(later) if m.get("role") == "tool" and m.get("tool_call_id") == calls[0]["id"])
        said = next((str(m.get("content") or "") for m in shown), None)
    results = [] if said is None else [{"role": "tool", "tool_call_id": calls[0]["id"], "content": said}]
    return [message | {"tool_calls": calls}, *results]


def _refused(record: dict, later: list[dict]) -> list[dict]:
    """The rejected reply and what was said about it: as the next call was shown them, where its prompt ends with both:
    of several calls a host may have kept one, and what was said has an example too."""
    rejection = record["validation"].get("rejection") or {}
    said = f"error {rejection.get('rule', '')}: {rejection.get('message', '')}"
    reply = _message(record)
    if later and later[-1]["role"] in ("user", "tool") and str(later[-1].get("content") or "").startswith(said):
        said = later[-1]["content"]
        reply = next((m for m in later[-2:-1] if m["role"] == "assistant" and m.get("tool_calls")), reply)
    return [refused(_text(record), plain(reply).get("tool_calls", [])), {"role": "user", "content": said}]


def _message(record: dict) -> dict:
    choices = (record.get("raw_response") or {}).get("choices") or [{}]
    return choices[0].get("message") or {}


def _text(record: dict) -> str:
    content = _message(record).get("content")
    return content if isinstance(content, str) else text(record.get("thought")) or ""


def _beside(path: Path, run_id: str, instance: str) -> tuple[str, bool | None, str | None, dict[str, str]]:
    """(host, verdict, patch, repository and commit) as the files beside the records say."""
    try:
        run = json.loads((path.parent / "run.json").read_text(encoding="utf-8"))
        if run.get("run_id") == run_id:
            result = run.get("result") or {}
            patch = _patch(path.parent, result.get("patch_path"))
            return text(run.get("host")) or "", result.get("resolved"), patch, origin_of_run(run, instance)
    except (OSError, ValueError, AttributeError, RecursionError):
        pass
    if trajectories := list(path.parent.glob("*.traj")):
        return "sweagent", None, None, _configured(trajectories[0], instance) if len(trajectories) == 1 else {}
    return ("mini" if any(path.parent.glob("*.traj.json")) else ""), None, None, {}


def _configured(trajectory: Path, instance: str) -> dict[str, str]:
    """Repository and commit as SWE-agent's own trajectory says."""
    try:
        document = next(documents(trajectory), None)
        return origin_of_config(config_of(document), instance) if isinstance(document, Document) else {}
    except (OSError, *WRONG_SHAPE):
        return {}


def _patch(folder: Path, name: Any) -> str | None:
    try:
        return (folder / Path(str(name)).name).read_text(encoding="utf-8", errors="surrogateescape") if name else None
    except OSError:
        return None
