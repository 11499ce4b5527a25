"""Ctrl-C that loses nothing: raised at once, except inside `held()`, where it waits for the end of the block.

`interruptible()` is entered once, around a run, in the main thread; everywhere else `held()` is free and does nothing.
SIGTERM and SIGHUP count as Ctrl-C. A second one ends the program now, and its commands with it.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager

__all__ = ["held", "interruptible"]

_SIGNALS = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]


class _State:
    depth = 0
    pending = False
    seen = 0
    thread: int | None = None


_state = _State()


@contextmanager
def interruptible(on_second: Callable[[], None] | None = None) -> Generator[None]:
    """The first signal raises `KeyboardInterrupt` in the main thread, the next one ends the process with status 130.

    Args:
        on_second: called before that end, e.g. to kill what still runs. Must not block.
    """
    if threading.current_thread() is not threading.main_thread() or _state.thread is not None:
        yield
        return

    def receive(signum, frame):
        _state.seen += 1
        if _state.seen > 1:
            if on_second:
                on_second()
            os._exit(130)
        if _state.depth:
            _state.pending = True
        else:
            raise KeyboardInterrupt

    before = {s: signal.getsignal(s) for s in _SIGNALS}
    _state.depth, _state.pending, _state.seen, _state.thread = 0, False, 0, threading.get_ident()
    for s in _SIGNALS:
        if before[s] is not signal.SIG_IGN or s == signal.SIGINT:  # `nohup slm run` keeps running
            signal.signal(s, receive)
    try:
        yield
    finally:
        for s, handler in before.items():
            signal.signal(s, handler if handler is not None else signal.SIG_DFL)
        _state.thread = None


@contextmanager
def held() -> Generator[None]:
    """Nothing inside is interrupted; a signal that came meanwhile is raised at the end."""
    if threading.get_ident() != _state.thread:
        yield
        return
    _state.depth += 1
    try:
        yield
    finally:
        _state.depth -= 1
        if _state.pending and not _state.depth:
            _state.pending = False
            raise KeyboardInterrupt
