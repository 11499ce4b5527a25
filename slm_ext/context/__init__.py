"""How large a prompt is, and what is left out of it so that it fits a model's window.

`counting` counts with the model's own tokenizer, or estimates and learns from the server; `fitting` makes cuts: rare,
large, and kept, so that a server's prefix cache stays of use; `cutting` applies a cut to a conversation. All of it is
pure: messages in, messages out, the host's history is not touched.
"""

from slm_ext.context.counting import TokenCounter, counter_for
from slm_ext.context.cutting import ContextEvent, Cut, Dropped, apply, held
from slm_ext.context.fitting import Fitted, fit

__all__ = [
    "ContextEvent",
    "Cut",
    "Dropped",
    "Fitted",
    "TokenCounter",
    "apply",
    "counter_for",
    "fit",
    "held",
]
