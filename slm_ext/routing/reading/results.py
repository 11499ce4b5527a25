"""What a tool's result says: whether the call worked, and how a test run ended.

Three hosts wrap results in three ways (our profiles not at all); inside are our own tools' first lines, SWE-agent's
sentences, and whatever programs print. Long results are looked at where programs say how they ended: at both ends.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

from slm_ext.routing.reading.shell import Work

__all__ = ["Result", "read_result"]

HEAD, TAIL = 700, 1200
"""Characters of a long result that are looked at."""


@dataclass(frozen=True)
class Result:
    """What came of a call."""

    status: str
    """`ok`, `error`, `passed` or `failed`."""
    line: str
    """The first line that says something."""
    listing: bool = False
    """It lists a folder."""


def read_result(text: str, work: Work) -> Result:
    """The result of a call that was for `work`; never raises."""
    body, code = _unwrapped(text)
    head, tail = body[:HEAD].lstrip(), body[-TAIL:]
    line = _first_line(head)
    if work.kind == "test":
        status = _test_status(head, tail, line, code, work)
        return Result(status, _failure(tail, line) if status == "failed" else line)
    return Result(_status(head, line, code, work), line, line.startswith("Here's the files and directories"))


_RETURNCODE = re.compile(r"\s*(?:<exception>.*?</exception>\s*)?<returncode>(-?\d+)</returncode>\s*", re.DOTALL)
_OPEN = re.compile(r"<output(?:_head)?>\n?")
_SILENT = ("Your command ran successfully and did not produce any output.",)


def _unwrapped(text: str) -> tuple[str, int | None]:
    """(what the program said, its status where the host tells it)."""
    if text.startswith(("OBSERVATION:", "Observation:")):
        text = text.partition(":")[2].lstrip()
    if text.startswith(_SILENT):
        return "", 0
    if text.startswith(("<returncode>", "<exception>")) and (match := _RETURNCODE.match(text)):
        opened = _OPEN.search(text, match.end())
        body = text[opened.end() :] if opened else text[match.end() :]
        return re.sub(r"\s*</output(?:_tail)?>\s*\Z", "", body), int(match[1])
    if text.startswith("{") and '"returncode"' in text[:200]:
        try:
            data = json.loads(text)
            return str(data.get("output", data.get("output_head", ""))) + str(data.get("output_tail", "")), int(
                data["returncode"]
            )
        except (ValueError, TypeError, KeyError, RecursionError):
            return text, None
    return text, None


def _first_line(head: str) -> str:
    return head.partition("\n")[0].strip()


_SHELL_TROUBLE = re.compile(
    r"(?:/\S*/)?(?:ba|z|da)?sh: .*(?:not found|No such file|rror)|[\w.-]+: (?:can't|cannot|error|invalid|unrecognized)|"
    r"(?:error|fatal|usage|Usage|ERROR): |Traceback \(most recent call last\)|[\w./-]+: .*No such file or directory|"
    r"The command '.*' was cancelled|Your bash command contained syntax errors|Operation '.*' is not supported"
)
_TOOL_TROUBLE = re.compile(
    r"error \w+: |No replacement was performed|The path .* (?:does not exist|is a directory|is not an absolute)|"
    r"Invalid `|Your (?:edit was not applied|proposed edit has introduced|search and replace strings are the same)|"
    r"No file opened|Parameter `|File already exists at|No edit history|The parent directory|The `|Ran into |"
    r"Unrecognized command|File .* not found|Error: |usage: |Usage: "
)


def _status(head: str, line: str, code: int | None, work: Work) -> str:
    if not work.shell:
        return "error" if _TOOL_TROUBLE.match(line) else "ok"
    if code is None:
        return "error" if _SHELL_TROUBLE.match(line) else "ok"
    nothing_found = work.kind in ("locate", "read") and code == 1 and not head
    return "ok" if code == 0 or nothing_found or (work.kind == "review" and code == 1) else "error"


_OWN = re.compile(r"(pass|fail|error|timeout|unavailable|nothing_to_do)(?: \w+)?: (.*)")
_FAILED = re.compile(
    r"^=* *(?:\d+ \w+, )*\d+ (?:failed|errors?)\b.* in [\d.]+s|^FAILED \(|^FAIL(?::|\s|$)|test result: FAILED|"
    r"^FAILED \S|^ERROR \S+\.py|\b[1-9]\d* (?:failed|failing)\b|evaluation failed|^Found \d+ errors?\b",
    re.MULTILINE,
)
_PASSED = re.compile(
    r"^=* *(?:\d+ \w+, )*\d+ passed\b|^OK\b|test result: ok|congratulations :\)|^ok\s+\S|\b[1-9]\d* passing\b|"
    r"^PASS\b|: OK$",
    re.MULTILINE,
)
_NOT_RUN = re.compile(
    r"no tests ran|^ERROR: (?:file or directory )?not found|^ERROR: usage|No module named '?(?:pytest|tox|nose)|"
    r"^Ran 0 tests|can't open file|: command not found|: No such file or directory$",
    re.MULTILINE,
)
_CRASH = re.compile(r"^Traceback \(most recent call last\)|^(?:\w+\.)*\w*(?:Error|Exception)(?::|$)", re.MULTILINE)


def _test_status(head: str, tail: str, line: str, code: int | None, work: Work) -> str:
    own = None if work.shell else _OWN.match(line)
    if own:
        said, message = own.groups()
        if said == "error":
            return "failed" if "while collecting" in message else "error"
        return {"pass": "passed", "fail": "failed", "timeout": "failed"}.get(said, "error")
    if not work.shell and _TOOL_TROUBLE.match(line):
        return "error"
    if _FAILED.search(tail):
        return "failed"
    if work.suite and code in (None, 0) and _PASSED.search(tail):
        return "passed"
    if code == 127 or _NOT_RUN.search(head) or (_SHELL_TROUBLE.match(line) and not _CRASH.match(line)):
        return "error"
    if _CRASH.search(tail) or _CRASH.search(head) or code not in (None, 0):
        return "failed"
    return "passed" if work.suite and code == 0 and not work.shell else "ok"


_TELLING = re.compile(r"^(?:FAILED|ERROR) \S.*|^FAIL: .*|^E   .*|^(?:\w+\.)*\w*(?:Error|Exception)\b.*", re.MULTILINE)


def _failure(tail: str, line: str) -> str:
    """Of a failed run the first line that names a failure, without which two failures look the same."""
    match = _TELLING.search(tail)
    return match[0].strip() if match else line
