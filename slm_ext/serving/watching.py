"""Whether a server that was ready still works: progress while it is busy, one token now and then while it is idle.

`Attention` decides, and is pure: times and observations go in, a verdict comes out. `Watcher` is the thread that
observes. Our own engine counts tokens and prefill chunks at `/slm/info`; of other servers only open connections, the
processor time and the log can be seen, so before one of them counts as stuck it is asked for a token.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from typing import Any, NamedTuple

from . import engine_info, probe

__all__ = ["Attention", "Pulse", "Verdict", "Watcher"]

LOOKS = 3
"""A server is late or stuck only after that many looks: this process may have been suspended itself."""
FAILED_PROBES = 2


class Pulse(NamedTuple):
    """One look at a server. `count` changes where it got on with its work; `busy`: there is work."""

    count: float
    busy: int


class Verdict(NamedTuple):
    """Both empty where all is well; else what is wrong, in words."""

    late: str = ""
    stuck: str = ""


@dataclass
class Attention:
    """Args: stall_s and idle_probe_s as in a provider's `server`; counts: no progress is proof (our engine)."""

    stall_s: float
    idle_probe_s: float
    counts: bool
    began: float

    def __post_init__(self):
        self.pulse = Pulse(-1, 0)
        self.answered_at = self.moved_at = self.quiet_since = self.began
        self.unanswered = self.unmoved = self.failed = 0
        self.reason = ""

    def saw(self, now: float, pulse: Pulse | None) -> None:
        """None: no answer, or nothing can be seen."""
        if pulse is None:
            self.unanswered += 1
            self.quiet_since = now
            return
        if not pulse.busy or pulse.count != self.pulse.count:
            self.moved_at, self.unmoved = now, 0
        else:
            self.unmoved += 1
        if pulse.busy:
            self.quiet_since = now
        if pulse.count != self.pulse.count and pulse.busy:
            self.failed = 0
        self.answered_at, self.unanswered, self.pulse = now, 0, pulse

    def wants_token(self, now: float) -> bool:
        """Whether it should be asked for one token."""
        if self.pulse.busy:
            return not self.counts and self._without_progress(now) >= self.stall_s
        if self.unanswered:
            return False
        return self.failed > 0 or now - self.quiet_since >= self.idle_probe_s

    def answered(self, now: float, error: str, *, timed_out: bool = False) -> None:
        """How asking for a token went; `error` is empty where one came."""
        if not error:
            self.failed, self.moved_at, self.unmoved, self.quiet_since = 0, now, 0, now
        elif not (timed_out and self.pulse.busy and now - self.moved_at < self.stall_s / 2):  # waits behind other work
            suspected = self.pulse.busy and self._without_progress(now) >= self.stall_s
            self.failed += FAILED_PROBES if suspected else 1
            self.reason = error

    def verdict(self, now: float) -> Verdict:
        silent = now - self.answered_at if self.unanswered >= LOOKS else 0
        waiting = self._without_progress(now)
        if self.failed >= FAILED_PROBES:
            return Verdict(stuck=f"asked for a token it does not answer: {self.reason}")
        if self.counts and silent >= self.stall_s:
            return Verdict(stuck=f"/slm/info has not answered for {silent:.0f} seconds")
        if self.counts and waiting >= self.stall_s:
            return Verdict(stuck=f"no progress for {waiting:.0f} seconds, requests: {self.pulse.busy}")
        if self.failed:
            return Verdict(late=f"asked for a token: {self.reason}")
        if self.counts and silent >= self.stall_s / 4:
            return Verdict(late=f"/slm/info has not answered for {silent:.0f} seconds")
        if self.counts and waiting >= self.stall_s / 4:
            return Verdict(late=f"no progress for {waiting:.0f} seconds, requests: {self.pulse.busy}")
        return Verdict()

    def _without_progress(self, now: float) -> float:
        return now - self.moved_at if self.pulse.busy and self.unmoved >= LOOKS else 0


