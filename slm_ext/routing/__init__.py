"""Which provider answers a call, and why. Pure: rules, a history and what is known in, a decision out.

`actions` reads a history (`shell` what a command does, `results` what came of it), `subtasks` says what kind of work
comes next, `signals` what went wrong so far; `policy` decides by a router's rules, `state` is what it remembers between
two calls, `budget` how much a call may still take, `stopping` when a run leads nowhere. `docs/explanation/routing.md`
tells the whole.
"""

from slm_ext.routing.actions import Action, read_actions
from slm_ext.routing.budget import MARGIN, Allowance, allowance
from slm_ext.routing.decision import RouteDecision
from slm_ext.routing.policy import Choice, Known, NobodyLeft, decide, prefix_of
from slm_ext.routing.signals import Signals, read_signals
from slm_ext.routing.state import RouteState, Spent
from slm_ext.routing.stopping import StopDecision, stop
from slm_ext.routing.subtasks import classify

__all__ = [
    "MARGIN",
    "Action",
    "Allowance",
    "Choice",
    "Known",
    "NobodyLeft",
    "RouteDecision",
    "RouteState",
    "Signals",
    "Spent",
    "StopDecision",
    "allowance",
    "classify",
    "decide",
    "prefix_of",
    "read_actions",
    "read_signals",
    "stop",
]
