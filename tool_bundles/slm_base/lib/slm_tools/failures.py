"""The one error of the tools: a kind, a message, a hint, and the lines of the file it is about."""


class ToolError(Exception):
    """A tool cannot do what it was asked.

    Args:
        kind: stable name, e.g. ``not_found``; callers decide by it.
        message: one line for the agent.
        hint: what would be accepted; part of the typed result only.
        fields: further keys of the result, e.g. ``lines=[{"number": 15, "text": "..."}]``.
    """

    def __init__(self, kind, message, hint="", **fields):
        super().__init__(message)
        self.kind, self.message, self.hint, self.fields = kind, message, hint, fields

    def result(self, tool):
        """The typed result of a call that ended in this error."""
        return dict(
            {"schema_version": 1, "tool": tool, "status": "error", "ok": False, "exit_code": 2},
            error={"kind": self.kind, "message": self.message, "hint": self.hint},
            **self.fields,
        )


def one_line(text, limit=80):
    """`text` as it can stand inside a one-line message: no line breaks, at most `limit` characters."""
    text = text.replace("\r", "\\r").replace("\n", "\\n").replace("\0", "\\0")
    return text if len(text) <= limit else text[: limit - 1] + "…"
