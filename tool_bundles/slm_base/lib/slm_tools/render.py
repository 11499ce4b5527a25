"""The text an agent sees for a typed result. No durations, absolute paths, dates or versions in it."""

import json
import os

from . import testing

DEFAULT_MAX_CHARS = 8000


def visible(result, max_chars=DEFAULT_MAX_CHARS):
    """The agent-visible text of `result`, at most `max_chars` characters, without a last newline."""
    return fit(result, max_chars)[0]


def fit(result, max_chars=DEFAULT_MAX_CHARS):
    """(visible text, whether something was left out)."""
    if result.get("error"):
        head = "error {}: {}".format(result["error"]["kind"], result["error"]["message"])
        return _bounded(head, result.get("lines", []), max_chars, "")
    return _SHAPES[result["tool"]](result, max_chars)


def _read_file(result, max_chars):
    lines = [_split(line) for line in result["content"].split("\n")] if result["content"] else []
    span = f"lines {result['start_line']}-{result['end_line']} of {result['total_lines']}"
    head = "{}: {}".format(result["path"], result["symbol"] + ", " + span if result["symbol"] else span)
    if not result["total_lines"]:
        head = "{}: empty".format(result["path"])
    return _bounded(head, lines, max_chars, "; read_file with start and end shows them")


def _split(line):
    number, text = line.split("|", 1)
    return {"number": int(number), "text": text}


def _edit_line(result, max_chars):
    return _bounded("edited " + _place(result), result["lines"], max_chars, "")


def _undo_edit(result, max_chars):
    return _bounded("undone in " + _place(result), result["lines"], max_chars, "")


def _place(result):
    if result["end_line"] == result["line"]:
        return f"{result['path']} line {result['line']}"
    return f"{result['path']} lines {result['line']}-{result['end_line']}"


def _bounded(head, lines, max_chars, advice):
    """`head`, then the numbered lines that fit, then a line that counts the others."""
    rows = [f"{line['number']}|{line['text']}" for line in lines]
    text = "\n".join([head, *rows])
    if len(text) <= max_chars:
        return text, False
    notice = "\n… %d lines omitted" + advice
    room = max_chars - len(head) - len(notice % len(rows))
    kept = 0
    while kept < len(rows) and room >= len(rows[kept]) + 1:
        room -= len(rows[kept]) + 1
        kept += 1
    if kept == 0 and rows:  # not even one line fits: show its beginning
        cut = f" … {len(rows[0])} characters omitted"
        rows[0] = rows[0][: max(0, room - len(cut) - 1)] + cut
        kept = 1
    text = "\n".join([head, *rows[:kept]])
    if kept < len(rows):
        text += (notice % (len(rows) - kept)).replace("… 1 lines", "… 1 line")
    return text[:max_chars], True


def _pytest_run(result, max_chars):
    head, data = testing.summary(result), testing.compact(result)
    text = head + "\n" + _dump(data)
    tests = data.get("tests")
    shown = int(os.environ.get("SLM_TOOL_MAX_TESTS") or 20)  # a profile shows a small model fewer
    while tests and (len(text) > max_chars or len(tests) > shown):
        tests.pop()
        data["omitted"] += 1
        text = head + "\n" + _dump(data)
    return text[:max_chars], bool(tests is not None and len(tests) < data["total"])


def _dump(data):
    return json.dumps(data, ensure_ascii=False, separators=(",", ":"))


def _submit(result, max_chars):
    return result["output"], False  # a patch is never cut


_SHAPES = {
    "read_file": _read_file,
    "edit_line": _edit_line,
    "undo_edit": _undo_edit,
    "pytest_run": _pytest_run,
    "submit": _submit,
}
