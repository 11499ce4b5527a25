"""Reads `calls.jsonl` back."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from slm_ext.errors import UsageError

__all__ = ["read_calls", "read_lines", "resolved"]


def read_calls(path: Path | str, *, resolve: bool = True) -> list[dict]:
    """The records of a run, in the order they were written.

    Args:
        path: a `calls.jsonl`, or the folder that holds it.
        resolve: put the messages themselves in the place of references: `request.messages` is then the
            conversation as it was sent, `request.tools` the tools' schemas.

    A line torn by a kill is left out. Raises `UsageError` when there is no such file, or a message or blob that is
    referred to is missing.
    """
    path = Path(path)
    path = path / "calls.jsonl" if path.is_dir() else path
    if not path.is_file():
        raise UsageError(f"read the call records {path}", seen="no such file", allowed="a calls.jsonl of a run")
    records = list(read_lines(path))
    return resolved(records, path) if resolve else records


def read_lines(path: Path) -> Iterator[dict]:
    """Every whole record of the file; a torn one (cut by a kill) is passed over."""
    with path.open("rb") as file:
        for line in file:
            try:
                record = json.loads(line.decode("utf-8", "surrogatepass"))
            except ValueError:
                continue
            if isinstance(record, dict) and "kind" in record:
                yield record


def resolved(
    records: list[dict], path: Path, earlier: Iterable[dict] = (), blobs: dict[str, Any] | None = None
) -> list[dict]:
    """The records with every message and the tools in place of the references; equal ones are one object.

    Args:
        path: of the file; the blobs lie beside it.
        earlier: further records of the file, in which messages may stand.
        blobs: those read already; filled.

    Raises:
        UsageError: a message or blob is not there.
    """
    blobs = {} if blobs is None else blobs
    messages: dict[str, dict] = {}

    def blob(sha: str) -> str:
        try:
            return (path.parent / "blobs" / sha).read_bytes().decode("utf-8", "surrogatepass")
        except OSError as error:
            raise UsageError(f"read the call records {path}", seen=f"blob {sha} is missing ({error})") from None

    def once(key: Any, make: Callable[[], Any]) -> Any:
        if key not in blobs:
            blobs[key] = make()
        return blobs[key]

    for record in (*earlier, *records):
        if record["kind"] != "call":
            continue
        for entry in record["request"]["messages"]:
            if (message := entry["message"]) is not None:
                if (sha := message.get("content_blob")) is not None:
                    rest = {k: v for k, v in message.items() if k != "content_blob"}
                    message = rest | {"content": once(sha, lambda sha=sha: blob(sha))}
                messages[entry["sha256"]] = message
    for record in records:
        if record["kind"] != "call":
            continue
        request = record["request"]
        try:
            request["messages"] = [messages[entry["sha256"]] for entry in request["messages"]]
        except KeyError as error:
            raise UsageError(
                f"read the call records {path}", seen=f"message {error} is referred to, not there"
            ) from None
        sha = request["tools_sha"]
        request["tools"] = once(("tools", sha), lambda sha=sha: json.loads(blob(sha))) if sha else None
    return records
