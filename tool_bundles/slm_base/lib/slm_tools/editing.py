"""edit_line and undo_edit: replace one piece of text on one line, and take it back."""

import re
import warnings

from . import history
from .failures import ToolError, one_line
from .files import digest, load, replace

_NEAR = 10


def edit_line(root, path, line, old, new):
    """Replace `old`, which stands exactly once on line `line` (1-based), by `new`; `new` may hold several lines.

    Small models miscount. So where `old` is not on that line, and was not before an earlier edit, but is the whole of
    exactly one line of the file, its indent aside, at most ten lines away, that line is meant; the result says which.

    A Python file that parsed before still parses afterwards, else the edit is refused. The file is replaced in one
    step and keeps its mode, encoding, line ends and the absence of a last newline.
    """
    try:
        return _edit(root, path, line, old, new)
    except ToolError as error:
        return error.result("edit_line")


def undo(root, path):
    """Take back the last edit of a file that `edit_line` made and nobody changed since."""
    try:
        return _undo(root, path)
    except ToolError as error:
        return error.result("undo_edit")


def _edit(root, path, line, old, new):
    file = load(root, path)
    if not isinstance(line, int) or isinstance(line, bool):
        raise ToolError("bad_argument", "line is a line number")
    if not isinstance(old, str) or not isinstance(new, str):
        raise ToolError("bad_argument", "old and new are text")
    total = len(file.lines)
    if not 1 <= line <= total:
        raise ToolError("bad_range", f"{file.path} has {total} lines, there is no line {line}")
    line = _meant(root, file, line, old)
    current, here = file.text(line), file.numbered(line, line)
    if "\n" in old or "\r" in old:
        raise ToolError("bad_argument", "old spans several lines; edit_line changes one line", lines=here)
    if old == new:
        raise ToolError("no_change", "old and new are the same", lines=here)
    if not old and current:
        raise ToolError("bad_argument", f"old is empty; give the text of line {line} that changes", lines=here)
    if "\0" in new:
        raise ToolError("bad_argument", "new has a NUL character", lines=here)
    count = current.count(old) if old else 1
    if count != 1:
        where = f"line {line} of {file.path}"
        if count == 0:
            raise ToolError("not_found", f'{where} has no "{one_line(old)}"', _elsewhere(file, old), lines=here)
        raise ToolError(
            "ambiguous", f'{where} has "{one_line(old)}" {count} times', "give more of the line", lines=here
        )
    end = file.lines[line - 1][len(current) :]
    changed = current.replace(old, new, 1)
    block = re.sub(r"\r\n|\n|\r", lambda _: end or _newline(file), changed) + end
    lines = [*file.lines[: line - 1], block, *file.lines[line:]]
    raw = file.encode(lines)
    syntax_ok = _check_syntax(file, line, raw, here)
    replace(file, raw)
    span = len(re.findall(r"\r\n|\n|\r", changed)) + 1
    entry = {"line": line, "span": span, "old": file.lines[line - 1], "before": file.sha256, "after": digest(raw)}
    history.store(root, file.path, [*history.edits(root, file.path), entry])
    return _written(root, "edit_line", file, line, line + span - 1, syntax_ok, removed=1)


def _undo(root, path):
    file = load(root, path)
    stack = history.edits(root, file.path)
    if not stack:
        raise ToolError("nothing_to_undo", f"{file.path} has no edit to undo")
    entry = stack[-1]
    first, span = entry["line"], entry["span"]
    lines = [*file.lines[: first - 1], entry["old"], *file.lines[first - 1 + span :]]
    raw = file.encode(lines)
    if file.sha256 != entry["after"] or digest(raw) != entry["before"]:
        raise ToolError("stale", f"{file.path} changed after the edit; it is left as it is")
    replace(file, raw)
    history.store(root, file.path, stack[:-1])
    return _written(root, "undo_edit", file, first, first, None, removed=span)


def _written(root, tool, before, first, last, syntax_ok, removed):
    after = load(root, before.path)
    return {
        "schema_version": 1,
        "tool": tool,
        "status": "pass",
        "ok": True,
        "exit_code": 0,
        "path": after.path,
        "line": first,
        "end_line": last,
        "lines": after.numbered(first, last),
        "created": False,
        "bytes": len(after.raw),
        "sha256": after.sha256,
        "previous_sha256": before.sha256,
        "syntax_ok": syntax_ok,
        "diff_stat": {"added": last - first + 1, "removed": removed},
    }


def _newline(file):
    ends = [line[len(line.rstrip("\r\n")) :] for line in file.lines]
    return max(("\n", "\r\n", "\r"), key=ends.count)


def _meant(root, file, line, old):
    if not old.strip() or old in file.text(line):
        return line
    if any(edit["line"] == line and old in edit["old"] for edit in history.edits(root, file.path)):
        return line
    whole = [n for n in range(1, len(file.lines) + 1) if file.text(n).strip() == old.strip() and old in file.text(n)]
    return whole[0] if len(whole) == 1 and abs(whole[0] - line) <= _NEAR else line


def _elsewhere(file, old):
    found = [str(n) for n in range(1, len(file.lines) + 1) if old in file.text(n)]
    return "it is on line " + ", ".join(found[:5]) if found else "read the file again"


def _check_syntax(file, line, raw, here):
    """True when the new text parses, None when that says nothing; refuses an edit that breaks a file that parsed."""
    if not file.path.endswith(".py"):
        return None
    problem = _problem(raw)
    if problem is None:
        return True
    if _problem(file.raw) is not None:
        return False
    raise ToolError("syntax", f"line {line} of {file.path} would not parse: {problem}", lines=here)


def _problem(raw):
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            compile(raw, "<file>", "exec", dont_inherit=True)
    except SyntaxError as error:
        return one_line(error.msg or "invalid syntax", 120)
    except (ValueError, OverflowError, RecursionError, MemoryError) as error:
        return one_line(str(error) or type(error).__name__, 120)
    return None
