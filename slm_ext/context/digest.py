"""The facts of exchanges that are left out, found without a model: files, edits, the last error, the last test run."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from slm_ext.context.exchanges import Result
from slm_ext.context.kinds import command_of, failed

__all__ = ["digest", "status_of_tests"]

_FILES, _EDITS, _LINE = 12, 8, 160
"""Most files and edits that are named (the latest ones), and characters of one line."""
_PATH_ARGUMENTS = ("path", "file_path", "filepath", "filename", "file_name", "file")
_PATH = re.compile(r"(?<![\w./~-])(?:[\w.-]+/)*[\w-]+\.[A-Za-z]\w{0,4}(?![\w/(])")
_COUNTS = re.compile(r"\b\d+ (?:passed|failed|errors?|skipped)\b|^(?:OK|FAILED)\b", re.M)
_ERROR_LINE = re.compile(
    r"^(?:E  +)?(?:[\w.]+\.)?[A-Z]\w*(?:Error|Exception)\b.*$|^(?:error|fail(?:ed)?|fatal|timeout)\b.*$", re.M | re.I
)


def digest(results: Iterable[Result]) -> str:
    """A few lines, bounded in number and length; "" where there is nothing to say."""
    files: dict[str, None] = {}
    edits: list[str] = []
    error = tests = ""
    for result in results:
        for path in _paths(result.name, result.arguments):
            files.pop(path, None)
            files[path] = None
        if result.kind == "edit":
            what = command_of(result.name, result.arguments) or " ".join([result.name, *_paths("", result.arguments)])
            edits.append(f"{_line(what, _LINE // 2)}: {_line(result.content, _LINE // 2)}")
        elif result.kind == "test":
            tests = status_of_tests(result.content)
        if failed(result.content, result.kind):
            error = f"{result.name}: {_error(result.content)}" if result.name else _error(result.content)
    lines = []
    if files:
        lines.append(f"Files touched: {_more(list(files), _FILES, ', ')}")
    if edits:
        lines.append(f"Edits made:\n- {_more(edits, _EDITS, chr(10) + '- ')}")
    if tests:
        lines.append(f"Last test run: {tests}")
    if error:
        lines.append(f"Last error: {error}")
    return "\n".join(lines)


def status_of_tests(content: str) -> str:
    """The line that counts passed and failed tests, the first one or else the last that does; else the first line."""
    first = _line(content, _LINE)
    counted = [line for line in content.splitlines() if _COUNTS.search(line)]
    return first if _COUNTS.search(first) or not counted else _line(counted[-1].strip("= "), _LINE)


def _paths(name: str, arguments: dict[str, Any]) -> list[str]:
    named = [arguments[key] for key in _PATH_ARGUMENTS if isinstance(arguments.get(key), str)]
    return [path for path in named if path] or _PATH.findall(command_of(name, arguments) or "")


def _error(content: str) -> str:
    first = _line(content, _LINE)
    found = _ERROR_LINE.findall(content)
    return first if _ERROR_LINE.match(first) or not found else _line(found[-1], _LINE)


def _line(text: str, most: int) -> str:
    """The first line that holds anything, with single blanks, clipped."""
    line = next((" ".join(line.split()) for line in text.splitlines() if line.strip()), "")
    return line if len(line) <= most else line[: most - 1] + "…"


def _more(items: list[str], most: int, between: str) -> str:
    earlier = len(items) - most
    return between.join([*([f"({earlier} earlier ones)"] if earlier > 0 else []), *items[-most:]])
