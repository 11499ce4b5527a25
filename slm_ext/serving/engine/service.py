"""Between HTTP and the scheduler: a request becomes a job whose prompt fits the window and whose grammar compiles."""

from __future__ import annotations

import asyncio
import importlib.metadata
import json
import os
import time
from collections.abc import AsyncIterator, Callable, Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import Any, NamedTuple

from slm_ext.toolcalls import FORMATS

from .config import EngineConfig
from .constraint import Constraint
from .errors import ApiError
from .job import Job
from .loading import LoadedModel
from .metrics import Metrics
from .prompts import Prompt, Prompts
from .replies import Form
from .request import ChatRequest, TextRequest
from .rules import Rules, sampling_of, wire_of
from .scheduler import DEFAULT_STREAMS, Scheduler

__all__ = ["Service"]

_MLX_LM = importlib.metadata.version("mlx-lm")


class Ready(NamedTuple):
    """What there is once the model is loaded."""

    loaded: LoadedModel
    prompts: Prompts
    rules: Rules


class Service:
    """Everything but HTTP. Its methods run in the server's event loop.

    Args:
        config: the engine's.
        fatal: ends the process.
    """

    def __init__(self, config: EngineConfig, fatal: Callable[[int], None]):
        self.config, self.metrics = config, Metrics()
        self.state = "loading"
        self._fatal = fatal
        self._ready: Ready | None = None
        self._open = 0
        self._seconds = 1.0  # of a request, averaged
        self._waiters: dict[int, asyncio.Event] = {}
        self._prompting = ThreadPoolExecutor(
            1, "prompts"
        )  # templates and tokenizers, off the event loop, one at a time
        self._compiling = ThreadPoolExecutor(2, "grammars")
        self._preparing = 0
        self._loop: asyncio.AbstractEventLoop | None = None
        self.scheduler = Scheduler(config, self._job_changed, self._model_loaded, lambda: fatal(70))

    # -- life ----------------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Begin to load. Called inside the event loop."""
        self._loop = asyncio.get_running_loop()
        for name, text, read in (
            ("slm_in_flight", "Requests that are prefilled or decoded", lambda: self.scheduler.in_flight),
            ("slm_waiting", "Requests that wait for a stream", lambda: self.scheduler.waiting),
            ("slm_progress", "Tokens decoded and chunks prefilled", lambda: self.scheduler.progress),
            ("slm_prefilled_tokens", "Prompt tokens that went through the model", lambda: self.scheduler.prefilled),
            ("slm_prefix_cache_bytes", "Bytes of the prefix cache", lambda: self.scheduler.cache_bytes),
        ):
            self.metrics.watch(name, text, read)
        self.scheduler.start()

    def stop(self) -> None:
        """Stop generating; what is not finished gets a 503."""
        self.scheduler.end()

    def _model_loaded(self, loaded: LoadedModel | Exception) -> None:
        if isinstance(loaded, Exception):
            print(f"the model cannot be loaded: {loaded}", flush=True)
            return self._fatal(1)
        prompts = Prompts(loaded.tokenizer, self.config.chat_template_args, loaded.window)
        rules = Rules(loaded)
        if rules.missing:
            loaded.notes.append(f"grammars are not enforced: {rules.missing}")
        for note in loaded.notes:
            print(f"note: {note}", flush=True)
        self._ready, self.state = Ready(loaded, prompts, rules), "ready"

    @property
    def ready(self) -> Ready:
        """The model and what was made for it; raises RuntimeError before it is loaded."""
        if self._ready is None:
            raise RuntimeError("the model is not loaded yet")
        return self._ready

    @property
    def loaded(self) -> LoadedModel | None:
        """The model; None before it is loaded."""
        return self._ready.loaded if self._ready else None

    def info(self) -> dict[str, Any]:
        """The document of `GET /slm/info`."""
        state, ready = self.state, self._ready  # in this order: who reads "ready" finds the model too
        loaded = ready.loaded if ready else None
        return {
            "schema_version": 1,
            "engine": "slm",
            "version": _MLX_LM,
            "pid": os.getpid(),
            "launch_id": self.config.launch_id,
            "model_id": self.config.model_id,
            "state": state,
            "identity": loaded.identity.model_dump() if loaded else None,
            "context_tokens": loaded.window if loaded else None,
            "max_streams": (self.config.max_streams or DEFAULT_STREAMS) if not loaded or loaded.batching else 1,
            "batching": loaded.batching if loaded else None,
            "notes": loaded.notes if loaded else [],
            "wire_format": loaded.wire_format if loaded else None,
            "constraints": bool(ready and not ready.rules.missing),
            "progress": {
                "count": self.scheduler.progress,
                "in_flight": self.scheduler.in_flight,
                "waiting": self.scheduler.waiting + self._preparing,
            },
        }

    # -- requests ------------------------------------------------------------------------------------------------------

    async def chat(self, request: ChatRequest) -> tuple[Job, Form]:
        """Check a chat request against the model, and queue it. Raises ApiError."""
        with self._place(request.model) as (loaded, prompts, rules):
            wire = wire_of(request, loaded.wire_format)
            tools = request.tools if request.slm.show_tools else None
            prompt = await self._off_loop(
                self._prompting, prompts.chat, request.messages, tools, request.chat_template_kwargs
            )
            tags = (loaded.tokenizer.think_start, loaded.tokenizer.think_end) if loaded.tokenizer.has_thinking else None
            calling = request.choice != "none"
            form = Form(FORMATS[wire] if wire and calling else None, request.tools, prompt.in_thinking, tags)
            constraint = await self._off_loop(self._compiling, rules.constraint, request, wire, prompt)
            top = (request.top_logprobs or 0) if request.logprobs else None
            return self._submit(loaded, request, prompt, constraint, top), form

    async def text(self, request: TextRequest) -> Job:
        """Check a text request, and queue it. Raises ApiError."""
        with self._place(request.model) as (loaded, prompts, _):
            prompt = await self._off_loop(self._prompting, prompts.plain, request.prompt)
            return self._submit(loaded, request, prompt, None, request.logprobs)

    async def changes(self, job: Job) -> AsyncIterator[None]:
        """Yields whenever `job` may have something new, the last time when it has ended."""
        changed = self._waiters[job.number]
        while job.finish is None:
            yield
            await changed.wait()
            changed.clear()
        yield

    def leave(self, job: Job) -> None:
        """Nobody listens to `job` any more; it is cancelled unless it has ended. Every job is left once."""
        if self._waiters.pop(job.number, None) is None:
            return
        self._open -= 1
        if job.finish is None:
            self.scheduler.cancel(job)
        self._account(job)

    @contextmanager
    def _place(self, model: str) -> Generator[Ready]:
        """One of the open requests, until `leave`; given up at once where the request is refused on the way."""
        ready = self._usable(model)
        self._open += 1
        try:
            yield ready
        except BaseException:
            self._open -= 1
            raise

    def _usable(self, model: str) -> Ready:
        if self._ready is None:
            raise ApiError(503, "the model is being loaded", code="loading", retry_after=2)
        if model not in (self.config.model_id, "default_model"):
            raise ApiError(
                404, f"there is no model {model!r} here; this server has {self.config.model_id!r}",
                code="model_not_found", param="model",
            )  # fmt: skip
        streams = (self.config.max_streams or DEFAULT_STREAMS) if self._ready.loaded.batching else 1
        if self._open >= streams + self.config.queue_limit:
            wait = min(60, max(1, round(self._seconds * self.scheduler.waiting / streams)))
            raise ApiError(
                429, f"{self._open} requests are open; allowed: {streams} streams, {self.config.queue_limit} waiting",
                code="queue_full", retry_after=wait,
            )  # fmt: skip
        return self._ready

    def _submit(
        self,
        loaded: LoadedModel,
        request: ChatRequest | TextRequest,
        prompt: Prompt,
        constraint: Constraint | None,
        top_logprobs: int | None,
    ) -> Job:
        count, window = len(prompt.ids), loaded.window
        room = window - count
        limit = request.limit or min(self.config.max_tokens or room, room)
        if room < 1 or limit > room:
            asked = f" and {request.limit} for the answer" if request.limit else ""
            raise ApiError(
                400, f"this model's context is {window} tokens; asked for: {count} in the prompt{asked}. Shorten the "
                f"prompt{' or lower max_tokens' if request.limit and room > 0 else ''}",
                code="context_length_exceeded", param="messages",
                context_tokens=window, prompt_tokens=count, completion_tokens=request.limit,
            )  # fmt: skip
        if request.logit_bias and any(int(key) >= loaded.vocabulary for key in request.logit_bias):
            raise ApiError(400, f"logit_bias: token ids are below {loaded.vocabulary}", param="logit_bias")
        job = Job(
            prompt,
            limit,
            sampling_of(request, self.config),
            constraint=constraint,
            stops=request.stops,
            stream=request.stream,
            top_logprobs=top_logprobs,
        )
        self._waiters[job.number] = asyncio.Event()
        self.scheduler.submit(job)
        return job

    async def _off_loop(self, executor: ThreadPoolExecutor, function: Callable, *arguments: Any) -> Any:
        self._preparing += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(executor, partial(function, *arguments))
        finally:
            self._preparing -= 1

    # -- from the generation thread ------------------------------------------------------------------------------------

    def _job_changed(self, jobs: list[Job]) -> None:
        for job in jobs:
            if job.finish == "length" or job.stopped_by is not None:  # a stop text leaves tokens that say more
                self.ready.prompts.learn(job.prompt, job.text, job.ids, job.stopped_by)
        assert self._loop is not None  # the thread is started with it
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._wake, jobs)

    def _wake(self, jobs: list[Job]) -> None:
        for job in jobs:
            if waiter := self._waiters.get(job.number):
                waiter.set()

    def _account(self, job: Job) -> None:
        took = time.perf_counter() - job.began
        self._seconds = 0.8 * self._seconds + 0.2 * took
        self.metrics.count(job, took)
        line = {
            "request": job.number, "outcome": job.finish or "cancelled", "prompt": len(job.prompt.ids),
            "cached": job.cached, "generated": len(job.ids), "seconds": round(took, 3),
        }  # fmt: skip
        if job.constraint is not None and job.constraint.error:
            line["grammar_error"] = job.constraint.error
        print(json.dumps(line), flush=True)
