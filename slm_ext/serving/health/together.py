"""Questions that wait, asked at the same time. An interrupt waits for none of them."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

__all__ = ["at_once"]

Result = TypeVar("Result")

_MOST = threading.BoundedSemaphore(16)
"""Questions at a time."""


def at_once(question: Callable[[], Result]) -> Future[Result]:
    """Ask in a thread that does not keep the process alive: the interpreter waits for those of an executor, so Ctrl-C
    would take as long as the slowest answer."""
    future: Future[Result] = Future()

    def run() -> None:
        with _MOST:
            try:
                future.set_result(question())
            except BaseException as error:  # whoever asks for the result is told
                future.set_exception(error)

    threading.Thread(target=run, daemon=True).start()
    return future
