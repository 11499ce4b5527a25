"""The endpoints of a run's providers: opened when first needed, shared by the threads of a process, closed at the end.

Of a provider's replicas the least busy healthy one is taken; a conversation stays with the one that holds its prefix.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Generator, Mapping
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
        max_loaded: managed servers kept at a time; None is any number. One that is in use is never given back: where
            all are, one more is loaded, and one goes as soon as it can.
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
        self._changed = threading.Condition()
        self._open: dict[str, list[_Replica]] = {}
        self._opening: set[str] = set()
        self._owned: set[str] = set()
        self._used: dict[str, float] = {}
        self._closed = False
        self._residency: dict[str, Any] = {}

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
        with self.place(name) as handle:
            return handle

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
    def place(self, name: str, preferred: str | None = None, *, but: Collection[Any] = ()) -> Generator[Any]:
        """A handle of `name` to ask at, counted as busy inside the `with` block.

        Args:
            preferred: base URL of the replica that holds the conversation's prefix.
            but: handles that are not wanted.

        Raises:
            UsageError, ServingError: it cannot be used, or could not be started; or the pool is closed.
        """
        replica = self._taken(name, preferred, but)
        try:
            yield replica.handle
        finally:
            with self._changed:
                replica.busy -= 1
                self._used[name] = time.monotonic()
                leaving = self._surplus(room=0)
                self._changed.notify_all()
            _release(leaving)

    def failed(self, name: str, handle: Any, *, but: Collection[Any] = ()) -> bool:
        """A request to `handle` failed for good: leave it alone for a while. Whether a healthy replica is left beside
        those in `but`."""
        now = time.monotonic()
        with self._changed:
            replicas = self._open.get(name, [])
            for replica in replicas:
                if replica.handle is handle:
                    replica.cooling_until = now + self._cooldown_s
            return any(replica.cooling_until <= now and not _among(replica, but) for replica in replicas)

    def close(self) -> None:
        """Give every lease back that was taken here; nothing is opened afterwards. Idempotent."""
        with self._changed:
            self._closed = True
            leaving = [replica for name in self._owned for replica in self._open.get(name, [])]
            self._open, self._owned = {}, set()
            self._changed.notify_all()
        _release(leaving)

    def __enter__(self) -> Pool:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def _taken(self, name: str, preferred: str | None, but: Collection[Any]) -> _Replica:
        while True:
            with self._changed:
                if replicas := self._open.get(name):
                    replica = _chosen(replicas, preferred, but, time.monotonic())
                    replica.busy += 1
                    return replica
            self._ensure(name)

    def _ensure(self, name: str) -> None:
        """Open `name`, unless another thread does or did so."""
        with self._changed:
            while name in self._opening:
                self._changed.wait()
            if self._closed:
                raise ServingError(f"use provider {name!r}", seen="the run that it was opened for is over")
            if name in self._open:
                return
            leaving = self._surplus(room=1) if self.providers[name].managed else []
            self._opening.add(name)
        replicas: list[_Replica] = []
        try:
            _release(leaving)
            replicas = self._acquired(self.providers[name])
        finally:
            with self._changed:
                self._opening.discard(name)
                late = self._closed and self.providers[name].managed
                if replicas and not self._closed:
                    self._open[name] = replicas
                    if self.providers[name].managed:
                        self._owned.add(name)
                self._changed.notify_all()
            if late:
                _release(replicas)

    def _acquired(self, provider: Any) -> list[_Replica]:
        from slm_ext.serving import acquire

        provider.resolve_api_key()
        if provider.managed:
            first = next(iter(self.providers)) == provider.name
            log_name = "server.log" if first else f"server-{provider.name}.log"
            return [_Replica(acquire(provider, log_dir=self._log_dir, on_event=self._on_event, log_name=log_name))]
        found = []
        for replica in provider.replicas:
            one = provider.model_copy(update={"api_base": replica.url, "endpoints": []})
            found.append(_Replica(acquire(one), replica.weight))
        return found

    def _surplus(self, *, room: int) -> list[_Replica]:
        """Take out the servers used longest ago, and not now, until `room` more are within `max_loaded`."""
        leaving: list[_Replica] = []
        if self._max_loaded is None:
            return leaving
        while True:
            loading = [name for name in self._opening if self.providers[name].managed]
            idle = [name for name in self._owned if not any(replica.busy for replica in self._open[name])]
            if len(self._owned) + len(loading) + room <= self._max_loaded or not idle:
                return leaving
            oldest = min(idle, key=lambda name: self._used.get(name, 0.0))
            self._owned.discard(oldest)
            leaving += self._open.pop(oldest)

    def _look(self, name: str) -> float | None:
        if not self.providers[name].managed:
            return 0.0
        if name not in self._residency:
            from slm_ext.serving import Residency

            self._residency[name] = Residency(self.providers[name])
        return self._residency[name].load_s()


def _chosen(replicas: list[_Replica], preferred: str | None, but: Collection[Any], now: float) -> _Replica:
    wanted = [replica for replica in replicas if not _among(replica, but)] or replicas
    healthy = [replica for replica in wanted if replica.cooling_until <= now]
    for replica in healthy:
        if replica.handle.base_url == preferred:
            return replica
    # where all have failed lately, the one that failed first is the likeliest to be back
    among = healthy or [min(wanted, key=lambda replica: replica.cooling_until)]
    return min(among, key=lambda replica: replica.busy / replica.weight)


def _among(replica: _Replica, handles: Collection[Any]) -> bool:
    return any(replica.handle is handle for handle in handles)


def _release(replicas: list[_Replica]) -> None:
    for replica in replicas:
        replica.handle.release()
