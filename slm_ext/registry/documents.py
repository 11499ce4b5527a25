"""YAML files read with the line of every key, so that an error can name file and line.

PyYAML's own loader lets the last of two equal keys win in silence; here the second one is an error.
Next: `entries.py` finds the provider entries in a document.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from yaml.reader import ReaderError

from slm_ext.errors import RegistryError

__all__ = ["Document", "read_document"]

KeyPath = tuple[str | int, ...]


@dataclass(frozen=True)
class Document:
    """One source of configuration.

    Attributes:
        label: how messages call it; a file's path, or what the caller named it.
        data: the mapping it holds.
        base: folder that relative paths inside it start from.
        lines: 1-based line of each key, by the path of keys leading to it; empty for a given mapping.
    """

    label: str
    data: Mapping[str, Any]
    base: Path
    lines: Mapping[KeyPath, int] = field(default_factory=dict)

    def at(self, *path: str | int) -> str:
        """``"FILE:LINE"`` of the key at `path`, or of its nearest parent that has a line, or ``"FILE"``."""
        for length in range(len(path), 0, -1):
            if line := self.lines.get(path[:length]):
                return f"{self.label}:{line}"
        return self.label


def read_document(path: Path, label: str | None = None) -> Document:
    """Read a YAML file that holds a mapping; an empty file is an empty mapping.

    Raises:
        RegistryError: it cannot be read, is no YAML, repeats a key, or holds something else than a mapping.
    """
    label = label or str(path)
    attempted = f"read {label}"
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise RegistryError(
            attempted, seen=error.strerror or str(error), allowed="a readable YAML file", next_step=f"ls -l {path}"
        ) from None
    try:
        root = yaml.compose(raw, Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        raise _unreadable(label, raw, error) from None
    lines: dict[KeyPath, int] = {}
    if root is not None:
        _index(root, (), label, lines, [], set())
    try:
        data = yaml.load(raw, Loader=yaml.SafeLoader)
    except (yaml.YAMLError, ValueError, TypeError, OverflowError) as error:  # e.g. `!!python/…` tags, `2024-99-99`
        raise _unreadable(label, raw, error) from None
    if data is None:
        data = {}
    if not isinstance(data, dict):
        raise RegistryError(
            attempted,
            seen=f"{label}:1: the document is {_kind(data)}",
            allowed="a mapping, e.g. `slm_providers:` with one entry per provider below it",
        )
    return Document(label, data, path.resolve().parent, lines)


def _index(node: yaml.Node, path: KeyPath, label: str, lines: dict, above: list[int], seen: set[int]) -> None:
    """Note the line of every key below `node`; refuse repeated keys and nodes that contain themselves."""
    if id(node) in above:
        raise RegistryError(
            f"read {label}",
            seen=f"{label}:{node.start_mark.line + 1}: an anchor that contains itself",
            allowed="anchors and aliases without a loop",
        )
    if id(node) in seen or isinstance(node, yaml.ScalarNode):
        return
    seen.add(id(node))
    above.append(id(node))
    if isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            lines[(*path, index)] = item.start_mark.line + 1
            _index(item, (*path, index), label, lines, above, seen)
    elif isinstance(node, yaml.MappingNode):
        first: dict[tuple[str, str], int] = {}
        for key, value in node.value:
            line = key.start_mark.line + 1
            if isinstance(key, yaml.ScalarNode) and key.tag != "tag:yaml.org,2002:merge":
                if (key.tag, key.value) in first:
                    raise _repeated(label, path, key.value, line, first[key.tag, key.value])
                first[key.tag, key.value] = line
                lines[(*path, key.value)] = line
                _index(value, (*path, key.value), label, lines, above, seen)
            else:
                _index(value, path, label, lines, above, seen)
    above.pop()


def _repeated(label: str, path: KeyPath, key: str, line: int, first: int) -> RegistryError:
    what = "provider" if path and path[-1] == "slm_providers" else "key"
    return RegistryError(
        f"read {label}",
        seen=f"{label}:{line}: {what} {key!r} a second time, first in line {first}",
        allowed=f"each {what} once in a file",
        next_step=f"rename or delete one of the two in {label}",
    )


def _unreadable(label: str, raw: bytes, error: Exception) -> RegistryError:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    where, text = label, getattr(error, "problem", None) or str(error)
    if mark is not None:
        where = f"{label}:{mark.line + 1}:{mark.column + 1}"
    elif isinstance(error, ReaderError):
        where = f"{label}:{raw[: error.position].count(10) + 1}"
        text = error.reason
    return RegistryError(
        f"read {label}", seen=f"{where}: {text}", allowed="YAML 1.1", next_step=f"correct {where.split(' ')[0]}"
    )


def _kind(value: object) -> str:
    return {list: "a list", str: "text", bool: "true or false", int: "a number", float: "a number"}.get(
        type(value), f"a {type(value).__name__}"
    )
