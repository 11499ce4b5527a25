"""Which provider answers a call, and why. Pure: rules, a history and what is known in, a decision out.

`reading/` says what a history tells, `policy` decides by a router's rules, `state` is what it remembers between two
calls, `budget` how much a call may still take, `stopping` when a run leads nowhere; `replaying/` decides recorded runs
again. `docs/explanation/routing.md` tells the whole.
"""

from slm_ext.routing.budget import MARGIN, Allowance, allowance
from slm_ext.routing.decision import RouteDecision
from slm_ext.routing.policy import Choice, Known, NobodyLeft, decide, prefix_of
from slm_ext.routing.reading.actions import Action, read_actions
from slm_ext.routing.reading.signals import Signals, read_signals
from slm_ext.routing.reading.subtasks import classify
from slm_ext.routing.state import RouteState, Spent
from slm_ext.routing.stopping import StopDecision, stop

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
