"""Clients that leave, and more of them than there is room for."""

from __future__ import annotations

import socket
import struct
import threading
import time

import pytest

pytestmark = pytest.mark.mlx
pytest.importorskip("mlx_lm")

from ..conftest import wait_until
from .server import MODEL, Engine, chat_body

ENDLESS = {"max_tokens": 1900, "logit_bias": {"1522": -100}}
LONG_PROMPT = "def mean(values): return sum(values)\n" * 300
"""Takes seconds to prefill."""


def text_body(prompt: str, **fields) -> dict:
    return {"model": MODEL, "prompt": prompt, **fields}


def cut(connection: socket.socket, hard: bool) -> None:
    """Go away: with a reset, or politely."""
    if hard:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


@pytest.mark.parametrize("hard", [False, True])
@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/completions"])
def test_whoever_leaves_stops_the_generation_within_a_second(engine, path, stream, hard):
    body = chat_body("hello") if "chat" in path else text_body("hello")
    connection = engine.open(path, body | ENDLESS | {"stream": stream})
    before = engine.info["progress"]["count"]
    wait_until(lambda: engine.info["progress"]["count"] > before + 5)
    assert engine.busy == 1
    cut(connection, hard)
    wait_until(lambda: engine.busy == 0, 1)
    stopped = engine.info["progress"]["count"]
    assert stopped < before + 1900
    assert engine.info["progress"]["count"] == stopped


def test_whoever_leaves_stops_the_prefill_after_a_chunk(narrow):
    """Chunks take some half a second, however slow the machine; here they are counted, since it may be busy."""
    before = narrow.count("slm_prefilled_tokens")
    connection = narrow.open("/v1/completions", text_body(LONG_PROMPT, max_tokens=5))
    wait_until(lambda: narrow.count("slm_prefilled_tokens") > before)
    chunks = narrow.info["progress"]["count"]
    cut(connection, hard=False)
    wait_until(lambda: narrow.busy == 0)
    assert narrow.info["progress"]["count"] <= chunks + 3
    done = narrow.count("slm_prefilled_tokens") - before
    again = narrow.complete(LONG_PROMPT, max_tokens=1)  # what was prefilled for the one who left is not done again
    assert again.cached == done > 0
    assert done < again.usage["prompt_tokens"] - 1
    assert narrow.count("slm_prefilled_tokens") - before == again.usage["prompt_tokens"] - 1


def test_whoever_leaves_while_waiting_gives_up_the_place(narrow):
    working = narrow.open("/v1/completions", text_body("x", **ENDLESS))
    wait_until(lambda: narrow.info["progress"]["in_flight"] == 1)
    waiting = narrow.open("/v1/completions", text_body("y", **ENDLESS))
    wait_until(lambda: narrow.info["progress"]["waiting"] == 1)
    assert narrow.complete("z", max_tokens=1).status == 429
    waiting.close()
    wait_until(lambda: narrow.info["progress"]["waiting"] == 0, 1)
    assert narrow.info["progress"]["in_flight"] == 1
    working.close()
    wait_until(lambda: narrow.busy == 0, 1)
    assert narrow.complete("z", max_tokens=1).status == 200


def test_more_requests_than_places(narrow):
    """Of a burst that comes at once, exactly as many are taken as there are places, and nobody's place is lost."""
    answers = []
    barrier = threading.Barrier(12)

    def ask() -> None:
        barrier.wait()
        answers.append(narrow.complete("def f(", **ENDLESS | {"max_tokens": 150}))

    for _ in range(2):
        answers.clear()
        threads = [threading.Thread(target=ask) for _ in range(12)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        taken = [answer for answer in answers if answer.status == 200]
        refused = [answer for answer in answers if answer.status != 200]
        assert len(taken) == 2 and {answer.status for answer in refused} == {429}
        for answer in refused:
            assert (answer.error["type"], answer.error["code"]) == ("rate_limit_error", "queue_full")
            assert 1 <= int(answer.headers["retry-after"]) <= 60


def test_refused_requests_take_no_place(narrow):
    for _ in range(4):
        assert narrow.complete("", max_tokens=1).status == 400
        assert narrow.complete("x", max_tokens=10**6).status == 400
        assert narrow.chat("x", tool_choice="required").status == 400
        assert narrow.chat("x", chat_template_kwargs={"messages": []}).status == 400
    assert narrow.complete("x", max_tokens=1).status == 200


def test_one_that_leaves_before_the_body_is_there(narrow: Engine):
    for part in (b"", b'{"model": "flywheel-tiny", "pro'):
        connection = socket.create_connection(("127.0.0.1", narrow.port))
        head = "\r\n".join(f"{key}: {value}" for key, value in narrow.headers().items())
        connection.sendall(f"POST /v1/completions HTTP/1.1\r\nHost: localhost\r\n{head}\r\n".encode())
        connection.sendall(b"Content-Length: 500\r\n\r\n" + part)
        cut(connection, hard=True)
    assert narrow.complete("x", max_tokens=1).status == 200
    assert "Traceback" not in narrow.log


def test_a_long_prompt_does_not_stop_a_stream(engine):
    """While one prompt is prefilled, another answer goes on."""
    connection = engine.open("/v1/completions", text_body("x", **ENDLESS | {"stream": True}))
    wait_until(lambda: engine.info["progress"]["in_flight"] == 1)
    long = engine.open("/v1/completions", text_body("a b" * 950, max_tokens=1))
    wait_until(lambda: engine.info["progress"]["in_flight"] == 2)
    connection.setblocking(False)
    seen, gaps, last = 0, [], time.monotonic()

    def read() -> bool:
        nonlocal seen, last
        try:
            new = len(connection.recv(65536))
        except BlockingIOError:
            new = 0
        if new:
            gaps.append(time.monotonic() - last)
            last, seen = time.monotonic(), seen + new
        return engine.info["progress"]["in_flight"] == 1

    wait_until(read, 30)
    assert seen and max(gaps) < 2
    long.close()
    connection.close()
    wait_until(lambda: engine.busy == 0, 2)
