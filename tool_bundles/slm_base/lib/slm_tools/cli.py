"""What every executable does: arguments, the call, the typed result to a file, the visible text to stdout.

Environment: SLM_TOOL_RESULT (file for the typed result, JSON), SLM_TOOL_MAX_CHARS (bound of the visible text, default
8000), SLM_TOOL_ROOT (repository; default: found from the working directory), SLM_TOOL_STATE (folder for undo), SLM_HOST
and SLM_BASELINE (`submit`), SLM_TOOL_DEBUG (a traceback for errors of the tools themselves).
"""

import json
import os
import sys
import traceback

from . import arguments, editing, pytest_runner, reading, render, submitting
from .failures import ToolError
from .files import repository_root

# (name, type, required) in the order of the bundle's config.yaml, which describes them.
ARGUMENTS = {
    "read_file": [
        ("path", "string", True),
        ("symbol", "string", False),
        ("start", "integer", False),
        ("end", "integer", False),
    ],
    "edit_line": [
        ("path", "string", True),
        ("line", "integer", True),
        ("old", "string", True),
        ("new", "string", True),
    ],
    "undo_edit": [("path", "string", True)],
    "pytest_run": [
        ("targets", "array", False),
        ("keyword", "string", False),
        ("maxfail", "integer", False),
        ("timeout_s", "integer", False),
    ],
    "submit": [],
}

# Exit codes: 0 is good news only.
_EXIT = {"pass": 0, "fail": 1, "error": 2, "timeout": 3, "unavailable": 4, "nothing_to_do": 5}


def main(tool, argv=None):
    """Run `tool` with the words of its command line; returns the exit code."""
    sys.stdout.flush()
    flags = set()
    try:
        values, flags = arguments.parse(sys.argv[1:] if argv is None else argv, ARGUMENTS[tool])
        if "help" in flags:
            _print(arguments.usage(tool, ARGUMENTS[tool]))
            return 0
        result = _call(tool, values)
    except ToolError as error:
        result = error.result(tool)
    except Exception as error:
        if os.environ.get("SLM_TOOL_DEBUG"):
            traceback.print_exc()
        result = ToolError("internal", f"{tool} failed: {type(error).__name__}: {error}").result(tool)
    text, result["truncated"] = render.fit(result, _max_chars())
    _store(result)
    _print(json.dumps(result) if "json" in flags else text)
    return _EXIT[result["status"]]


def _call(tool, values):
    root = os.environ.get("SLM_TOOL_ROOT") or repository_root()
    if tool == "submit":
        return submitting.submit(
            root,
            submitting.host_of(__file__),
            os.environ.get("SLM_BASELINE") or "HEAD",
            os.environ.get("SLM_PATCH_FILE") or "/root/model.patch",
        )
    function = {
        "read_file": reading.read,
        "edit_line": editing.edit_line,
        "undo_edit": editing.undo,
        "pytest_run": pytest_runner.run,
    }[tool]
    return function(root, **values)


def _max_chars():
    try:
        return max(200, int(os.environ.get("SLM_TOOL_MAX_CHARS") or render.DEFAULT_MAX_CHARS))
    except ValueError:
        return render.DEFAULT_MAX_CHARS


def _store(result):
    path = os.environ.get("SLM_TOOL_RESULT")
    if not path:
        return
    try:
        with open(path + ".part", "w", encoding="utf-8") as stream:
            json.dump(result, stream)
        os.replace(path + ".part", path)
    except OSError as error:
        sys.stderr.write(f"the typed result cannot be written: {error.strerror}\n")


def _print(text):
    """Bytes that are the same in every locale."""
    sys.stdout.buffer.write(text.encode("utf-8", "backslashreplace"))
    if not text.endswith("\n"):
        sys.stdout.buffer.write(b"\n")
    sys.stdout.buffer.flush()
