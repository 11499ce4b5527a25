"""The kinds of work in a run. `slm_ext/routing/reading/subtasks.py` tells them apart; routers and roles name them."""

from __future__ import annotations

from typing import Literal

__all__ = ["SUBTASKS", "Subtask"]

Subtask = Literal["locate", "read", "plan", "edit", "test", "review", "summarize", "finish"]
SUBTASKS: tuple[Subtask, ...] = ("locate", "read", "plan", "edit", "test", "review", "summarize", "finish")
