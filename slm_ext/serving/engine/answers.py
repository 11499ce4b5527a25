"""One job as documents of the OpenAI API: whole, or chunk by chunk."""

from __future__ import annotations

import time
import uuid
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

from .job import Job, TokenLogprob
from .replies import Form, Message, Splitter, read_reply

__all__ = ["Answer", "ChatAnswer", "TextAnswer"]


class Answer(ABC):
    """What both endpoints have in common.

    Args:
        job: being filled, or done.
        form: how its text is to be read.
        model_id: the name in every document.
        include_usage: whether a stream ends with a chunk of usage.
    """

    prefix, kind, chunk_kind = "", "", ""

    def __init__(self, job: Job, form: Form, model_id: str, include_usage: bool):
        self.job, self.form, self.include_usage = job, form, include_usage
        self.message_error: dict | None = None
        self._told = 0
        self.token_text: Callable[[int], str] = str
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
        """The document of a job that is done."""
        return {**self._head, "choices": [self.choice()], "usage": self.usage(), "slm": self.extra()}

    def chunk(self, *choices: dict, **rest: Any) -> dict[str, Any]:
        """One event of a stream."""
        return {**self._head, "object": self.chunk_kind, "choices": list(choices), **rest}

    def logprobs(self) -> dict[str, Any] | None:
        """Those of every token, where they were asked for."""
        return None if self.job.top_logprobs is None else self._shown_logprobs(self.job.logprobs)

    def new_logprobs(self) -> dict[str, Any] | None:
        """Those of the tokens since the last call; None where there are none."""
        entries = self.job.logprobs[self._told :]
        self._told += len(entries)
        return self._shown_logprobs(entries) if entries else None

    @abstractmethod
    def _shown_logprobs(self, entries: list[TokenLogprob]) -> dict[str, Any]:
        """As the endpoint writes them."""

    @abstractmethod
    def choice(self) -> dict[str, Any]:
        """The one choice of a job that is done."""

    def opening(self) -> list[dict]:
        """Chunks before there is any text."""
        return []

    @abstractmethod
    def more(self) -> list[dict]:
        """Chunks of what is new since the last ones."""

    @abstractmethod
    def last(self) -> list[dict]:
        """Chunks at the end of a job that is done."""


class ChatAnswer(Answer):
    """Of `/v1/chat/completions`."""

    prefix, kind, chunk_kind = "chatcmpl", "chat.completion", "chat.completion.chunk"

    def __init__(self, *arguments: Any):
        super().__init__(*arguments)
        self._splitter = Splitter(self.form)

    def choice(self) -> dict[str, Any]:
        message = self._message()
        return {
            "index": 0, "message": message.to_openai(), "finish_reason": message.finish, "logprobs": self.logprobs(),
        }  # fmt: skip

    def opening(self) -> list[dict]:
        return [self._piece({"role": "assistant", "content": ""})]

    def more(self) -> list[dict]:
        return [self._piece(delta) for delta in self._splitter.feed(self.job.text[: self.job.settled])]

    def last(self) -> list[dict]:
        message = self._message()
        chunks = [self._piece(delta) for delta in self._splitter.finish(message)]
        return [*chunks, self._piece({}, message.finish, slm=self.extra())]

    def _piece(self, delta: dict, finish: str | None = None, **rest: Any) -> dict[str, Any]:
        choice = {"index": 0, "delta": delta, "finish_reason": finish, "logprobs": self.new_logprobs()}
        return self.chunk(choice, **rest)

    def _message(self) -> Message:
        assert self.job.finish is not None  # the job is done
        message = read_reply(self.job.text, self.form, self.job.finish)
        self.message_error = message.error
        return message

    def _shown_logprobs(self, entries: list[TokenLogprob]) -> dict[str, Any]:
        return {"content": [self._entry(*entry) for entry in entries]}

    def _entry(self, token: int, logprob: float, top: list) -> dict[str, Any]:
        shown = lambda i, value: {"token": self.token_text(i), "logprob": value, "bytes": None}  # noqa: E731
        return shown(token, logprob) | {"top_logprobs": [shown(i, value) for i, value in top]}


class TextAnswer(Answer):
    """Of `/v1/completions`."""

    prefix, kind, chunk_kind = "cmpl", "text_completion", "text_completion"
    _shown = 0

    def choice(self) -> dict[str, Any]:
        return {"index": 0, "text": self.job.text, "finish_reason": self.job.finish, "logprobs": self.logprobs()}

    def more(self) -> list[dict]:
        begin, self._shown = self._shown, max(self._shown, self.job.settled)
        new = self.job.text[begin : self._shown]
        return [self._piece(new)] if new else []

    def last(self) -> list[dict]:
        return [*self.more(), self._piece("", self.job.finish, slm=self.extra())]

    def _piece(self, text: str, finish: str | None = None, **rest: Any) -> dict[str, Any]:
        choice = {"index": 0, "text": text, "finish_reason": finish, "logprobs": self.new_logprobs()}
        return self.chunk(choice, **rest)

    def _shown_logprobs(self, entries: list[TokenLogprob]) -> dict[str, Any]:
        return {
            "tokens": [self.token_text(entry.token) for entry in entries],
            "token_logprobs": [entry.logprob for entry in entries],
            "top_logprobs": [{self.token_text(i): value for i, value in entry.top} for entry in entries],
        }
