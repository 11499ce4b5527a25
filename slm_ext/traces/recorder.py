"""The call recorder: one JSON line per event, appended and synced, so that a killed run keeps what it had."""

from __future__ import annotations

import contextlib
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

    Every method may be called from several threads, but one recorder at a time writes a file. An `OSError` (disk full)
    names the file and is the caller's to handle; the lines before it are whole, and so is the next one. A kill tears
    one line at most, which a reader passes over.
    """

    def __init__(self, path: Path | str, run_id: str, instance_id: str, *, secrets: Iterable[str | None] = ()):
        self.path, self.run_id, self.instance_id = Path(path), run_id, instance_id
        self._scrub = Scrubber(secrets)
        self._lock = threading.Lock()
        self._seen: set[str] = set()
        # Message → its hash and whether it was scrubbed: a conversation comes again at every step.
        self._hashed: dict[Any, tuple[str, bool]] = {}
        self._tools: tuple[bytes, str, bool] | None = None  # those of the last call, their blob, likewise
        self._steps: dict[str, int] = {}
        self.path.parent.mkdir(parents=True, exist_ok=True)
        if self.path.exists():
            for record in read_lines(self.path):
                if record["kind"] == "call":
                    self._steps[record["call_id"]] = record["step"]
                    self._seen |= {m["sha256"] for m in record["request"]["messages"]}

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
            entries = [self._entry(message, fresh) for message in messages]
            tools_sha, tools_changed = self._tools_blob(tools) if tools else (None, False)
            template, template_changed = self._scrub_value(chat_template_kwargs)
            request = RequestRecord(
                messages=[entry for entry, _ in entries],
                sampling=sampling or {},
                chat_template_kwargs=template,
                tools_sha=tools_sha,
                prompt_sha=prompt_sha,
                prompt_tokens=usage.get("in"),
                scrubbed=tools_changed or template_changed or any(changed for _, changed in entries),
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

    def _entry(self, message: dict, fresh: set[str]) -> tuple[MessageEntry, bool]:
        """How the message stands in the line, and whether scrubbing changed it."""
        key = _key(message)
        sha, changed = self._hashed.get(key, (None, False)) if key else (None, False)
        if sha in self._seen or sha in fresh:
            return MessageEntry.model_construct(sha256=sha, message=None), changed
        message, changed = self._scrub_value(message)
        sha = _sha(_canonical(message))
        if key:
            self._hashed[key] = sha, changed
        if sha in self._seen or sha in fresh:
            return MessageEntry(sha256=sha), changed
        fresh.add(sha)
        if message.get("role") == "system" and isinstance(message.get("content"), str):
            rest = {k: v for k, v in message.items() if k != "content"}
            message = {**rest, "content_blob": self._blob(message["content"].encode("utf-8", "surrogatepass"))}
        return MessageEntry(sha256=sha, message=message), changed

    def _tools_blob(self, tools: list[dict]) -> tuple[str, bool]:
        """The blob of the tools, and whether scrubbing changed them."""
        sent = _canonical(tools)
        if self._tools is None or self._tools[0] != sent:
            kept, changed = self._scrub_value(tools)
            self._tools = sent, self._blob(_canonical(kept)), changed
        return self._tools[1:]

    def _scrub_value(self, value: Any) -> tuple[Any, bool]:
        """The value without secrets, and whether it had any."""
        kept = self._scrub.value(value)
        return kept, kept != value and _canonical(kept) != _canonical(value)

    def _blob(self, data: bytes) -> str:
        """Its hash. The file is there as a whole or not at all."""
        sha = _sha(data)
        folder = self.path.parent / "blobs"
        if not (folder / sha).exists():
            folder.mkdir(exist_ok=True)
            part = folder / f".{sha}.{os.getpid()}"
            try:
                _write(part, data, os.O_TRUNC)
                part.replace(folder / sha)
            except OSError:
                part.unlink(missing_ok=True)
                raise
            _sync_folder(folder)
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
        new = not self.path.exists()
        _write(self.path, line.encode("utf-8", "surrogatepass") + b"\n", os.O_APPEND)
        if new:
            _sync_folder(self.path.parent)


def _write(path: Path, data: bytes, how: int) -> None:
    """Write all of `data` to the disk, or nothing. The file's last line is ended first, where a kill has torn it.

    Args:
        how: `os.O_APPEND` or `os.O_TRUNC`.

    Raises:
        OSError: names the file.
    """
    file = os.open(path, os.O_RDWR | os.O_CREAT | how | getattr(os, "O_BINARY", 0), 0o666)
    try:
        size = os.lseek(file, 0, os.SEEK_END)
        if size:
            os.lseek(file, -1, os.SEEK_END)
            data = data if os.read(file, 1) == b"\n" else b"\n" + data
        try:
            left = memoryview(data)
            while left:
                left = left[os.write(file, left) :]
            os.fsync(file)
        except OSError as error:
            with contextlib.suppress(OSError):
                os.ftruncate(file, size)
            raise OSError(error.errno, os.strerror(error.errno or 0), str(path)) from error
    finally:
        os.close(file)


def _sync_folder(folder: Path) -> None:
    """See to it that the names in the folder outlast a crash of the machine, where the system can."""
    if os.name == "posix":
        place = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(place)
        finally:
            os.close(place)


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
