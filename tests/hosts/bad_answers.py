"""Replies that are no usable call, and what the model is told about each; the same for both hosts."""

import json

__all__ = ["BAD_ANSWERS", "body"]


def _call(name, arguments):
    text = arguments if isinstance(arguments, str) else json.dumps(arguments)
    return {"id": "call_bad", "type": "function", "function": {"name": name, "arguments": text}}


def _calls(*calls, content=None):
    return {"role": "assistant", "content": content, "tool_calls": list(calls)}


EDIT = {"path": "stats.py", "line": 10, "old": ">=", "new": ">"}

BAD_ANSWERS = {
    "no call": ("I will look at stats.py first.", "stop", "no_call", "I will look at stats.py first."),
    "nothing": ("", "stop", "empty_reply", None),
    "several calls": (
        _calls(_call("pytest_run", {}), _call("submit", {})),
        "tool_calls",
        "several_calls",
        "pytest_run",
    ),
    "unknown tool": (_calls(_call("fly", {"to": "Rome"})), "tool_calls", "unknown_tool", "Rome"),
    "missing argument": (
        _calls(_call("edit_line", {"path": "stats.py"})),
        "tool_calls",
        "missing_argument",
        "stats.py",
    ),
    "unknown argument": (_calls(_call("edit_line", {**EDIT, "why": "x"})), "tool_calls", "unknown_argument", "why"),
    "wrong type": (_calls(_call("edit_line", {**EDIT, "line": "ten"})), "tool_calls", "wrong_type", "ten"),
    "arguments are a list": (_calls(_call("edit_line", "[1, 2]")), "tool_calls", "bad_json", "[1, 2]"),
    "arguments are a text": (_calls(_call("edit_line", '"stats.py"')), "tool_calls", "bad_json", "stats.py"),
    "arguments are null": (_calls(_call("edit_line", "null")), "tool_calls", None, "edit_line"),
    "arguments are torn": (_calls(_call("edit_line", '{"path": "sta')), "tool_calls", "bad_json", '{"path": "sta'),
    "cut by length": ("<tool_call>\n<function=edit_line>\n<parameter=path>\nstats", "length", "truncated", "stats"),
    "torn in its text": ("<tool_call>\n<function=edit_line>\n<parameter=path>\nsta", "stop", None, "edit_line"),
}
"""name → (message or text, finish_reason, the rule that is told or None where several would do, what of its own reply
the model sees again)."""


def body(name):
    """The whole chat completion of one of them."""
    said, finish, _, _ = BAD_ANSWERS[name]
    message = {"role": "assistant", "content": said} if isinstance(said, str) else said
    usage = {"prompt_tokens": 50, "completion_tokens": 5, "total_tokens": 55}
    return {
        "id": "c", "object": "chat.completion", "created": 0, "model": "m",
        "choices": [{"index": 0, "message": message, "finish_reason": finish}], "usage": usage,
    }  # fmt: skip
