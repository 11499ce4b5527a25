"""JSON to values, with what other programs write beyond the standard; and what is raised where it is something else."""

from __future__ import annotations

import json
from typing import Any

import msgspec

from slm_ext.traces.readers.messages import text_of
from slm_ext.traces.readers.repeats import MORE, without_repeats

__all__ = [
    "NULL",
    "WRONG_SHAPE",
    "Step",
    "Stepped",
    "cause_of",
    "decode",
    "fields_of",
    "given",
    "items_of",
    "position",
    "stepped",
]

NULL = msgspec.Raw(b"null")
WRONG_SHAPE = (
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    ArithmeticError,
    RecursionError,
)
"""What a reader raises on a document of another shape."""


def given(raw: msgspec.Raw) -> bool:
    """Whether a field was there, and not null."""
    return memoryview(raw)[:4] != b"null"


def decode(raw: msgspec.Raw | bytes) -> Any:
    """Any JSON value; what Python writes beyond the standard (NaN, lone surrogates) is read too.

    Raises:
        ValueError: it is none.
    """
    try:
        return msgspec.json.decode(raw)
    except (ValueError, RecursionError):
        return _decode_plainly(bytes(raw))


class Step(msgspec.Struct):
    """An item of SWE-agent's `trajectory`."""

    action: Any = None
    observation: Any = None
    response: Any = None
    thought: Any = None
    query: msgspec.Raw = NULL
    more: msgspec.Raw = msgspec.field(default=NULL, name=MORE)
    """In place of `query`: what was sent beyond that of the step before."""
    messages: msgspec.Raw = NULL
    extra_info: msgspec.Raw = NULL

    @property
    def command(self) -> str:
        """What was run."""
        return text_of(self.action).strip("\n")

    @property
    def text(self) -> str:
        """What the model answered."""
        return text_of(self.response) or text_of(self.thought)


class Stepped(msgspec.Struct, forbid_unknown_fields=True):
    """A whole `.traj`, its steps decoded: it is large, and this takes one pass over it."""

    trajectory: list[Step]
    history: list[msgspec.Raw] = []
    info: msgspec.Raw = NULL
    replay_config: msgspec.Raw = NULL
    environment: msgspec.Raw = NULL


def stepped(raw: bytes) -> Stepped | None:
    """The document, where it is a `.traj` of the usual shape."""
    if b'"trajectory"' not in raw[:_HEAD]:
        return None
    shorter, lists = without_repeats(raw)
    try:
        found = _STEPPED.decode(shorter)
        if lists and lists != sum(given(step.query) or given(step.more) for step in found.trajectory):
            return _STEPPED.decode(raw)
        return found
    except (ValueError, RecursionError):
        return None


def fields_of(raw: bytes) -> dict[str, msgspec.Raw] | dict[str, Any]:
    """The fields of an object as they are written; decoded, where it has what is beyond the standard.

    Raises:
        ValueError: it is no JSON, or no object.
    """
    try:
        return _FIELDS.decode(raw)
    except msgspec.ValidationError as error:
        raise ValueError(f"no object ({error})") from None
    except (ValueError, RecursionError):
        value = _decode_plainly(raw)
    if not isinstance(value, dict):
        raise ValueError(f"no object, but {type(value).__name__}")
    return value


def items_of(value: msgspec.Raw | Any) -> list[msgspec.Raw] | list[bytes]:
    """The items of a list as they are written, of a value of `fields_of`; none of null.

    Raises:
        ValueError: it is no JSON, or no list.
    """
    if isinstance(value, msgspec.Raw):
        if not given(value):
            return []
        try:
            return _ITEMS.decode(value)
        except (ValueError, RecursionError):
            value = decode(value)
    if value is not None and not isinstance(value, list):
        raise ValueError(f"no list, but {type(value).__name__}")
    return [json.dumps(item).encode() for item in value or ()]


def position(error: ValueError) -> int:
    """Byte of what was decoded at which the mistake is."""
    if isinstance(error, json.JSONDecodeError):
        return len(error.doc[: error.pos].encode("utf-8", "surrogatepass"))
    return int(getattr(error, "start", 0))


def cause_of(error: Exception) -> str:
    """Why a document could not be read, for one of `WRONG_SHAPE`."""
    return f"a run of another shape ({type(error).__name__}: {error})"


def _decode_plainly(raw: bytes) -> Any:
    try:
        return json.loads(raw.decode("utf-8", "surrogatepass"))
    except RecursionError:
        raise ValueError("nested too deeply") from None


_HEAD = 200
"""Bytes in which SWE-agent's `trajectory` begins: only `environment` is before it."""
_STEPPED = msgspec.json.Decoder(Stepped)
_FIELDS = msgspec.json.Decoder(dict[str, msgspec.Raw])
_ITEMS = msgspec.json.Decoder(list[msgspec.Raw])
