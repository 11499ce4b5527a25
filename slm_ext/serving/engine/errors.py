"""Refusals in the shape of the OpenAI API."""

from __future__ import annotations

__all__ = ["ApiError"]


class ApiError(Exception):
    """A request that is refused.

    Args:
        status: HTTP status.
        message: what was seen and what is allowed.
        code: a name that programs test for, e.g. `context_length_exceeded`.
        param: the field of the request.
        retry_after: seconds, for 429 and 503.
        extra: further keys of the error object, numbers that a program may want.
    """

    def __init__(
        self,
        status: int,
        message: str,
        *,
        code: str | None = None,
        param: str | None = None,
        retry_after: int | None = None,
        **extra,
    ):
        self.status, self.message, self.code, self.param, self.retry_after = status, message, code, param, retry_after
        self.extra = extra
        super().__init__(message)

    def body(self) -> dict:
        """The JSON document of the answer."""
        kinds = {401: "authentication_error", 403: "permission_error", 429: "rate_limit_error"}
        kind = kinds.get(self.status, "invalid_request_error" if self.status < 500 else "server_error")
        error = {"message": self.message, "type": kind, "param": self.param, "code": self.code}
        return {"error": error | self.extra}

    def headers(self) -> dict[str, str]:
        """Further headers of the answer."""
        return {} if self.retry_after is None else {"Retry-After": str(self.retry_after)}
