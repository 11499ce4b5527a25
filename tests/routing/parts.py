"""Teams, signals and recorded runs for the tests of this room."""

from pathlib import Path

from slm_ext.registry.provider import Provider
from slm_ext.registry.router import Router, Team
from slm_ext.routing import RouteState, Signals

RUNS = Path(__file__).parents[1] / "data" / "runs"
COUNTED = (
    "mini-bookings", "mini-inventory", "mini-playlist", "mini-redrawn", "mini-rejected", "mini-stalled",
    "sweagent-inventory", "sweagent-playlist",
)  # fmt: skip
"""The runs that the numbers in these tests are counted on: all of flywheel-tiny alone."""


def provider(name, **fields):
    return Provider(**({"name": name, "model": name, "api_base": f"http://127.0.0.1:9/{name}"} | fields))


def team(names="small large", providers=(), **fields):
    """A router over providers without special features; `providers` replaces some of them."""
    members = {name: provider(name) for name in names.split()} | {one.name: one for one in providers}
    first = next(iter(members))
    return Team(Router(**({"name": "auto", "default": first} | fields)), members)


def signals(step=1, **fields):
    known = {
        "subtask": "read", "prompt_tokens": 100, "attempt": 1, "last_status": "ok", "format_errors": 0, "repeated": 0,
        "cycle": 0, "failing_tests": 0, "steps_without_diff": 0,
    }  # fmt: skip
    return Signals(step=step, **(known | fields))


FRESH = RouteState()
