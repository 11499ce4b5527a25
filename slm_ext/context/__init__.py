"""How large a prompt is, and whether it fits.

First cut: a token estimate that learns from what the server counted (`TokenMeter`), and a check against the window.
Strategies that leave something out of a prompt come here as pure functions on messages.
"""

from slm_ext.context.meter import TokenMeter, characters

__all__ = ["TokenMeter", "characters"]
