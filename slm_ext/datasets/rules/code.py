"""Rules on code that a reply writes: it parses, and uses the fields that results have."""

from __future__ import annotations

import ast
import warnings
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from slm_ext.datasets.episode import Episode, Step
from slm_ext.paths import bundles_dir

__all__ = ["parsed", "unknown_field", "unparsable"]

_PROGRAMS = {"execute_python": "code", "execute_code": "code", "define_tool": "code", "python": "command"}
_NOTHING = ("unresolved-attribute", "unresolved-reference", "unknown-argument")
_FILES = {"write_file": "content", "create": "file_text", "str_replace_editor": "file_text"}


def unparsable(episode: Episode) -> Iterator[int]:
    """A Python program, or a whole Python file, with a syntax error. One that its tool has run had none: the task's
    Python may be newer than this one."""
    for index, step in enumerate(episode.steps):
        if step.report_status == "pass" and step.tool in _PROGRAMS:
            continue
        if any(parsed(code) is None for code in _written(step.tool, step.arguments)):
            yield index


def unknown_field(episode: Episode) -> Iterator[int]:
    """A program of code mode that asks a result for a field it does not have, or calls what is not there."""
    helpers: list[str] = []
    for index, step in enumerate(episode.steps):
        program = step.arguments.get("code")
        if not isinstance(program, str) or (tree := parsed(program)) is None:
            continue
        if step.tool == "define_tool" and _kept(step) and all(isinstance(node, ast.FunctionDef) for node in tree.body):
            helpers.append(program)
        if step.tool == "execute_code" and _names_nothing(program, helpers):
            yield index


def parsed(code: str) -> ast.Module | None:
    """The tree of a program; None where it has a syntax error."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(code)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


def _kept(step: Step) -> bool:
    return step.report_status in (None, "pass") and step.outcome != "error"


def _written(tool: str, arguments: dict[str, Any]) -> Iterator[str]:
    if tool in _PROGRAMS and isinstance(arguments.get(_PROGRAMS[tool]), str):
        yield arguments[_PROGRAMS[tool]]
    text = arguments.get(_FILES.get(tool, ""))
    if isinstance(text, str) and str(arguments.get("path", "")).endswith(".py"):
        yield text


def _names_nothing(program: str, helpers: list[str]) -> bool:
    from slm_ext.bundles.library import tool_library

    found = tool_library("slm_code_mode", "checks").problems(program, _stubs(), helpers)
    return any(problem["rule"] in _NOTHING for problem in found)


@lru_cache(maxsize=1)
def _stubs() -> str:
    """What programs can call, and the fields of what it returns."""
    return (bundles_dir() / "slm_code_mode" / "stubs.pyi").read_text(encoding="utf-8")
