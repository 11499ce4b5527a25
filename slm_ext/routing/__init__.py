"""Which provider answers a call, and why.

First cut: a run has one provider, so the decision is always that one (`cause` `single_provider`). Rules over several
providers come with routers.
"""

from slm_ext.routing.decision import RouteDecision, single_provider

__all__ = ["RouteDecision", "single_provider"]
