"""The engine's HTTP side: the OpenAI API for one model."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncGenerator, AsyncIterator, Generator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from .answers import Answer, ChatAnswer, TextAnswer
from .errors import ApiError
from .guard import LIMIT_BYTES, Guard
from .job import Job
from .metrics import CONTENT_TYPE
from .replies import Form
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
    async def lifespan(app: Starlette) -> AsyncGenerator[None]:
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
        with self._left_if_it_fails(job):
            answer = ChatAnswer(job, form, self._service.config.model_id, asked.include_usage)
            return await self._answer(request, answer, asked.stream)

    async def text(self, request: Request) -> Response:
        asked: TextRequest = read_request(TextRequest, await _body(request))
        job = await self._service.text(asked)
        with self._left_if_it_fails(job):
            answer = TextAnswer(job, Form(), self._service.config.model_id, asked.include_usage)
            return await self._answer(request, answer, asked.stream)

    @contextmanager
    def _left_if_it_fails(self, job: Job) -> Generator[None]:
        """Gives a queued job's place back, whatever happens before its answer is on the way."""
        try:
            yield
        except BaseException:
            self._service.leave(job)
            raise

    async def _answer(self, request: Request, answer: Answer, stream: bool) -> Response:
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
        return self._service.ready.loaded.tokenizer.decode([token])

    def _model(self) -> dict[str, Any]:
        loaded = self._service.loaded
        window = loaded.window if loaded else self._service.config.context_tokens
        return {
            "id": self._service.config.model_id, "object": "model", "created": self._created, "owned_by": "slm-ext",
            "max_model_len": window,
        }  # fmt: skip


class _EventStream(StreamingResponse):
    """Server-sent events to `[DONE]`, or to an error. However it ends, even before it began, the job is left."""

    def __init__(self, answer: Answer, service: Service):
        headers = {"Cache-Control": "no-cache"}
        super().__init__(_events(answer, service.changes(answer.job)), media_type="text/event-stream", headers=headers)
        self._left = lambda: service.leave(answer.job)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._left()


async def _events(answer: Answer, changes: AsyncIterator[None]) -> AsyncIterator[bytes]:
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
    assert isinstance(error, ApiError)  # Starlette goes by the type
    return JSONResponse(error.body(), error.status, headers=error.headers())


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # Starlette goes by the type
    refusal = ApiError(error.status_code, f"{request.method} {request.url.path}: {error.detail}")
    return JSONResponse(refusal.body(), refusal.status, headers=error.headers)


async def _broken(request: Request, error: Exception) -> Response:
    return JSONResponse(ApiError(500, f"the server failed: {error!r}", code="internal_error").body(), 500)
