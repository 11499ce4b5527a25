"""A10, AT1: every way an endpoint can be unusable has its own verdict."""

from __future__ import annotations

import socket
import threading

import pytest

from slm_ext.errors import UsageError
from slm_ext.registry.provider import Provider
from slm_ext.serving import acquire, check
from slm_ext.testing.openai_server import FakeOpenAI, Fault, tool_call


def external(base_url: str, **fields) -> Provider:
    return Provider(**{"name": "there", "model": "m", "api_base": base_url, **fields})


def verdict(base_url: str, *, timeout_s: float = 5, tools: bool = False, slow_ms: float = 5000, **fields):
    provider = external(base_url, **fields)
    with acquire(provider) as handle:
        report = check(provider, handle, timeout_s=timeout_s, slow_ms=slow_ms, tools=tools)
    assert (report.verdict == "ok") == (report.error == "") == (report.next_step == "")
    return report


def test_external_handle_is_declared_and_starts_nothing(home):
    with acquire(external("http://127.0.0.1:9/v1", api_key="k")) as handle:
        assert (handle.base_url, handle.token, handle.model_id, handle.pid) == ("http://127.0.0.1:9/v1", "k", "m", None)
        assert handle.identity.kind == "declared" and handle.refresh() == "ready" and not handle.managed
        assert "'k'" not in repr(handle) and "token" not in handle.model_dump()
    assert not home.exists()


def test_missing_key_variable(home):
    with pytest.raises(UsageError, match="NO_SUCH_KEY_HERE"):
        acquire(external("http://127.0.0.1:9/v1", api_key="$NO_SUCH_KEY_HERE"))


def test_ok():
    with FakeOpenAI(["hello", tool_call("read_file", path="README.md")], model="m", api_key="k") as server:
        report = verdict(server.base_url, api_key="k", tools=True)
        assert report.verdict == "ok" and report.model_listed and report.model_matches and report.auth_ok
        assert report.tool_call_ok is True and report.ttft_ms > 0
        assert server.requests[0]["max_tokens"] == 1


def test_refused():
    with socket.create_server(("127.0.0.1", 0)) as closing:
        port = closing.getsockname()[1]
    report = verdict(f"http://127.0.0.1:{port}/v1")
    assert report.verdict == "refused" and not report.reachable and str(port) in report.error


def test_dns():
    assert verdict("http://no-such-host.invalid/v1").verdict == "dns"


def test_tls():
    with FakeOpenAI(model="m") as server:
        assert verdict(server.base_url.replace("http", "https")).verdict == "tls"


@pytest.mark.parametrize("key", ["wrong", None])
def test_auth(key):
    with FakeOpenAI(model="m", api_key="right") as server:
        report = verdict(server.base_url, **({"api_key": key} if key else {}))
    assert report.verdict == "auth" and report.reachable and report.auth_ok is False


@pytest.mark.parametrize("status", [401, 403])
def test_auth_only_at_the_completion(status):
    with FakeOpenAI([Fault(status=status)], model="m") as server:
        assert verdict(server.base_url).verdict == "auth"


def test_model_not_listed():
    with FakeOpenAI(listed=["a", "b"]) as server:
        report = verdict(server.base_url)
    assert report.verdict == "model_missing" and report.model_listed is False and "a, b" in report.error


def test_model_unknown_to_the_completion():
    with FakeOpenAI([Fault(status=404, body='{"error": "model m not found"}')]) as server:
        report = verdict(server.base_url)
    assert report.verdict == "model_missing" and "model m not found" in report.error


def test_answers_as_another_model():
    with FakeOpenAI(model="other", listed=["m"]) as server:
        report = verdict(server.base_url)
    assert report.verdict == "wrong_model" and report.model_matches is False and "'other'" in report.error


def test_organisation_in_front_is_the_same_model():
    with FakeOpenAI(model="org/m", listed=["m"]) as server:
        assert verdict(server.base_url).verdict == "ok"


def test_expected_model_id_decides():
    with FakeOpenAI(model="m-2", listed=["m"]) as server:
        assert verdict(server.base_url, expected_model_id="m-2").verdict == "ok"
        assert verdict(server.base_url, expected_model_id="m-3").verdict == "wrong_model"


def test_window_too_small():
    with FakeOpenAI(model="m", window=2048) as server:
        report = verdict(server.base_url, max_input_tokens=2000, max_output_tokens=512)
        assert report.verdict == "window_too_small" and "2048" in report.error and "2512" in report.error
        assert verdict(server.base_url, max_input_tokens=1536, max_output_tokens=512).verdict == "ok"


def test_no_tool_calls():
    with FakeOpenAI(["prose"], model="m") as server:
        assert verdict(server.base_url, tools=True).verdict == "no_tool_calls"


def test_slow_when_no_answer_comes():
    with FakeOpenAI([Fault(wait_s=60, drop=True)], model="m") as server:
        report = verdict(server.base_url, timeout_s=0.3)
    assert report.verdict == "slow" and report.reachable


def test_slow_when_it_comes_late():
    def late(request):
        server.wait(0.2)
        return "ok"

    with FakeOpenAI([late], model="m") as server:
        report = verdict(server.base_url, slow_ms=50)
    assert report.verdict == "slow" and report.ttft_ms >= 200


@pytest.mark.parametrize(
    "fault",
    [
        Fault(status=500),
        Fault(drop=True),
        Fault(status=200, body="<html>"),
        Fault(status=200, body='{"choices": []}'),
        Fault(status=200, body='{"choices": [{"message": null}]}'),
    ],
)
def test_error(fault):
    with FakeOpenAI([fault], model="m") as server:
        assert verdict(server.base_url).verdict == "error"


def test_error_when_it_does_not_speak_http():
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def greet():
            connection, _ = listener.accept()
            connection.recv(65536)
            connection.sendall(b"220 mail ready\r\n")
            connection.close()

        thread = threading.Thread(target=greet)
        thread.start()
        report = verdict(f"http://127.0.0.1:{listener.getsockname()[1]}/v1")
        thread.join()
    assert report.verdict == "error" and "OpenAI" in report.next_step