class Watcher(threading.Thread):
    """Looks at a server until closed; `verdict` is the last one.

    Args:
        start: what was started: `child`, `port`, `expected`, `ours`.
        launch: its `stall_timeout_s` and `idle_probe_s`.
    """

    def __init__(self, start, launch: dict[str, Any]):
        super().__init__(daemon=True)
        self.stall_s = launch["stall_timeout_s"]
        self.expected = start.expected
        self.attention = Attention(self.stall_s, launch["idle_probe_s"], start.ours, time.monotonic())
        often = min(2.0, self.stall_s / 20, launch["idle_probe_s"] / 4, (launch["ttl_s"] or 8) / 4)
        self.interval = max(0.05, often)
        self.verdict = Verdict()
        self.used_at: float | None = None
        """When it was last seen at work that was not ours, monotonic seconds."""
        self._look = self._ask if start.ours else _Outside(start.child, start.port).look
        self._closed = threading.Event()
        self.start()

    def close(self) -> None:
        self._closed.set()

    def run(self) -> None:
        token: _Token | None = None
        while not self._closed.wait(self.interval):
            before, alone = self.attention.pulse.count, token is None
            pulse = self._look()
            now = time.monotonic()
            self.attention.saw(now, pulse)
            if alone and pulse is not None and (pulse.busy or (self.attention.counts and pulse.count != before)):
                self.used_at = now
            if token is not None and not token.is_alive():
                self.attention.answered(now, token.error, timed_out=token.timed_out)
                token = None
            if token is None and self.attention.wants_token(now):
                token = _Token(self.expected, self.stall_s)
            self.verdict = self.attention.verdict(now)

    def _ask(self) -> Pulse | None:
        """Our own engine's numbers; a look takes no longer than a tenth of the stall time."""
        wanted = self.expected
        try:
            info = engine_info.ask(wanted.base_url, wanted.token, timeout_s=max(0.1, min(5.0, self.stall_s / 10)))
            progress = info["progress"]
            return Pulse(float(progress["count"]), int(progress["in_flight"]) + int(progress.get("waiting") or 0))
        except (OSError, KeyError, TypeError, ValueError):
            return None


class _Token(threading.Thread):
    """One token, asked for beside the looks."""

    def __init__(self, expected, timeout_s: float):
        super().__init__(daemon=True)
        self.expected, self.timeout_s = expected, timeout_s
        self.error, self.timed_out = "", False
        self.start()

    def run(self) -> None:
        wanted = self.expected
        try:
            reply = probe.one_token(wanted.base_url, wanted.model_id, token=wanted.token, timeout_s=self.timeout_s)
        except TimeoutError:
            self.error, self.timed_out = f"no answer within {self.timeout_s:g} seconds", True
        except OSError as error:
            self.error = str(error)
        else:
            if reply.status == 200:
                self.error = probe.token_problem(reply)
            elif reply.status != 429:  # full is not stuck
                self.error = f"HTTP {reply.status}: {reply.message}"


class _Outside:
    """What can be seen of any server: established connections to its port, processor time, log."""

    SHARE = 0.01
    """Of one core: less is the polling of an idle server, no work."""

    def __init__(self, child, port: int):
        self.child, self.port = child, port
        self.marked_at, self.marked_cpu, self.marked_log, self.count = time.monotonic(), 0.0, -1, 0

    def look(self) -> Pulse | None:
        import psutil

        try:
            leader = psutil.Process(self.child.pid)
            processes = [leader, *leader.children(recursive=True)]
            cpu = sum(sum(process.cpu_times()[:2]) for process in processes)
            busy = sum(self._connections(process) for process in processes)
        except (psutil.Error, OSError):
            return None
        now, log = time.monotonic(), self.child.log_bytes
        used = cpu - self.marked_cpu
        if log != self.marked_log or used < 0 or used >= max(0.05, self.SHARE * (now - self.marked_at)):
            self.count += 1
            self.marked_at, self.marked_cpu, self.marked_log = now, cpu, log
        return Pulse(self.count, busy)

    def _connections(self, process) -> int:
        import psutil

        connections = getattr(process, "net_connections", None) or process.connections  # psutil < 6
        found = (c for c in connections(kind="tcp") if c.laddr and c.status == psutil.CONN_ESTABLISHED)
        return sum(c.laddr.port == self.port for c in found)
