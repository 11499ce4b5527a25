"""The repository a conversation is about, as it is now: its files, their lines, their symbols."""

from __future__ import annotations

import ast
import io
import os
import re
import stat
import subprocess
import tokenize
import warnings
from contextlib import suppress
from pathlib import Path
from typing import Protocol

__all__ = ["LocalRepository", "Repository"]

MAX_BYTES = 10 * 1024 * 1024
"""Larger files are not read; the tools refuse them too."""
_GIT_S = 20


class Repository(Protocol):
    """What grounding asks of a repository. Paths are relative to its top, POSIX. Nothing is raised."""

    def files(self) -> list[str] | None:
        """Files that git tracks, and new ones that it does not ignore, sorted; None where that cannot be told."""
        ...

    def lines(self, path: str) -> list[str] | None:
        """A text file's lines without line ends; None where there is no such text file."""
        ...

    def symbols(self, path: str) -> list[str] | None:
        """What a Python file's functions, classes, methods (`Class.method`) and top-level names may be called, shorter
        forms included where only one symbol ends so; None where the file cannot be parsed."""
        ...


class LocalRepository:
    """A folder on this machine. Files are read anew each time; symbols are kept until their file changes."""

    def __init__(self, root: Path | str):
        self.root = os.path.realpath(root)
        self._symbols: dict[str, tuple[tuple[int, ...], list[str] | None]] = {}

    def files(self) -> list[str] | None:
        command = ["git", "-c", "safe.directory=*", "-c", "core.fsmonitor=false", "ls-files", "-z"]
        env = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
        try:
            done = subprocess.run(
                [*command, "--cached", "--others", "--exclude-standard"],
                cwd=self.root, env=env | {"GIT_OPTIONAL_LOCKS": "0"}, capture_output=True, timeout=_GIT_S, check=True,
            )  # fmt: skip
        except (OSError, subprocess.SubprocessError):
            return None
        names = []
        for raw in set(done.stdout.split(b"\0")):
            with suppress(UnicodeDecodeError):
                names.append(raw.decode("utf-8"))
        return sorted(name for name in names if name.isprintable() and self._stat(name) is not None)

    def lines(self, path: str) -> list[str] | None:
        text = self._text(path)
        if text is None:
            return None
        lines = re.split(r"\r\n|\n|\r", text)
        return lines if lines[-1] else lines[:-1]

    def symbols(self, path: str) -> list[str] | None:
        status = self._stat(path)
        if status is None:
            return None
        mark = (status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
        known = self._symbols.get(path)
        if known is None or known[0] != mark:
            text = self._text(path)
            known = self._symbols[path] = (mark, None if text is None else _called(text))
        return known[1]

    def _stat(self, path: str) -> os.stat_result | None:
        """Of a regular file inside the repository, which a link may lead to."""
        joined = os.path.join(self.root, path)
        try:
            status = os.lstat(joined)
            if stat.S_ISLNK(status.st_mode):
                real = os.path.realpath(joined)
                if not real.startswith(self.root.rstrip(os.sep) + os.sep):
                    return None
                status = os.stat(real)
        except (OSError, ValueError):
            return None
        return status if stat.S_ISREG(status.st_mode) else None

    def _text(self, path: str) -> str | None:
        """Decoded as the tools decode it: Python's own coding line, UTF-8, else Latin-1; None for a binary file."""
        status = self._stat(path)
        if status is None or status.st_size > MAX_BYTES:
            return None
        try:
            raw = Path(self.root, path).read_bytes()
        except OSError:
            return None
        if b"\0" in raw:
            return None
        encodings = ["utf-8-sig" if raw.startswith(b"\xef\xbb\xbf") else "utf-8"]
        if path.endswith(".py"):
            with suppress(SyntaxError):
                encodings.insert(0, tokenize.detect_encoding(io.BytesIO(raw).readline)[0])
        for encoding in encodings:
            with suppress(UnicodeError, LookupError):
                text = raw.decode(encoding)
                if text.encode(encoding) == raw:
                    return text
        text = raw.decode("latin-1")
        return None if re.search(r"[\x00-\x08\x0e-\x1a\x1c-\x1f]", text) else text


def _called(text: str) -> list[str] | None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    found: dict[str, None] = {}
    _visit(tree, "", found)
    ends: dict[str, int] = {}
    for name in found:
        parts = name.split(".")
        for i in range(1, len(parts)):
            end = ".".join(parts[i:])
            ends[end] = ends.get(end, 0) + 1
    return [*found, *(end for end, count in ends.items() if count == 1 and end not in found)]


def _visit(node: ast.AST, prefix: str, found: dict[str, None]) -> None:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found[prefix + child.name] = None
            _visit(child, f"{prefix}{child.name}.", found)
        elif isinstance(child, ast.Assign | ast.AnnAssign) and not prefix:
            targets = child.targets if isinstance(child, ast.Assign) else [child.target]
            found.update({target.id: None for target in targets if isinstance(target, ast.Name)})
        elif isinstance(child, ast.If | ast.Try | ast.With):
            _visit(child, prefix, found)
