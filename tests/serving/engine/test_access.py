"""Who may ask: the holder of the token, on this machine, in JSON of a bearable size."""

from __future__ import annotations

import http.client
import json
from contextlib import closing

import pytest

pytestmark = pytest.mark.mlx
pytest.importorskip("mlx_lm")

from slm_ext.serving.engine.guard import LIMIT_BYTES

from .server import TOKEN, chat_body

BODY = json.dumps(chat_body("hello", max_tokens=1)).encode()
PATHS = ["/v1/models", "/v1/models/flywheel-tiny", "/slm/info", "/metrics", "/nothing"]


@pytest.mark.parametrize(
    "given", [None, "", "Bearer", "Bearer wrong", f"Basic {TOKEN}", f"Bearer {TOKEN}x", "Bearer ü"]
)
def test_without_the_token_nobody_asks(engine, given):
    headers = {"Content-Type": "application/json"} | ({"Authorization": given.encode("latin-1")} if given else {})
    answers = [engine.request("POST", "/v1/chat/completions", BODY, headers)]
    answers += [engine.request("GET", path, headers=headers) for path in PATHS]
    assert [answer.status for answer in answers] == [401] * len(answers)
    assert all(answer.error["code"] == "invalid_api_key" for answer in answers)
    assert all(answer.error["type"] == "authentication_error" for answer in answers)


def test_health_needs_no_token(engine):
    answer = engine.request("GET", "/health")
    assert (answer.status, answer.document) == (200, {"status": "ready"})


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:80", "127.0.0.1.evil.example", "", "[::1", "a b", "[x]"]
)
def test_a_name_that_is_not_ours_is_refused(engine, host):
    headers = {**engine.headers(), "Host": host}
    for method, path in (("GET", "/v1/models"), ("POST", "/v1/chat/completions"), ("GET", "/health")):
        answer = engine.request(method, path, BODY if method == "POST" else None, headers)
        assert answer.status in (400, 403), answer.raw
    assert "Traceback" not in engine.log


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1:8080", "[::1]", "[::1]:80", "LOCALHOST"])
def test_names_of_this_machine(engine, host):
    assert engine.request("GET", "/v1/models", headers={**engine.headers(), "Host": host}).status == 200


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "", None, "text/plain; application/json"]
)
def test_only_json_is_read(engine, kind):
    headers = {key: value for key, value in engine.headers().items() if key != "Content-Type"}
    headers |= {} if kind is None else {"Content-Type": kind}
    assert engine.request("POST", "/v1/chat/completions", BODY, headers).status == 415


def test_charset_of_json(engine):
    headers = {**engine.headers(), "Content-Type": "Application/JSON; charset=utf-8"}
    assert engine.request("POST", "/v1/chat/completions", BODY, headers).status == 200


def test_no_web_page_is_let_in(engine):
    asking = {"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"}
    for token in (None, ""):
        headers = {**engine.headers(token), **asking}
        answers = [
            engine.request("OPTIONS", path, headers=headers) for path in ("/v1/chat/completions", "/health", "*")
        ]
        answers += [engine.request("GET", path, headers=headers) for path in (*PATHS, "/health")]
        answers.append(engine.request("POST", "/v1/chat/completions", BODY, headers))
        answers.append(engine.request("POST", "/v1/chat/completions", b"{", headers))
        assert not [name for answer in answers for name in answer.headers if name.startswith("access-control")]
        assert all(answer.status >= 400 for answer in answers[:2])


def test_paths_and_methods_that_are_not_there(engine):
    missing = engine.get("/v1/embeddings")
    wrong = engine.get("/v1/chat/completions")
    assert (missing.status, wrong.status) == (404, 405)
    assert missing.error["type"] == wrong.error["type"] == "invalid_request_error"
    assert "/v1/embeddings" in missing.error["message"]


def test_a_body_that_says_it_is_too_large(engine):
    with closing(http.client.HTTPConnection("127.0.0.1", engine.port, timeout=10)) as connection:
        connection.putrequest("POST", "/v1/chat/completions")
        for key, value in {**engine.headers(), "Content-Length": str(LIMIT_BYTES + 1)}.items():
            connection.putheader(key, value)
        connection.endheaders()
        answer = connection.getresponse()
        assert answer.status == 413
        assert str(LIMIT_BYTES) in json.loads(answer.read())["error"]["message"]


def test_a_body_that_turns_out_to_be_too_large(engine):
    block = b" " * (1 << 20)
    with closing(http.client.HTTPConnection("127.0.0.1", engine.port, timeout=20)) as connection:
        connection.putrequest("POST", "/v1/chat/completions")
        for key, value in {**engine.headers(), "Transfer-Encoding": "chunked"}.items():
            connection.putheader(key, value)
        connection.endheaders()
        for _ in range(LIMIT_BYTES // len(block)):
            connection.send(b"%x\r\n%b\r\n" % (len(block), block))
        connection.send(b"2\r\n  \r\n")  # two bytes over
        answer = connection.getresponse()
        assert answer.status == 413
        assert json.loads(answer.read())["error"]["type"] == "invalid_request_error"
    assert engine.get("/health").status == 200
