"""Which models are loaded now, and how long the others take to load."""

from __future__ import annotations

from slm_ext import paths
from slm_ext.errors import SlmError

from . import states
from .launch import launch_for

__all__ = ["Residency"]


class Residency:
    """Of one provider's server. Looking starts nothing."""

    def __init__(self, provider):
        self._folder = None
        if provider.server is not None:
            try:
                self._folder = paths.servers_dir() / launch_for(provider).fingerprint
            except (SlmError, ValueError):
                self._folder = None  # it cannot be started; whoever tries to is told why
        self._managed = provider.server is not None

    def load_s(self) -> float | None:
        """Seconds until the model is loaded: 0 where it is or where others serve it; as long as the last time; None
        where it never was loaded on this machine."""
        if not self._managed:
            return 0.0
        state = states.read(self._folder) if self._folder else None
        if state is None:
            return None
        if state["state"] in states.UP and states.keeper_alive(state):
            return 0.0
        return state.get("load_s")
