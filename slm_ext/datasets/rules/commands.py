"""The shell commands of a step, word by word."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from slm_ext.datasets.episode import Step
from slm_ext.datasets.rules.code import parsed
from slm_ext.routing.reading.actions import shell_work

__all__ = ["git_commands", "is_shell", "shell_texts", "simple_commands"]

_PROGRAMS = ("execute_code", "execute_python")
_WRAPPERS = ("sudo", "env", "time", "nohup", "timeout", "xargs", "command", "exec")
_SHELLS = ("sh", "bash", "zsh", "dash")
_VALUED = ("-C", "-c", "--git-dir", "--work-tree", "--namespace")


def is_shell(step: Step) -> bool:
    """Whether the tool of a step runs shell commands."""
    return step.tool != "python" and shell_work(step.tool, step.arguments) is not None


def shell_texts(step: Step) -> Iterator[str]:
    """What a step gives to a shell: its command; of a program what it calls `shell`, `os.system` and the like with."""
    if is_shell(step):
        yield step.arguments["command"]
    program = step.arguments.get("code")
    tree = parsed(program) if step.tool in _PROGRAMS and isinstance(program, str) else None
    for node in ast.walk(tree) if tree is not None else ():
        if isinstance(node, ast.Call) and _name(node.func) in _STARTING:
            for given in [*node.args[:1], *(keyword.value for keyword in node.keywords if keyword.arg in _FIRST)]:
                yield from _text(given)


def simple_commands(text: str) -> Iterator[list[str]]:
    """The words of each simple command of a shell text, those inside of others and behind `sh -c` too."""
    from slm_ext.bundles.library import tool_library

    for command in tool_library("slm_execute", "grammar").commands(text, "/", {}):
        words = list(command.words)
        while words and (_program(words[0]) in _WRAPPERS or words[0].startswith("-") or "=" in words[0]):
            words = words[1:]
        if words and _program(words[0]) in _SHELLS and "-c" in words[:-1] and words[words.index("-c") + 1] != text:
            yield from simple_commands(words[words.index("-c") + 1])
        elif words:
            yield words


def git_commands(text: str) -> Iterator[list[str]]:
    """The words after `git` of each of its calls, from the subcommand on."""
    if "git" not in text:
        return
    for words in simple_commands(text):
        if _program(words[0]) != "git":
            continue
        words = words[1:]
        while words and words[0].startswith("-"):
            words = words[2 if words[0] in _VALUED else 1 :]
        if words:
            yield words


_STARTING = ("shell", "system", "popen", "run", "call", "check_call", "check_output", "Popen", "getoutput")
_FIRST = ("command", "args", "cmd")


def _name(function: ast.expr) -> str:
    return (
        function.attr if isinstance(function, ast.Attribute) else function.id if isinstance(function, ast.Name) else ""
    )


def _text(node: ast.expr) -> Iterator[str]:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, (ast.List, ast.Tuple)):
        yield " ".join(one.value for one in node.elts if isinstance(one, ast.Constant) and isinstance(one.value, str))


def _program(word: str) -> str:
    return word.rsplit("/", 1)[-1]
