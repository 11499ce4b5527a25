"""What the engine counts, in Prometheus' text format."""

from __future__ import annotations

from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

__all__ = ["CONTENT_TYPE", "Metrics"]

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_SECONDS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300)


class Metrics:
    """Counters of one engine; gauges are read when they are asked for."""

    def __init__(self):
        self._registry = registry = CollectorRegistry()
        self.answers = Counter("slm_requests", "Finished requests", ["outcome"], registry=registry)
        self.tokens = Counter("slm_tokens", "Tokens by kind: prompt, cached (of the prompt), generated", ["kind"],
                              registry=registry)  # fmt: skip
        self.first_token = Histogram("slm_first_token_seconds", "Seconds to the first token", buckets=_SECONDS,
                                     registry=registry)  # fmt: skip
        self.seconds = Histogram(
            "slm_request_seconds", "Seconds of a whole request", buckets=_SECONDS, registry=registry
        )
        self.unread_calls = Counter("slm_unread_calls", "Answers with a call that could not be read", registry=registry)
        self.grammar_errors = Counter(
            "slm_grammar_errors", "Answers whose grammar failed on the way", registry=registry
        )
        self._gauges: dict[str, Gauge] = {}

    def watch(self, name: str, text: str, read: Any) -> None:
        """Add a gauge whose value is `read()` at the time of asking."""
        gauge = Gauge(name, text, registry=self._registry)
        gauge.set_function(read)
        self._gauges[name] = gauge

    def count(self, job: Any, seconds: float) -> None:
        """Count a job that is over."""
        self.answers.labels(job.finish or "cancelled").inc()
        for kind, tokens in (("prompt", len(job.prompt.ids)), ("cached", job.cached), ("generated", len(job.ids))):
            self.tokens.labels(kind).inc(tokens)
        self.seconds.observe(seconds)
        if job.first_token_at is not None:
            self.first_token.observe(job.first_token_at - job.began)
        if job.constraint is not None and job.constraint.error:
            self.grammar_errors.inc()

    def text(self) -> bytes:
        """The document of `GET /metrics`."""
        return generate_latest(self._registry)
