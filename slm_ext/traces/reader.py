"""Reads `calls.jsonl` back."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from slm_ext.errors import UsageError

__all__ = ["read_calls", "read_lines"]


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
    return _resolved(records, path) if resolve else records


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


def _resolved(records: list[dict], path: Path) -> list[dict]:
    blobs, messages = path.parent / "blobs", {}

    def blob(sha: str) -> str:
        try:
            return (blobs / sha).read_bytes().decode("utf-8", "surrogatepass")
        except OSError as error:
            raise UsageError(f"read the call records {path}", seen=f"blob {sha} is missing ({error})") from None

    for record in records:
        if record["kind"] != "call":
            continue
        request = record["request"]
        for entry in request["messages"]:
            if (message := entry["message"]) is not None:
                if "content_blob" in message:
                    message = {k: v for k, v in message.items() if k != "content_blob"}
                    message["content"] = blob(entry["message"]["content_blob"])
                messages[entry["sha256"]] = message
        try:
            request["messages"] = [messages[entry["sha256"]] for entry in request["messages"]]
        except KeyError as error:
            raise UsageError(
                f"read the call records {path}", seen=f"message {error} is referred to, not there"
            ) from None
        request["tools"] = json.loads(blob(request["tools_sha"])) if request["tools_sha"] else None
    return records
