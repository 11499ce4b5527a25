"""The one thread that owns MLX: it loads the model, prefills prompts in chunks and decodes, until the process ends.

Between two decoding steps prompts are prefilled in chunks, in turns, for a tenth of a second or one chunk, so that a
long prompt stops neither the streams that are running nor short ones behind it. The size of a chunk adapts to the
machine: none takes much longer than half a second, which bounds how late a disconnect or a new request is noticed.
"""

from __future__ import annotations

import gc
import sys
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable
from typing import Any

import mlx.core as mx

from .batch import Batch, merged
from .config import EngineConfig
from .errors import ApiError
from .job import Job
from .loading import LoadedModel, load_model
from .prefill import Prefill, Prefiller
from .prefixes import PrefixCache
from .solo import Solo

__all__ = ["Scheduler"]

DEFAULT_STREAMS = 4
_ROUND_S = 0.1
_FATAL_FAILURES = 3


class Scheduler(threading.Thread):
    """Generates for submitted jobs.

    Args:
        config: the engine's.
        changed: called in this thread with the jobs that have new text or have ended.
        loaded: called in this thread once the model is there, or with the exception that kept it from loading.
        fatal: called where generation fails again and again; should end the process.
    """

    def __init__(
        self,
        config: EngineConfig,
        changed: Callable[[list[Job]], None],
        loaded: Callable[[LoadedModel | Exception], None],
        fatal: Callable[[], None],
    ):
        super().__init__(name="generation", daemon=True)
        self._config, self._changed, self._on_loaded, self._fatal = config, changed, loaded, fatal
        self._loaded: LoadedModel | None = None
        self.progress = 0
        """Tokens decoded and chunks prefilled so far."""
        self.prefilled = 0
        """Prompt tokens that went through the model."""
        self._waiting: deque[Job] = deque()
        self._prefilling: deque[Prefill] = deque()
        self._running: Batch | Solo | None = None
        self._prefixes = PrefixCache(config.prompt_cache_size, config.prompt_cache_bytes)
        self._wake = threading.Condition()
        self._ending = False
        self._prefiller: Prefiller
        self._failures = 0

    # -- from other threads --------------------------------------------------------------------------------------------

    def submit(self, job: Job) -> None:
        """Queue a job."""
        with self._wake:
            if self._ending:
                self._lost(job, "the server is stopping", 503)
                return
            self._waiting.append(job)
            self._wake.notify()

    def cancel(self, job: Job) -> None:
        """End a job soon; what was prefilled for it is kept."""
        job.cancelled = True
        with self._wake:
            self._wake.notify()

    def end(self) -> None:
        """Stop generating; jobs that are not finished fail."""
        with self._wake:
            self._ending = True
            self._wake.notify()

    @property
    def waiting(self) -> int:
        """Jobs that have not begun."""
        return len(self._waiting)

    @property
    def in_flight(self) -> int:
        """Jobs that are prefilled or decoded."""
        return len(self._prefilling) + (len(self._running.jobs) if self._running else 0)

    @property
    def cache_bytes(self) -> int:
        """Bytes of the prefix cache."""
        return self._prefixes.nbytes

    @property
    def loaded(self) -> LoadedModel:
        """The model; raises RuntimeError before it is loaded."""
        if self._loaded is None:
            raise RuntimeError("the model is not loaded yet")
        return self._loaded

    # -- in this thread ------------------------------------------------------------------------------------------------

    def run(self) -> None:
        try:
            loaded = load_model(self._config)
        except Exception as error:
            traceback.print_exc()
            self._on_loaded(error)
            return
        self._loaded = loaded
        streams = self._config.max_streams or DEFAULT_STREAMS
        self._running = Batch(loaded.model, streams) if loaded.batching else Solo(loaded)
        self._prefiller = Prefiller(loaded, self._config.kv_bits)
        try:
            self._on_loaded(loaded)
            while not self._ending:
                self._round()
        except (
            BaseException
        ):  # a defect of ours, or a panic in native code; without this thread the process is of no use
            traceback.print_exc()
            self._fatal()
        left = [*self._drain(), *self._waiting]
        self._changed([job for job in left if self._lost(job, "the server is stopping", 503)])

    def _round(self) -> None:
        """Wait for work, then one step and one chunk."""
        with self._wake:
            while not (self._waiting or self.in_flight or self._ending):
                self._wake.wait()
            gone = [job for job in self._waiting if job.cancelled]
            for job in gone:
                self._waiting.remove(job)
            room = self._decoder.capacity - self.in_flight
            admitted = [self._waiting.popleft() for _ in range(min(room, len(self._waiting)))]
        changed = self._drop_cancelled(gone)
        changed += self._admit(admitted)
        changed += self._decode()
        changed += self._prefill()
        if changed:
            self._changed(changed)

    def _admit(self, jobs: list[Job]) -> list[Job]:
        """Begin with `jobs`. Returns those that failed."""
        failed = []
        for job in jobs:
            try:
                cache, job.cached = self._prefixes.fetch(job.prompt.ids)
                self._prefilling.append(Prefill(job, cache or self.loaded.new_cache(), job.cached))
            except Exception as error:
                failed += self._failed([job], f"the prefix cache failed: {error}")
        return failed

    def _drop_cancelled(self, gone: list[Job]) -> list[Job]:
        """End `gone`, which had not begun, and every job that was cancelled on its way."""
        for prefill in [p for p in self._prefilling if p.job.cancelled]:
            self._prefilling.remove(prefill)
            self._keep(self._prefixes.store, prefill.job.prompt.ids[: prefill.done], prefill.cache)
            gone.append(prefill.job)
        failed, cancelled = [], [job for job in self._decoder.jobs if job.cancelled]
        try:
            self._release(cancelled)
        except Exception as error:
            failed = self._failed(self._drain(prefilling=False), f"generation failed: {error}")
        gone += [job for job in cancelled if not job.finish]
        for job in gone:
            job.end("cancelled", None)
        return gone + failed

    def _decode(self) -> list[Job]:
        """One step for the running streams. Returns the jobs somebody should look at."""
        if not self._decoder.jobs:
            return []
        try:
            given = self._decoder.step()
            finished = [job for job, token in given if self._accept(job, token)]
            self.progress += max(1, len(given))
            self._release(finished)
            self._failures = 0
        except Exception as error:
            return self._failed(self._drain(prefilling=False), f"generation failed: {error}")
        return [job for job, _ in given if job.stream or job.finish]

    def _accept(self, job: Job, token: int) -> bool:
        """`job.accept`; where the text of one answer fails, that one fails."""
        try:
            return job.accept(token, self.loaded.tokenizer)
        except Exception as error:
            traceback.print_exc()
            return self._lost(job, f"the text of the answer cannot be made: {error}", 500)

    def _prefill(self) -> list[Job]:
        """Chunks of prompts, in turns, for a short time: one of a long prompt, several of short ones."""
        began, lost = time.perf_counter(), []
        while self._prefilling:
            lost += self._advance()
            if time.perf_counter() - began > _ROUND_S:
                break
        return lost

    def _advance(self) -> list[Job]:
        """The next chunk; a prompt that is in joins the decoder, another one goes to the end of the row."""
        group = self._prefiller.next(self._prefilling)  # they stay in the row meanwhile: they are in flight
        before = sum(p.left for p in group)
        try:
            cache = self._prefiller.advance(group) if before else None
            self.progress += bool(before)
            self.prefilled += before - sum(p.left for p in group)
            if group[0].left:
                self._prefilling.rotate(-1)
                return []
            self._enter(group, cache)
        except Exception as error:
            self._leave_row(group)
            return self._failed([p.job for p in group], f"prefill failed: {error}")
        self._leave_row(group)
        return []

    def _enter(self, group: list[Prefill], cache: list[Any] | None) -> None:
        """Hand over prompts that are in; `cache` is theirs where they were prefilled together."""
        for prefill in group:
            if not self.loaded.trimmable and prefill.done > prefill.job.cached:
                self._keep(self._prefixes.snapshot, prefill.job.prompt.ids[: prefill.done], prefill.cache)
        if isinstance(self._decoder, Solo):
            self._decoder.join(group[0].job, group[0].cache)
        else:
            self._decoder.join([p.job for p in group], cache or merged([p.cache for p in group]))

    def _leave_row(self, group: list[Prefill]) -> None:
        for prefill in group:
            self._prefilling.remove(prefill)

    def _release(self, jobs: list[Job]) -> None:
        """Take jobs out of the decoder and keep their caches."""
        if jobs:
            for ids, cache in self._decoder.leave(jobs):
                self._keep(self._prefixes.store, ids, cache)

    @staticmethod
    def _keep(store: Callable[[list[int], list[Any]], None], ids: list[int], cache: list[Any]) -> None:
        """Put a cache among the prefixes; where that fails, nothing but the cache is lost."""
        try:
            store(ids, cache)
        except Exception:
            traceback.print_exc()

    def _drain(self, prefilling: bool = True) -> list[Job]:
        """Every job that has begun; nothing of them is kept."""
        jobs = [*self._decoder.jobs, *(p.job for p in self._prefilling if prefilling)]
        if prefilling:
            self._prefilling.clear()
        batching, loaded = isinstance(self._decoder, Batch), self.loaded
        self._running = Batch(loaded.model, self._decoder.capacity) if batching else Solo(loaded)
        gc.collect()
        mx.clear_cache()
        return jobs

    def _failed(self, jobs: list[Job], message: str) -> list[Job]:
        """An exception is being handled that `jobs` pay for. The third before any step succeeds ends the process."""
        traceback.print_exc()
        self._failures += 1
        if self._failures >= _FATAL_FAILURES:
            print(f"{self._failures} failures in a row; ending", file=sys.stderr, flush=True)
            self._fatal()
        return [job for job in jobs if job.finish or self._lost(job, message, 500)]

    @property
    def _decoder(self) -> Batch | Solo:
        if self._running is None:
            raise RuntimeError("the model is not loaded yet")
        return self._running

    @staticmethod
    def _lost(job: Job, message: str, status: int) -> bool:
        code = "generation_failed" if status == 500 else "stopping"
        job.fail(ApiError(status, message, code=code))
        return True
