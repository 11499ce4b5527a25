"""`slm logs`: what a local server said, also one that ended."""

# No `from __future__ import annotations`: simple-parsing reads the types of inherited fields in the wrong module then.
from dataclasses import dataclass, field
from pathlib import Path

from slm_ext.cli._common import SWITCH, CommonFlags, emit, parse, words
from slm_ext.errors import ServingError, UsageError

__all__ = ["main"]

MOST_LINES = 1000


@dataclass
class LogsFlags(CommonFlags):
    """Show the log of a provider's server, of the last one where none runs."""

    name: str = field(default="", metadata=words("NAME"))
    """provider, model or fingerprint, as `slm ps` shows them"""
    follow: bool = field(default=False, metadata=SWITCH)
    """go on while the server lives; Ctrl-C stops the showing, not the server"""


def main(argv: list[str]) -> int:
    """Run the verb; errors are the caller's to show."""
    flags = parse(LogsFlags, "logs", argv)
    if flags.follow and flags.json:
        raise UsageError(
            "read the command line of slm logs", seen="--follow with --json", allowed="one of the two",
            next_step=f"slm logs {flags.name} --json",
        )  # fmt: skip
    from slm_ext.cli._servers import follow, last_state
    from slm_ext.serving import states

    state = last_state(flags.name)
    path = Path(state["log_path"]) if state and state.get("log_path") else None
    if state is None or path is None or not path.exists():
        raise ServingError(
            f"show the log of {flags.name!r}",
            seen=f"{path} is gone" if path else "no server of it was ever started here",
            allowed="a server that `slm ps` shows, or one that ended",
            next_step=f"slm serve {flags.name}",
        )
    if flags.json:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
        omitted = max(0, len(lines) - MOST_LINES)
        emit({"name": state.get("name"), "state": state["state"], "log_path": str(path), "lines": lines[omitted:],
              "total": len(lines), "omitted": omitted})  # fmt: skip
        return 0
    folder_state = state

    def lives() -> bool:
        return flags.follow and states.keeper_alive(folder_state)

    try:
        for text in follow(path, lives):
            print(text, end="", flush=True)
    except KeyboardInterrupt:
        return 0
    return 0
