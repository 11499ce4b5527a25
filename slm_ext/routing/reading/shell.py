"""What a shell command is for, by its words.

A line may hold several commands; the one that weighs most says what the line is for: handing in, then testing, editing,
reviewing, reading, locating. A line that cannot be split as a shell would is split as well as possible.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import PurePosixPath

__all__ = ["Work", "named_files", "read_command"]

MAX_CHARS = 2000
"""Of a command, without the bodies of here-documents, that are looked at."""
CONTEXT_LINES = 4
"""Lines around a match from which a search in a file shows enough to count as reading it."""


@dataclass(frozen=True)
class Work:
    """What a call is for."""

    kind: str
    paths: tuple[str, ...] = ()
    """Files it names, relative to where the command went by `cd`."""
    writes: bool = False
    """Where it works, it changes files."""
    undo: bool = False
    """It takes changes back."""
    name: str = ""
    """The tool, or the program."""
    suite: bool = False
    """A test program, not just some script that was run."""
    shell: bool = False
    listing: bool = False
    """It lists names and searches for none, or in none."""


@lru_cache(maxsize=2048)
def read_command(command: str) -> Work:
    """The work of one command line; never raises."""
    text, bodies = _without_bodies(command)
    folder, works = "", []
    for words, outputs, piped in _commands(text[:MAX_CHARS]):
        words = _unwrapped(words)
        if not words:
            continue
        if words[0] in ("cd", "pushd"):
            folder = words[1] if len(words) > 1 else ""
            continue
        if words[0] in ("bash", "sh", "zsh") and "-c" in words[:-1]:
            works.append(read_command(words[words.index("-c") + 1]))
            continue
        works.append(_one(words, outputs, piped, bodies, folder))
    if not works:
        return Work("other", shell=True)
    first = min(works, key=lambda work: _WEIGHT.index(work.kind))
    paths = tuple(dict.fromkeys(path for work in works if work.kind == first.kind for path in work.paths))
    return Work(
        first.kind, paths, writes=any(work.writes for work in works), undo=first.undo, name=first.name,
        suite=any(work.suite for work in works), shell=True,
        listing=first.kind == "locate" and all(work.listing for work in works if work.kind == "locate"),
    )  # fmt: skip


def named_files(words: Iterable[str]) -> tuple[str, ...]:
    """The words without the parts that name a test or a line in a file, each once."""
    bare = (word.partition("::")[0] for word in words)
    return tuple(dict.fromkeys(word[2:] if word.startswith("./") else word for word in bare if word))


_WEIGHT = ("finish", "test", "edit", "review", "read", "locate", "other")
_HEREDOC = re.compile(r"<<-?[ \t]*(['\"]?)(\w+)\1[^\n]*\n(.*?)(?:\n[ \t]*\2[ \t]*(?=\n|\Z)|\Z)", re.DOTALL)


def _without_bodies(command: str) -> tuple[str, str]:
    """The command without the bodies of its here-documents, and the bodies."""
    if "<<" not in command:
        return command, ""
    bodies = "\n".join(match[3] for match in _HEREDOC.finditer(command))
    return _HEREDOC.sub(lambda match: match[0].partition("\n")[0], command), bodies


_OPERATORS = ";&|<>()\n"


def _commands(text: str) -> list[tuple[list[str], list[str], bool]]:
    """(words, files written to, whether it reads another's output) of each simple command."""
    lines = "\n".join(line for line in text.replace("\\\n", " ").split("\n") if not line.lstrip().startswith("#"))
    found: list[tuple[list[str], list[str], bool]] = []
    words: list[str] = []
    outputs: list[str] = []
    piped, redirect = False, ""
    for token in [*_tokens(lines), "\n"]:
        if not token or token[0] not in _OPERATORS or token.strip(_OPERATORS):
            if ">" in redirect and "&" not in redirect[1:] and not token.startswith(("/dev/", "/tmp/")):
                outputs.append(token)
            elif not redirect:
                words.append(token)
            redirect = ""
        elif "<" in token or ">" in token:
            redirect = token
            if words and words[-1] in ("0", "1", "2"):
                words.pop()
        else:
            if words:
                found.append((words, outputs, piped))
            words, outputs, redirect = [], [], ""
            piped = token.startswith("|") and token != "||"
    return found


_TOKEN = re.compile(r"""[;&|<>()\n]+|(?:\\.|'[^']*'|"(?:\\.|[^"\\])*"|[^\s;&|<>()])+""", re.DOTALL)
_QUOTED = re.compile(r"""\\(.)|'([^']*)'|"((?:\\.|[^"\\])*)\"""", re.DOTALL)


def _tokens(text: str) -> list[str]:
    """Words without their quotes, and runs of operators. A quote that does not end is a character like others."""
    tokens = []
    for token in _TOKEN.findall(text):
        if token[0] in _OPERATORS or not any(mark in token for mark in "'\"\\"):
            tokens.append(token)
            continue
        word = _QUOTED.sub(lambda match: match[match.lastindex or 1], token)
        tokens.append(word if word.strip(_OPERATORS) else token)  # a quoted operator is a word
    return tokens


_WRAPPERS = {
    "sudo", "env", "time", "nohup", "command", "exec", "xargs", "stdbuf", "nice", "timeout", "then", "do",
    "else",
}  # fmt: skip
_RUNNERS = {("poetry", "run"), ("uv", "run"), ("pipenv", "run"), ("pdm", "run"), ("hatch", "run"), ("coverage", "run")}


def _unwrapped(words: list[str]) -> list[str]:
    """Without assignments, wrappers and the wrappers' own options."""
    while words:
        if re.match(r"\w+\+?=", words[0]) or words[0] in ("!", "{", "if", "while"):
            words = words[1:]
        elif words[0] in _WRAPPERS:
            words = words[1:]
            while words and (words[0].startswith("-") or re.fullmatch(r"\d+[smh]?|\{\}", words[0])):
                words = words[1:]
        elif tuple(words[:2]) in _RUNNERS:
            words = ["python", *words[2:]] if words[0] == "coverage" else words[2:]
        else:
            break
    return words


_LOCATE = {"ls", "find", "tree", "fd", "rg", "ag", "ack", "grep", "egrep", "fgrep", "which", "locate", "whereis"}
_GREPS = {"rg", "ag", "ack", "grep", "egrep", "fgrep"}
_READ = {
    "cat", "head", "tail", "less", "more", "nl", "wc", "awk", "cut", "bat", "sed", "xxd", "od", "jq",
    "diff", "file", "stat",
}  # fmt: skip
_EDIT = {
    "tee", "patch", "mv", "rm", "cp", "touch", "ln", "truncate", "dd", "black", "isort", "autopep8",
    "yapf", "rmdir",
}  # fmt: skip
_SUITES = {"pytest", "py.test", "tox", "nosetests", "nose2", "nox", "ctest", "phpunit", "jest", "rspec", "unittest"}
_CHECKS = {"mypy", "ruff", "flake8", "pylint", "pyright", "node", "doctest"}
_GIT = {
    "diff": "review", "status": "review", "log": "review", "show": "review", "blame": "review", "grep": "locate",
    "ls-files": "locate", "apply": "edit", "am": "edit", "checkout": "edit", "restore": "edit", "revert": "edit",
    "reset": "edit", "stash": "edit", "mv": "edit", "rm": "edit", "merge": "edit", "cherry-pick": "edit",
}  # fmt: skip
_GIT_FILES = {"diff", "show", "blame", "log", "checkout", "restore", "rm", "mv"}
_TAKES_BACK = {"checkout", "restore", "revert", "reset", "stash"}
_COMPLETE = "COMPLETE_TASK_AND_SUBMIT_FINAL_OUTPUT"
_WRITING_CODE = re.compile(
    r"write_text|write_bytes|\.write\(|\.writelines\(|open\([^)]*,\s*(?:mode=)?['\"][rb]*[wax+]|fileinput\.|shutil\.|"
    r"os\.(?:remove|rename|replace|unlink)|\.(?:unlink|rename)\("
)


def _one(words: list[str], outputs: list[str], piped: bool, bodies: str, folder: str) -> Work:
    program, rest = PurePosixPath(words[0]).name, words[1:]
    kind, suite = _kind(program, rest, bodies)
    undo = program == "git" and any(word in _TAKES_BACK for word in rest[:3])
    files = _files(program, rest)
    if kind == "read" and piped and not files:
        kind = "other"  # it shortens what another command says
    writes = kind == "edit"
    if outputs and kind not in ("test", "review", "finish"):
        kind, files, writes = "edit", outputs, True
    elif kind == "edit" and files and all(file.startswith(("/tmp/", "/dev/")) for file in files) and program != "patch":
        writes = False
    elif outputs == [] and kind == "edit" and program == "tee" and not files:
        kind, writes = "other", False
    listing = kind == "locate" and program not in _GREPS and not (program == "git" and "grep" in rest)
    at = f"{folder.rstrip('/')}/" if folder else ""
    paths = named_files(file if file.startswith(("/", "~")) else at + file.removeprefix("./") for file in files)
    return Work(kind, paths, writes=writes, undo=undo, name=program, suite=suite, shell=True, listing=listing)


def _kind(program: str, rest: list[str], bodies: str) -> tuple[str, bool]:
    """(kind, whether a test program runs)."""
    first = next((word for word in rest if not word.startswith("-")), "")
    if program in ("submit", "exit_forfeit") or (program in ("echo", "printf") and _COMPLETE in rest):
        return "finish", False
    if re.fullmatch(r"python[\d.]*|pypy\d?", program):
        return _python(rest, bodies)
    if program in _SUITES or re.search(r"(^|[-_])tests?([-_.]|$)|runtests", program):
        return "test", True
    if program in ("npm", "yarn", "go", "cargo", "make", "mvn", "gradle", "gradlew", "bazel", "dotnet", "rake", "just"):
        return ("test", True) if re.search(r"test|check", first) else ("other", False)
    if program == "git":
        words = rest[2:] if rest[:1] == ["-C"] else rest
        return _GIT.get(next((word for word in words if not word.startswith("-")), ""), "other"), False
    if program in ("sed", "perl", "ruby"):
        in_place = any(re.match(r"-[a-zA-Z]*i|--in-place", word) for word in rest)
        return ("edit" if in_place else "read" if program == "sed" else "test"), False
    if program == "find" and ("-delete" in rest or {"sed", "rm", "perl"} & set(rest)):
        return "edit", False
    if program == "ruff":
        return ("edit" if first == "format" or "--fix" in rest else "test"), False
    if program in _GREPS and _context(rest) >= CONTEXT_LINES:
        return "read", False
    for names, kind in ((_LOCATE, "locate"), (_READ, "read"), (_EDIT, "edit"), (_CHECKS, "test")):
        if program in names:
            return kind, False
    return ("test" if re.search(r"\.(py|sh|js|rb)$", program) else "other"), False


def _python(rest: list[str], bodies: str) -> tuple[str, bool]:
    words = list(rest)
    while words and words[0].startswith("-") and words[0] not in ("-m", "-c", "-"):
        words = words[2 if words[0] in ("-W", "-X") else 1 :]
    if words[:1] == ["-m"] and len(words) > 1:
        module = words[1]
        if module in ("pip", "venv", "ensurepip", "build"):
            return "other", False
        return ("edit" if module in _EDIT else "test"), module in _SUITES
    code = words[1] if words[:1] == ["-c"] and len(words) > 1 else bodies if not words or words[0] == "-" else None
    if code is not None:
        return ("edit" if _WRITING_CODE.search(code) else "test"), False
    script = PurePosixPath(words[0]).name if words else ""
    if script == "setup.py":
        return ("test", True) if "test" in words else ("other", False)
    return "test", bool(re.search(r"runtests|run_tests", script)) or (script == "manage.py" and "test" in words)


def _context(rest: list[str]) -> int:
    """Lines around each match that a search shows."""
    for index, word in enumerate(rest):
        match = re.fullmatch(r"(?:-[a-zA-Z]*[ABC]|--(?:after-|before-)?context=?)(\d*)", word)
        if match:
            number = match[1] or (rest[index + 1] if index + 1 < len(rest) else "")
            return int(number) if number.isdecimal() and len(number) < 6 else 0
    return 0


_FILE = re.compile(r"[\w./~+@-]*\.\w{1,6}|[\w.~+@-]*/[\w./~+@-]*|Makefile|Dockerfile|README|LICENSE")


def _files(program: str, rest: list[str]) -> list[str]:
    words = [word.partition("::")[0] for word in rest if not word.startswith("-")]
    if program in _GREPS or program in ("awk", "perl") or (program == "sed" and "-f" not in rest):
        words = words[1:]  # the pattern, the script
    if program == "git":
        words = words[2 if rest[:1] == ["-C"] else 1 :] if _GIT_FILES & set(rest) else []
    if program in ("find", "tree", "ls", "echo", "printf"):
        return []
    return [word for word in words if _FILE.fullmatch(word)]
