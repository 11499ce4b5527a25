"""What pydantic finds wrong in configuration, told with file, line, the nearest field and the next edit."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from types import UnionType
from typing import Annotated, Any, Protocol, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError

from slm_ext.errors import RegistryError
from slm_ext.registry.nearest import hint

__all__ = ["Written", "validated"]

Model = TypeVar("Model", bound=BaseModel)
_SHOWN = 5


class Written(Protocol):
    """Where a value was written: `has` says whether a path of keys is in this source, `at` gives ``FILE:LINE``."""

    def has(self, *path: str | int) -> bool: ...

    def at(self, *path: str | int) -> str: ...


def validated(
    model: type[Model],
    data: dict[str, Any],
    *,
    what: str,
    sources: Sequence[Written],
    aliases: Mapping[str, str] | None = None,
    reasons: Mapping[str, str] | None = None,
) -> Model:
    """`model` from `data`.

    Args:
        sources: where `data` was written, the source that wins first.
        aliases: other names under which a file may hold a field.
        reasons: fields that are known and refused, with the reason.

    Raises:
        RegistryError: at most five of the problems found, each with its file and line.
    """
    try:
        return model.model_validate(data)
    except ValidationError as error:
        found = error.errors(include_url=False)
    known = ""
    told = []
    for problem in found[:_SHOWN]:
        path = tuple(part for part in problem["loc"] if part != "[key]")
        path += getattr(problem.get("ctx", {}).get("error"), "path", ())  # a FieldError's
        alias = (aliases or {}).get(str(path[0])) if path and problem["type"] != "missing" else None
        if alias and not any(source.has(path[0]) for source in sources):
            path = (alias, *path[1:])
        where = _where(path, sources)
        if problem["type"] == "extra_forbidden" and not (len(path) == 1 and reasons and path[0] in reasons):
            fields = sorted(_fields(model, path[:-1]))
            known = known or ("the fields " + ", ".join(fields))
            close = hint(str(path[-1]), fields)
            told.append((where, f"unknown field `{_dotted(path)}`" + (f"; {close}" if close else "")))
        else:
            told.append((where, _told(problem, path, reasons or {})))
    more = f"\n        and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
    raise RegistryError(
        f"read {what}",
        seen="\n        ".join(f"{where}: {text}" for where, text in told) + more,
        allowed=known,
        next_step=f"correct {told[0][0]}",
    ) from None


def _told(problem: Any, path: tuple, reasons: Mapping[str, str]) -> str:
    subject = f"`{_dotted(path)}`" if path else ""
    if problem["type"] == "extra_forbidden":
        return f"{subject} cannot be used: {reasons[path[0]]}"
    if problem["type"] == "missing":
        return f"{subject} is missing"
    message = problem["msg"].removeprefix("Value error, ")
    if problem["type"] != "value_error":
        message = message[0].lower() + message[1:]
        if "api_key" not in path:
            shown = repr(problem["input"])
            message += f", not {shown if len(shown) <= 60 else shown[:59] + '…'}"
        if problem["type"] == "literal_error" and isinstance(problem["input"], str):
            close = hint(problem["input"], re.findall("'([^']*)'", problem["ctx"]["expected"]))
            message += f"; {close}" if close else ""
    return f"{subject}: {message}" if subject else message


def _where(path: tuple, sources: Sequence[Written]) -> str:
    for length in range(len(path), 0, -1):
        for source in sources:
            if source.has(*path[:length]):
                return source.at(*path[:length])
    return sources[0].at()


def _fields(model: type[BaseModel], path: tuple) -> set[str]:
    """Names of the fields that `model` has at `path`, through lists, mappings and unions."""
    here: list[Any] = [model]
    for part in path:
        here = [inside for kind in here for inside in _inside(kind, part)]
    return {name for kind in here for plain in _plain(kind) for name in getattr(plain, "model_fields", {})}


def _inside(annotation: Any, part: str | int) -> Iterator[Any]:
    """What a value of this type holds under the key or index `part`."""
    for kind in _plain(annotation):
        if hasattr(kind, "model_fields"):
            if part in kind.model_fields:
                yield kind.model_fields[part].annotation
        elif get_origin(kind) is list:
            yield get_args(kind)[0]
        elif get_origin(kind) is dict:
            yield get_args(kind)[1]


def _plain(annotation: Any) -> Iterator[Any]:
    """The alternatives of a type, without what is annotated to it."""
    if get_origin(annotation) is Annotated:
        yield from _plain(get_args(annotation)[0])
    elif get_origin(annotation) in (Union, UnionType):
        for kind in get_args(annotation):
            yield from _plain(kind)
    else:
        yield annotation


def _dotted(path: tuple) -> str:
    return ".".join(str(part) for part in path)
