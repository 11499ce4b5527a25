"""The endpoints of a run's providers: opened when first needed, shared by the threads of a process, closed at the end.

Of a provider's replicas the least busy healthy one is taken; a conversation stays with the one that holds its prefix.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from slm_ext.errors import ServingError, SlmError, UsageError

__all__ = ["Pool"]

OnEvent = Callable[[str, str], None]


@dataclass
class _Replica:
    handle: Any
    weight: float = 1.0
    busy: int = 0
    cooling_until: float = 0.0


class Pool:
    """Opens providers and keeps their leases; a context manager that gives all back. Safe for threads.

    Args:
        providers: by name.
        log_dir: for the logs of servers that are started here.
        on_event: hears (stage, message) of servers.
        cooldown_s: seconds for which a failed replica is not chosen while another one is there.
        max_loaded: managed servers kept at a time; None is any number.
    """

    def __init__(
        self,
        providers: Mapping[str, Any],
        *,
        log_dir: Path | str | None = None,
        on_event: OnEvent | None = None,
        cooldown_s: float = 30.0,
        max_loaded: int | None = None,
    ):
        self.providers = dict(providers)
        self._log_dir, self._on_event = log_dir, on_event
        self._tell = on_event or (lambda stage, message: None)
        self._cooldown_s, self._max_loaded = cooldown_s, max_loaded
        self._open: dict[str, list[_Replica]] = {}
        self._used: dict[str, float] = {}
        self._residency: dict[str, Any] = {}
        self._lock, self._opening = threading.Lock(), {name: threading.Lock() for name in providers}
        self._own: list[Any] = []

    @classmethod
    def of(cls, team: Any, *, log_dir: Path | str | None = None, on_event: OnEvent | None = None) -> Pool:
        """The pool of a registry's team; as its router says."""
        router = team.router
        return cls(
            {**team.providers, **team.summarizers}, log_dir=log_dir, on_event=on_event,
            cooldown_s=router.cooldown_s, max_loaded=router.switching.max_loaded,
        )  # fmt: skip

    @classmethod
    def given(cls, provider: Any, handle: Any) -> Pool:
        """A pool of one provider whose handle somebody else owns."""
        pool = cls({provider.name: provider})
        pool._open[provider.name] = [_Replica(handle)]
        return pool

    def open(self, name: str) -> Any:
        """The first handle of `name`, which is acquired now if it is not yet.

        Raises:
            UsageError, ServingError: it cannot be used, or could not be started.
        """
        return self._replicas(name)[0].handle

    def open_one(self, team: Any) -> Any:
        """The first handle of the default provider, or of the first fallback that can be started.

        Raises:
            UsageError, ServingError: none can; why the default cannot.
        """
        first: SlmError | None = None
        for name in [team.router.default, *team.router.fallback]:
            try:
                return self.open(name)
            except (UsageError, ServingError) as error:
                first = first or error
                self._tell("failed", f"{name}: {error.seen or error.attempted}")
        assert first is not None
        raise first

    def handle(self, name: str) -> Any:
        """The first handle of `name` if it is open, else None."""
        replicas = self._open.get(name)
        return replicas[0].handle if replicas else None

    def load_s(self) -> dict[str, float | None]:
        """Provider → seconds until it can answer: 0 where it is open, None where nobody knows."""
        return {name: 0.0 if name in self._open else self._look(name) for name in self.providers}

    @contextmanager
    def place(self, name: str, preferred: str | None = None) -> Generator[Any]:
        """A handle of `name` to ask at, counted as busy inside the `with` block.

        Args:
            preferred: base URL of the replica that holds the conversation's prefix.

        Raises:
            UsageError, ServingError: as `open`.
        """
        replicas = self._replicas(name)
        with self._lock:
            replica = _chosen(replicas, preferred, time.monotonic())
            replica.busy += 1
            self._used[name] = time.monotonic()
        try:
            yield replica.handle
        finally:
            with self._lock:
                replica.busy -= 1

    def failed(self, name: str, handle: Any) -> bool:
        """A request to `handle` failed for good: leave it alone for a while. Whether another replica is left."""
        now = time.monotonic()
        with self._lock:
            replicas = self._open.get(name, [])
            for replica in replicas:
                if replica.handle is handle:
                    replica.cooling_until = now + self._cooldown_s
            return any(replica.cooling_until <= now for replica in replicas)

    def close(self) -> None:
        """Give every lease back that was taken here. Idempotent."""
        with self._lock:
            own, self._own, self._open = self._own, [], {}
        for handle in reversed(own):
            handle.release()

    def __enter__(self) -> Pool:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def _replicas(self, name: str) -> list[_Replica]:
        with self._opening[name]:
            if name not in self._open:
                self._make_room(name)
                self._open[name] = self._acquired(self.providers[name])
            return self._open[name]

    def _acquired(self, provider: Any) -> list[_Replica]:
        from slm_ext.serving import acquire

        provider.resolve_api_key()
        if provider.managed:
            first = next(iter(self.providers)) == provider.name
            log_name = "server.log" if first else f"server-{provider.name}.log"
            handle = acquire(provider, log_dir=self._log_dir, on_event=self._on_event, log_name=log_name)
            self._own.append(handle)
            return [_Replica(handle)]
        found = []
        for replica in provider.replicas:
            one = provider.model_copy(update={"api_base": replica.url, "endpoints": []})
            found.append(_Replica(acquire(one), replica.weight))
        return found

    def _make_room(self, name: str) -> None:
        """Give back the server used longest ago, and not now, where one more would be too many."""
        if self._max_loaded is None or not self.providers[name].managed:
            return
        while True:
            with self._lock:
                loaded = [other for other in self._open if self.providers[other].managed]
                idle = [other for other in loaded if not any(replica.busy for replica in self._open[other])]
                if len(loaded) < self._max_loaded or not idle:
                    return
                oldest = min(idle, key=lambda other: self._used.get(other, 0.0))
                leaving = [replica.handle for replica in self._open.pop(oldest)]
                self._own = [handle for handle in self._own if handle not in leaving]
            for handle in leaving:
                handle.release()

    def _look(self, name: str) -> float | None:
        if not self.providers[name].managed:
            return 0.0
        if name not in self._residency:
            from slm_ext.serving import Residency

            self._residency[name] = Residency(self.providers[name])
        return self._residency[name].load_s()


def _chosen(replicas: list[_Replica], preferred: str | None, now: float) -> _Replica:
    healthy = [replica for replica in replicas if replica.cooling_until <= now]
    for replica in healthy:
        if replica.handle.base_url == preferred:
            return replica
    # where all have failed lately, the one that failed first is the likeliest to be back
    among = healthy or [min(replicas, key=lambda replica: replica.cooling_until)]
    return min(among, key=lambda replica: replica.busy / replica.weight)
