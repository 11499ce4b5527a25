"""`slm stop`: end local servers, whoever uses them."""

# No `from __future__ import annotations`: simple-parsing reads the types of inherited fields in the wrong module then.
from dataclasses import dataclass, field

from slm_ext.cli._common import SWITCH, CommonFlags, emit, parse, say, words
from slm_ext.errors import UsageError

__all__ = ["main"]


@dataclass
class StopFlags(CommonFlags):
    """End the servers of a provider, or all of them, and wait until they are gone. Stopping what is stopped is fine."""

    name: str | None = field(default=None, metadata=words("NAME", nargs="?"))
    """provider, model or fingerprint, as `slm ps` shows them"""
    all: bool = field(default=False, metadata=SWITCH)
    """every server of this SLM_HOME"""


def main(argv: list[str]) -> int:
    """Run the verb; errors are the caller's to show."""
    flags = parse(StopFlags, "stop", argv)
    from slm_ext.cli._servers import matching, orphans, running
    from slm_ext.serving.control import stop

    if bool(flags.name) == flags.all:
        raise UsageError(
            "read the command line of slm stop",
            seen="both a NAME and --all" if flags.all else "neither a NAME nor --all",
            allowed="slm stop NAME, or slm stop --all",
            next_step="slm ps",
        )
    states = running()
    chosen = [*states, *orphans()] if flags.all else matching(flags.name or "", states)
    stopped = []
    for state in chosen:
        shown = state.get("name") or state["model_id"]
        if not flags.quiet:
            say(f"stopping {shown}, pid {state.get('child_pid') or state['pid']} …")
        if stop(state["fingerprint"]):
            stopped.append({"name": state.get("name"), "fingerprint": state["fingerprint"], "pid": state["child_pid"]})
    if flags.json:
        emit({"stopped": stopped, "total": len(stopped), "omitted": 0})
    elif not flags.quiet:
        print(f"{len(stopped)} stopped" if stopped else "nothing to stop")
    return 0
