"""Tokens that a server computes of a recorded run's prompts: our view of it, and SWE-agent's history processors'."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import accumulate
from typing import Any

from figures import compared, row
from serving_parts.client import ask
from serving_parts.servers import Bench

from slm_ext.completion.lane import Lane, Sight
from slm_ext.registry.provider import Provider
from slm_ext.registry.router import Style
from slm_ext.serving import ServerHandle
from slm_ext.toolcalls.view import outgoing

from .history import TOOLS
from .processors import History, cache_control, last_n_observations, same_as_sweagent, sent
from .recorded import history

__all__ = ["rows"]

STEPS = 60
MODEL = {"layers": 1, "hidden": 32, "heads": 2, "kv_heads": 1, "window": 131072}
GOAL, GOAL_LIMIT = 5.0, 1.15
TIGHT = 0.4
"""Of the last prompt: the limit of a window that does not hold the run."""


def rows(tell: Callable[[str], None], sweagent_python: str) -> list[dict[str, Any]]:
    """Prefilled tokens: `usage`'s prompt tokens without the cached ones, summed over the steps.

    Args:
        sweagent_python: where SWE-agent may be importable, to compare the processors with its own.
    """
    with Bench(quick=False, quiet=True) as bench:
        tell("prefill: a random model is served")
        handle = bench.serve(bench.model(**MODEL), context_tokens=MODEL["window"])
        runs = {}
        for name, view in (
            ("ours", _Ours()),
            ("last_n", lambda past, step: sent(last_n_observations(past))),
            ("cache_control", lambda past, step: sent(cache_control(past))),
        ):
            tell(f"prefill: {name}, {STEPS} steps")
            runs[name] = _prefilled(handle, name, view)
        tight = _Ours(int(TIGHT * runs["ours"]["last"]))
        tell("prefill: ours, in a window that does not hold the run")
        runs["tight"] = _prefilled(handle, "tight", tight)
    same = same_as_sweagent(sweagent_python, list(_pasts("")))
    checked = {None: "not checked: SWE-agent cannot be imported", True: "the same messages", False: "OTHER messages"}[
        same
    ]
    return _figures(runs, tight.cuts, checked)


def _figures(runs: dict[str, dict[str, int]], cuts: int, checked: str) -> list[dict[str, Any]]:
    ours, last_n, marks, tight = (runs[name] for name in ("ours", "last_n", "cache_control", "tight"))
    name = f"tokens prefilled, {STEPS} steps"
    return [
        row(
            f"{name}: last_n_observations (n=5, polling=1) ÷ ours", last_n["prefilled"] / ours["prefilled"], "×", GOAL,
            "higher", ours=ours, last_n=last_n, sweagent=checked,
        ),
        row(f"{name}: ours ÷ one prefill per token", ours["prefilled"] / ours["last"], "×", GOAL_LIMIT, ours=ours),
        compared(
            f"{name}: cache_control ÷ ours", marks["prefilled"] / ours["prefilled"], "×", "higher",
            cache_control=marks, sweagent=checked,
        ),
        compared(f"{name}: ours", ours["prefilled"], "tokens"),
        compared(f"{name}: last_n_observations", last_n["prefilled"], "tokens"),
        compared(f"{name}: ours, window of {TIGHT:.0%} of the run", tight["prefilled"], "tokens", **tight, cuts=cuts),
        compared(f"cuts, {STEPS} steps: ours, window of {TIGHT:.0%} of the run", cuts, "cuts"),
    ]  # fmt: skip


class _Ours:
    """What completion shows a provider; `cuts`: how many it has made."""

    def __init__(self, limit: int | None = None):
        self._limit, self.cuts = limit, 0
        self._sight: Sight | None = None
        self._lane: Lane | None = None

    def __call__(self, past: History, step: int) -> list[dict]:
        if self._lane is None:
            self._lane = Lane(Provider(name="bench", model="bench", api_base="http://127.0.0.1:9/v1"))
        sight = self._lane.sight(outgoing(past), TOOLS, Style(), limit=self._limit, step=step)
        self._sight = sight
        self.cuts += bool(sight.event and sight.event.new)
        return sight.messages

    def answered(self, tokens: int) -> None:
        """The server's count of what was shown last."""
        self._lane.shown(self._sight, tokens)


def _prefilled(handle: ServerHandle, name: str, view: Any) -> dict[str, int]:
    """`prefilled`, `prompts`: tokens over all steps; `last`, `longest`: of the last and of the longest prompt."""
    prefilled, prompts = 0, []
    for step, past in enumerate(_pasts(name), 1):
        body = {"messages": view(past, step), "tools": TOOLS, "max_tokens": 1, "temperature": 0}
        answer = ask(handle, "/chat/completions", body)
        if answer.status != 200:
            raise RuntimeError(f"step {step} of {name!r} was refused: {answer.document}")
        prefilled += answer.prompt_tokens - answer.cached_tokens
        prompts.append(answer.prompt_tokens)
        if isinstance(view, _Ours):
            view.answered(answer.prompt_tokens)
    return {"prefilled": prefilled, "prompts": sum(prompts), "last": prompts[-1], "longest": max(prompts)}


def _pasts(name: str) -> Iterator[History]:
    """The history before each step. It begins with the view's name, so that no view profits from another's cache."""
    parts = history(f"Run {name!r}. You fix one issue in a Python repository. Every answer is one tool call.")
    yield from accumulate(parts[:STEPS])
