"""The engine's HTTP side: the OpenAI API for one model."""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from .errors import ApiError
from .guard import LIMIT_BYTES, Guard
from .job import Job
from .metrics import CONTENT_TYPE
from .replies import Form, Splitter, read_reply
from .request import ChatRequest, TextRequest, read_request
from .service import Service

__all__ = ["build_app"]


def build_app(service: Service, token: str) -> Guard:
    """The ASGI application.

    Args:
        service: not started yet; it is when the server starts.
        token: bearer token of this launch.
    """
    api = _Api(service)

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        service.start()
        yield
        service.stop()

    routes = [
        Route("/v1/chat/completions", api.chat, methods=["POST"]),
        Route("/v1/completions", api.text, methods=["POST"]),
        Route("/v1/models", api.models),
        Route("/v1/models/{name:path}", api.model),
        Route("/health", api.health),
        Route("/metrics", api.metrics),
        Route("/slm/info", api.info),
    ]
    handlers = {ApiError: _refused, HTTPException: _http_error, Exception: _broken}
    return Guard(Starlette(routes=routes, lifespan=lifespan, exception_handlers=handlers), token, service.config.host)


class _Api:
    def __init__(self, service: Service):
        self._service = service
        self._created = int(time.time())

    async def health(self, request: Request) -> Response:
        state = self._service.state
        return JSONResponse({"status": state}, 200 if state == "ready" else 503)

    async def info(self, request: Request) -> Response:
        return JSONResponse(self._service.info())

    async def metrics(self, request: Request) -> Response:
        return Response(self._service.metrics.text(), media_type=CONTENT_TYPE)

    async def models(self, request: Request) -> Response:
        return JSONResponse({"object": "list", "data": [self._model()]})

    async def model(self, request: Request) -> Response:
        name = request.path_params["name"]
        if name != self._service.config.model_id:
            raise ApiError(404, f"there is no model {name!r} here", code="model_not_found", param="model")
        return JSONResponse(self._model())

    async def chat(self, request: Request) -> Response:
        asked: ChatRequest = read_request(ChatRequest, await _body(request))
        job, form = await self._service.chat(asked)
        answer = _ChatAnswer(job, form, self._service.config.model_id, asked.include_usage)
        return await self._answer(request, answer, asked.stream)

    async def text(self, request: Request) -> Response:
        asked: TextRequest = read_request(TextRequest, await _body(request))
        job = await self._service.text(asked)
        answer = _TextAnswer(job, Form(), self._service.config.model_id, asked.include_usage)
        return await self._answer(request, answer, asked.stream)

    async def _answer(self, request: Request, answer: _Answer, stream: bool) -> Response:
        answer.token_text = self._token_text
        if stream:
            return _EventStream(answer, self._service)
        try:
            await _until_done(request, self._service.changes(answer.job))
        finally:
            self._service.leave(answer.job)
        if answer.job.error:
            raise answer.job.error
        if answer.job.finish in (None, "cancelled"):
            return Response(status_code=499)  # nobody is there to read it
        document = answer.whole()
        if answer.message_error:
            self._service.metrics.unread_calls.inc()
        return JSONResponse(document)

    def _token_text(self, token: int) -> str:
        return self._service.loaded.tokenizer.decode([token])

    def _model(self) -> dict[str, Any]:
        window = self._service.loaded.window if self._service.loaded else self._service.config.context_tokens
        return {
            "id": self._service.config.model_id, "object": "model", "created": self._created, "owned_by": "slm-ext",
            "max_model_len": window,
        }  # fmt: skip


class _Answer:
    """One job as documents of the API: whole, or chunk by chunk."""

    prefix, kind, chunk_kind = "", "", ""

    def __init__(self, job: Job, form: Form, model_id: str, include_usage: bool):
        self.job, self.form, self.include_usage = job, form, include_usage
        self.message_error: dict | None = None
        self.token_text = str
        self._head = {
            "id": f"{self.prefix}-{uuid.uuid4().hex}",
            "object": self.kind,
            "created": int(time.time()),
            "model": model_id,
        }

    def usage(self) -> dict[str, Any]:
        prompt, answer = len(self.job.prompt.ids), len(self.job.ids)
        return {
            "prompt_tokens": prompt,
            "completion_tokens": answer,
            "total_tokens": prompt + answer,
            "prompt_tokens_details": {"cached_tokens": self.job.cached},
        }

    def extra(self) -> dict[str, Any]:
        """Ours: what was rendered, and what became of the grammar."""
        constraint = self.job.constraint
        return {
            "prompt_sha": self.job.prompt.sha,
            "constrained": constraint is not None,
            "grammar_error": constraint.error or None if constraint else None,
        }

    def whole(self) -> dict[str, Any]:
        return {**self._head, "choices": [self.choice()], "usage": self.usage(), "slm": self.extra()}

    def chunk(self, *choices: dict, **rest: Any) -> dict[str, Any]:
        return {**self._head, "object": self.chunk_kind, "choices": list(choices), **rest}

    def choice(self) -> dict[str, Any]:
        raise NotImplementedError

    def opening(self) -> list[dict]:
        return []

    def more(self) -> list[dict]:
        raise NotImplementedError

    def last(self) -> list[dict]:
        raise NotImplementedError


