"""Who does the work: processes of this machine, or an existing engine. Both map a function over items, in order."""

from __future__ import annotations

import importlib
import logging
import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any, Protocol

from slm_ext.errors import MissingExtra, UsageError

__all__ = ["Executor", "LocalExecutor", "RayExecutor", "executor_named"]


_WATCHED = 1.0
"""Seconds between two looks."""
_PRELOADED = ("slm_ext.datasets.gathering", "slm_ext.datasets.emitting")


class Executor(Protocol):
    """Maps; a failure of one item is raised where its result would come."""

    name: str

    def map(self, function: Callable[[Any], Any], items: Sequence[Any]) -> Iterator[Any]:
        """The results, in the order of the items."""
        ...

    def close(self) -> None:
        """Let go of what was started."""
        ...


class LocalExecutor:
    """Processes of this machine; they stay until `close`.

    Args:
        workers: how many; None: one for each core. With 1 everything happens in this process.
        preload: modules that are imported once for all processes.
    """

    name = "local"

    def __init__(self, workers: int | None = None, preload: Sequence[str] = _PRELOADED):
        self.workers, self._preload = workers or os.cpu_count() or 1, list(preload)
        self._pool: ProcessPoolExecutor | None = None

    def map(self, function: Callable[[Any], Any], items: Sequence[Any]) -> Iterator[Any]:
        """The results, in the order of the items."""
        if self.workers == 1 or len(items) < 2:
            yield from map(function, items)
            return
        if self._pool is None:
            context = get_context("forkserver")  # forking here would copy whatever threads of the caller hold
            context.set_forkserver_preload(self._preload)
            self._pool = ProcessPoolExecutor(
                self.workers, mp_context=context, initializer=_end_with, initargs=(os.getpid(),)
            )
        yield from self._pool.map(function, items)

    def close(self) -> None:
        """End the processes."""
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)
            self._pool = None


def _end_with(pid: int) -> None:
    """Ends this process once another is gone: it would wait for work of a killed one for ever."""

    def watch() -> None:
        while True:
            time.sleep(_WATCHED)
            try:
                os.kill(pid, 0)
            except ProcessLookupError:
                os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


class RayExecutor:
    """Ray Data on the cluster that RAY_ADDRESS names, or a local one. Every node must see the inputs and the output
    folder under the same paths, and have the same slm-ext.

    Raises:
        MissingExtra: Ray is not installed.
    """

    name = "ray"

    def __init__(self) -> None:
        try:
            ray = importlib.import_module("ray")
        except ImportError:
            raise MissingExtra("ray", "ray", "build a dataset on Ray") from None
        self._ray, self._joined = ray, not ray.is_initialized()
        if self._joined:
            ray.init(address=os.environ.get("RAY_ADDRESS"), log_to_driver=False, logging_level=logging.ERROR)

    def map(self, function: Callable[[Any], Any], items: Sequence[Any]) -> Iterator[Any]:
        """The results, in the order of the items."""
        import pickle

        data = self._ray.data
        data.DataContext.get_current().enable_progress_bars = False
        packed = [{"index": index, "item": pickle.dumps(item)} for index, item in enumerate(items)]

        def work(row: dict[str, Any]) -> dict[str, Any]:
            return {"index": row["index"], "result": pickle.dumps(function(pickle.loads(row["item"])))}

        made = data.from_items(packed, override_num_blocks=max(1, len(packed))).map(work)
        for row in sorted(made.iter_rows(), key=lambda row: row["index"]):
            yield pickle.loads(row["result"])

    def close(self) -> None:
        """Leave the cluster, where it was joined here."""
        if self._joined:
            self._ray.shutdown()


def executor_named(name: str, workers: int | None = None) -> Executor:
    """The executor of that name.

    Raises:
        UsageError: there is none.
        MissingExtra: it is not installed.
    """
    if name == "local":
        return LocalExecutor(workers)
    if name == "ray":
        return RayExecutor()
    raise UsageError("choose an executor", seen=name, allowed="local or ray")
