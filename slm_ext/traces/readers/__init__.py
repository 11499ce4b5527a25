"""Reads recorded runs of every format; which one it is, the content says.

`read_file` is the way in. Each format has a module: a function from a document to traces. `documents` splits files.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from slm_ext.traces.readers.adp import read_adp
from slm_ext.traces.readers.atif import read_atif
from slm_ext.traces.readers.calls import read_calls_file
from slm_ext.traces.readers.decoding import WRONG_SHAPE, cause_of
from slm_ext.traces.readers.documents import Broken, Document, documents
from slm_ext.traces.readers.mini import read_mini
from slm_ext.traces.readers.sweagent import read_sweagent
from slm_ext.traces.trace import Trace

__all__ = ["FORMS", "Problem", "begins_like", "begins_like_a_run", "form_of", "read_file"]

FORMS: dict[str, Callable[[Document, Path], Iterator[Trace | Broken]]] = {
    "sweagent": read_sweagent,
    "mini-swe-agent-1.1": read_mini,
    "atif": read_atif,
    "adp": read_adp,
}
"""Name of a format → its reader. `slm-calls`, whose runs span lines, is read by `read_calls_file`."""


@dataclass(frozen=True)
class Problem:
    """Something that could not be read."""

    file: Path
    offset: int
    """Byte of the file."""
    cause: str
    torn: bool = False
    """A line of call records that was cut short, as a kill does it: nothing else of the file is missing."""

    def __str__(self) -> str:
        return f"{self.file}, byte {self.offset}: {self.cause}"


def form_of(document: Document) -> str | None:
    """The name of a document's format; None for what is no recorded run."""
    if "kind" in document and "run_id" in document:
        return "slm-calls"
    if "trajectory" in document or "attempts" in document or "history" in document:
        return "sweagent"
    if "messages" in document and "info" in document:
        return "mini-swe-agent-1.1"
    if "steps" in document and "agent" in document:
        return "atif"
    if "content" in document and "id" in document:
        return "adp"
    return None


def begins_like_a_run(path: Path) -> bool:
    """Whether the first document of a file is of a known format; broken lines before it are passed over."""
    return begins_like(path) is not None


def begins_like(path: Path) -> str | None:
    """The name of the format that the first document of a file is of."""
    try:
        first = next((found for found in documents(path) if isinstance(found, Document)), None)
        return None if first is None else form_of(first)
    except OSError:
        return None


def read_file(path: Path) -> Iterator[Trace | Problem]:
    """Every run in a file, and a problem for each stretch that is none; the rest is read."""
    try:
        yield from _read(path)
    except OSError as error:
        yield Problem(path, 0, str(error))


def _read(path: Path) -> Iterator[Trace | Problem]:
    found = documents(path)
    ahead = list(_up_to_a_document(found))
    if ahead and isinstance(ahead[-1], Document) and form_of(ahead[-1]) == "slm-calls":
        yield from (_told(path, one) for one in read_calls_file(path))  # it tells broken lines, too
        return
    for document in chain(ahead, found):
        if isinstance(document, Broken):
            yield _problem(path, document)
            continue
        form = form_of(document)
        if form == "slm-calls":
            yield from (_told(path, one) for one in read_calls_file(path, document.offset))
            return
        if form is None:
            names = ", ".join(document.names()[:6]) or "nothing"
            yield Problem(path, document.offset, f"no recorded run: it has {names}")
            continue
        try:
            yield from (_told(path, one) for one in FORMS[form](document, path))
        except WRONG_SHAPE as error:
            yield Problem(path, document.offset, cause_of(error))


def _up_to_a_document(found: Iterator[Document | Broken]) -> Iterator[Document | Broken]:
    for one in found:
        yield one
        if isinstance(one, Document):
            return


def _told(path: Path, found: Trace | Broken) -> Trace | Problem:
    return _problem(path, found) if isinstance(found, Broken) else found


def _problem(path: Path, broken: Broken) -> Problem:
    return Problem(path, broken.offset, broken.cause, broken.torn)
