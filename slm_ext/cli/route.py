"""`slm route`: why each step of a recorded run went to whom it did, and what another router would have decided."""

# No `from __future__ import annotations`: simple-parsing reads the types of inherited fields in the wrong module then.
from dataclasses import dataclass, field

from slm_ext.cli._common import CommonFlags, parse, takes, words
from slm_ext.errors import UsageError

__all__ = ["main"]


AS = {"alias": ["--as"]} | takes("NAME=GLOB", nargs="+", action="extend")


@dataclass
class ExplainFlags(CommonFlags):
    """Show who answered each step of a recorded run, and why.

    One row for each model call; `↳` marks a change of provider, with what led to it. Of a run that was recorded without
    routes, subtasks and signals are read from the conversation now, and marked.
    """

    traj: str = field(metadata=words("TRAJ"))
    """a run folder, a calls.jsonl, a .traj of SWE-agent or a .traj.json of mini (a calls.jsonl beside it is read)"""
    step: int | None = field(default=None, metadata=takes("N"))
    """only this step, with everything that was known"""


@dataclass
class ReplayFlags(CommonFlags):
    """Decide recorded runs again by a router, without a model: agreement, escalations before a run stalls, the share of
    the small model, and, where tasks were tried by both the small and the large one, cost against quality.

    Every figure is a proxy: the steps are those that were recorded, whoever would have answered.
    """

    traj: list[str] = field(metadata=words("TRAJ", nargs="+"))
    """runs, or folders that are searched for them"""
    router: str = field(default="", metadata=takes("NAME", required=True))
    """router or provider, by its registry name"""
    small: str | None = field(default=None, metadata=takes("NAME"))
    """the small end of the curve (default: the router's default)"""
    large: str | None = field(default=None, metadata=takes("NAME"))
    """the large end of the curve (default: the last one that the router escalates to)"""
    recorded_by: list[str] | None = field(default=None, metadata=AS)
    """who answered the runs whose path matches GLOB, where the records do not say; also --as"""
    seed: int = field(default=0, metadata=takes("S"))
    """of the intervals"""


VERBS = {"explain": ExplainFlags, "replay": ReplayFlags}


def main(argv: list[str]) -> int:
    """Run the verb; errors are the caller's to show."""
    if argv and argv[0] in ("-h", "--help"):
        print("usage: slm route {explain,replay} …\n")
        for name, flags in VERBS.items():
            print(f"  {name:<8} {(flags.__doc__ or '').splitlines()[0]}")
        print("\n`slm route VERB --help` shows the flags.")
        return 0
    if not argv or argv[0] not in VERBS:
        raise UsageError(
            "read the command line of slm route",
            seen=argv[0] if argv else "no verb",
            allowed=", ".join(VERBS),
            next_step="slm route --help",
        )
    flags = parse(VERBS[argv[0]], f"route {argv[0]}", argv[1:])
    if isinstance(flags, ExplainFlags):
        from slm_ext.cli._route_explain import show

        return show(flags.traj, flags)
    from slm_ext.cli._route_replay import show_replay

    return show_replay(flags)