class _ChatAnswer(_Answer):
    prefix, kind, chunk_kind = "chatcmpl", "chat.completion", "chat.completion.chunk"

    def __init__(self, *arguments: Any):
        super().__init__(*arguments)
        self._splitter = Splitter(self.form)

    def choice(self) -> dict[str, Any]:
        message = read_reply(self.job.text, self.form, self.job.finish)
        self.message_error = message.error
        return {
            "index": 0, "message": message.to_openai(), "finish_reason": message.finish, "logprobs": self._logprobs(),
        }  # fmt: skip

    def opening(self) -> list[dict]:
        return [self.chunk(_delta({"role": "assistant", "content": ""}))]

    def more(self) -> list[dict]:
        return [self.chunk(_delta(delta)) for delta in self._splitter.feed(self.job.text[: self.job.settled])]

    def last(self) -> list[dict]:
        message = read_reply(self.job.text, self.form, self.job.finish)
        self.message_error = message.error
        chunks = [self.chunk(_delta(delta)) for delta in self._splitter.finish(message)]
        end = _delta({}) | {"finish_reason": message.finish, "logprobs": self._logprobs()}
        return [*chunks, self.chunk(end, slm=self.extra())]

    def _logprobs(self) -> dict[str, Any] | None:
        if self.job.top_logprobs is None:
            return None
        return {"content": [self._entry(*entry) for entry in self.job.logprobs]}

    def _entry(self, token: int, logprob: float, top: list) -> dict[str, Any]:
        shown = lambda i, value: {"token": self.token_text(i), "logprob": value, "bytes": None}  # noqa: E731
        return shown(token, logprob) | {"top_logprobs": [shown(i, value) for i, value in top]}


class _TextAnswer(_Answer):
    prefix, kind, chunk_kind = "cmpl", "text_completion", "text_completion"
    _shown = 0

    def choice(self) -> dict[str, Any]:
        return {"index": 0, "text": self.job.text, "finish_reason": self.job.finish, "logprobs": self._logprobs()}

    def more(self) -> list[dict]:
        begin, self._shown = self._shown, max(self._shown, self.job.settled)
        new = self.job.text[begin : self._shown]
        return [self.chunk({"index": 0, "text": new, "finish_reason": None, "logprobs": None})] if new else []

    def last(self) -> list[dict]:
        end = {"index": 0, "text": "", "finish_reason": self.job.finish, "logprobs": self._logprobs()}
        return [*self.more(), self.chunk(end, slm=self.extra())]

    def _logprobs(self) -> dict[str, Any] | None:
        if self.job.top_logprobs is None:
            return None
        entries = self.job.logprobs
        return {
            "tokens": [self.token_text(entry.token) for entry in entries],
            "token_logprobs": [entry.logprob for entry in entries],
            "top_logprobs": [{self.token_text(i): value for i, value in entry.top} for entry in entries],
        }


def _delta(delta: dict) -> dict[str, Any]:
    return {"index": 0, "delta": delta, "finish_reason": None}


class _EventStream(StreamingResponse):
    """Server-sent events to `[DONE]`, or to an error. However it ends, even before it began, the job is left."""

    def __init__(self, answer: _Answer, service: Service):
        headers = {"Cache-Control": "no-cache"}
        super().__init__(_events(answer, service.changes(answer.job)), media_type="text/event-stream", headers=headers)
        self._left = lambda: service.leave(answer.job)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._left()


async def _events(answer: _Answer, changes: AsyncIterator[None]) -> AsyncIterator[bytes]:
    for chunk in answer.opening():
        yield _event(chunk)
    async for _ in changes:
        if answer.job.finish is None:
            for chunk in answer.more():
                yield _event(chunk)
    if answer.job.error is not None:
        yield _event(answer.job.error.body())
        return
    if answer.job.finish == "cancelled":
        return
    for chunk in answer.last():
        yield _event(chunk)
    if answer.include_usage:
        yield _event(answer.chunk(usage=answer.usage()))
    yield b"data: [DONE]\n\n"


def _event(document: dict) -> bytes:
    return b"data: " + json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode() + b"\n\n"


async def _until_done(request: Request, changes: AsyncIterator[None]) -> None:
    """Wait for the job's end, or until the client has gone."""

    async def finished() -> None:
        async for _ in changes:
            pass

    async def gone() -> None:
        while (await request.receive())["type"] != "http.disconnect":
            pass

    tasks = [asyncio.ensure_future(finished()), asyncio.ensure_future(gone())]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _body(request: Request) -> bytes:
    parts, size = [], 0
    try:
        async for part in request.stream():
            size += len(part)
            if size > LIMIT_BYTES:
                raise ApiError(413, f"the body is larger than {LIMIT_BYTES} bytes")
            parts.append(part)
    except ClientDisconnect:
        raise ApiError(400, "the client left before its request was complete") from None
    return b"".join(parts)


async def _refused(request: Request, error: Exception) -> Response:
    return JSONResponse(error.body(), error.status, headers=error.headers())


async def _http_error(request: Request, error: Exception) -> Response:
    refusal = ApiError(error.status_code, f"{request.method} {request.url.path}: {error.detail}")
    return JSONResponse(refusal.body(), refusal.status, headers=error.headers)


async def _broken(request: Request, error: Exception) -> Response:
    return JSONResponse(ApiError(500, f"the server failed: {error!r}", code="internal_error").body(), 500)
