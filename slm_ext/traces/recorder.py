"""The call recorder: one JSON line per event, appended and synced, so that a killed run keeps what it had."""

from __future__ import annotations

import hashlib
import json
import os
import threading
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from slm_ext.traces.reader import read_lines
from slm_ext.traces.records import CallRecord, MessageEntry, ObservationRecord, OutcomeRecord, RequestRecord, Validation
from slm_ext.traces.scrub import Scrubber

__all__ = ["Recorder"]


class Recorder:
    """Writes `calls.jsonl` and the `blobs/` folder beside it.

    Args:
        path: the file; its folder is created. An existing file is continued: its messages count as written.
        run_id, instance_id: stand in every line.
        secrets: values never to be written, see `Scrubber`.

    Every method may be called from several threads. An `OSError` (disk full) is the caller's to handle; the lines
    before it are whole.
    """

    def __init__(self, path: Path | str, run_id: str, instance_id: str, *, secrets: Iterable[str | None] = ()):
        self.path, self.run_id, self.instance_id = Path(path), run_id, instance_id
        self._scrub = Scrubber(secrets)
        self._lock = threading.Lock()
        self._seen: set[str] = set()
        self._hashed: dict[Any, str] = {}  # message → its hash: a conversation comes again at every step
        self._steps: dict[str, int] = {}
        self.path.parent.mkdir(parents=True, exist_ok=True)
        if self.path.exists():
            for record in read_lines(self.path):
                if record["kind"] == "call":
                    self._steps[record["call_id"]] = record["step"]
                    self._seen |= {m["sha256"] for m in record["request"]["messages"]}
            self._end_torn_line()

    def call(
        self,
        *,
        call_id: str,
        step: int,
        messages: list[dict],
        tools: list[dict] | None = None,
        sampling: dict[str, Any] | None = None,
        chat_template_kwargs: dict[str, Any] | None = None,
        prompt_sha: str | None = None,
        validation: Validation,
        usage: dict[str, Any],
        **fields: Any,
    ) -> CallRecord:
        """Record one model call.

        Args:
            messages: as sent.
            usage: `{in, out, cached, latency_s}`.
            fields: the other fields of `CallRecord`: route, context, identity, raw_response, thought, tool_calls,
                finish_reason, retry_of, retry_index, attempts, error.
        """
        with self._lock:
            fresh: set[str] = set()
            request = RequestRecord(
                messages=[self._entry(message, fresh) for message in messages],
                sampling=sampling or {},
                chat_template_kwargs=chat_template_kwargs,
                tools_sha=self._blob(_canonical(self._scrub.value(tools))) if tools else None,
                prompt_sha=prompt_sha,
                prompt_tokens=usage.get("in"),
            )
            stamp = self._stamp(step)
            record = CallRecord(**stamp, call_id=call_id, request=request, validation=validation, usage=usage, **fields)
            self._append(record)
            self._seen |= fresh
            self._steps[call_id] = step
            return record

    def hide(self, secret: str | None) -> None:
        """From now on `secret` is not written either."""
        with self._lock:
            self._scrub.add(secret)

    def observation(self, call_id: str, content: str, tool_report: dict[str, Any] | None = None) -> None:
        """Record what the tool call of `call_id` brought: the text the model sees, and the typed result."""
        with self._lock:
            stamp = self._stamp(self._steps.get(call_id, 0))
            self._append(ObservationRecord(**stamp, call_id=call_id, content=content, tool_report=tool_report))

    def outcome(self, *, submitted: bool, exit_status: str, **fields: Any) -> None:
        """Record how the run ended; `fields`: resolved, tests, spec_id, license."""
        with self._lock:
            last = next(reversed(self._steps), None)
            stamp = self._stamp(max(self._steps.values(), default=0))
            self._append(OutcomeRecord(**stamp, call_id=last, submitted=submitted, exit_status=exit_status, **fields))

    def _stamp(self, step: int) -> dict[str, Any]:
        return {"run_id": self.run_id, "instance_id": self.instance_id, "step": step, "ts": round(time.time(), 3)}

    def _entry(self, message: dict, fresh: set[str]) -> MessageEntry:
        key = _key(message)
        known = self._hashed.get(key) if key else None
        if known in self._seen or known in fresh:
            return MessageEntry.model_construct(sha256=known, message=None)
        message = self._scrub.value(message)
        sha = _sha(_canonical(message))
        if key:
            self._hashed[key] = sha
        if sha in self._seen or sha in fresh:
            return MessageEntry(sha256=sha)
        fresh.add(sha)
        if message.get("role") == "system" and isinstance(message.get("content"), str):
            rest = {k: v for k, v in message.items() if k != "content"}
            message = {**rest, "content_blob": self._blob(message["content"].encode("utf-8", "surrogatepass"))}
        return MessageEntry(sha256=sha, message=message)

    def _blob(self, data: bytes) -> str:
        sha = _sha(data)
        folder = self.path.parent / "blobs"
        if not (folder / sha).exists():
            folder.mkdir(exist_ok=True)
            part = folder / f".{sha}.{os.getpid()}"
            with part.open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            part.replace(folder / sha)
        return sha

    def _scrubbed(self, record) -> dict[str, Any]:
        """The record as data. Messages were scrubbed before they were hashed."""
        request = getattr(record, "request", None)
        if request is None:
            return self._scrub.value(record.model_dump(by_alias=True))
        data = record.model_dump(by_alias=True, exclude={"request": {"messages"}})
        entries = [{"sha256": entry.sha256, "message": entry.message} for entry in request.messages]
        data = self._scrub.value(data)
        return data | {"request": {"messages": entries} | data["request"]}

    def _append(self, record) -> None:
        line = json.dumps(self._scrubbed(record), ensure_ascii=False)
        with self.path.open("ab") as file:
            file.write(line.encode("utf-8", "surrogatepass") + b"\n")
            file.flush()
            os.fsync(file.fileno())

    def _end_torn_line(self) -> None:
        with self.path.open("rb+") as file:
            if file.seek(0, os.SEEK_END) and file.seek(-1, os.SEEK_END) >= 0 and file.read(1) != b"\n":
                file.write(b"\n")


def _key(message: dict) -> tuple | None:
    """What makes a message of a conversation the one it is; None for one of another shape."""
    if message.keys() - {"role", "content", "tool_calls", "tool_call_id"} or not isinstance(
        message.get("content"), str
    ):
        return None
    calls = message.get("tool_calls")
    try:
        made = tuple((call["id"], call["function"]["name"], call["function"]["arguments"]) for call in calls or ())
        key = (message["role"], message["content"], message.get("tool_call_id"), "tool_calls" in message, made)
        hash(key)
    except (KeyError, TypeError):
        return None
    return key


def _canonical(value: Any) -> bytes:
    text = json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return text.encode("utf-8", "surrogatepass")


def _sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
