"""A10, AT1: every way an endpoint can be unusable has its own verdict."""

from __future__ import annotations

import shutil
import socket
import ssl
import subprocess
import sys
import threading

import pytest

from slm_ext.errors import UsageError
from slm_ext.registry.provider import Provider
from slm_ext.serving import acquire, check
from slm_ext.serving.health import check_endpoints, worst
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


def test_tls_where_none_is_spoken():
    with FakeOpenAI(model="m") as server:
        report = verdict(server.base_url.replace("http", "https"))
    assert report.verdict == "tls" and "http://" in report.next_step and not report.reachable


@pytest.fixture
def certified(tmp_path):
    """A server with a certificate that it signed itself, and the file of that certificate."""
    if not shutil.which("openssl"):
        pytest.skip("makes a certificate with openssl, which is not installed")
    certificate, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost",
         "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(certificate)],
        check=True, capture_output=True,
    )  # fmt: skip
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server = FakeOpenAI(model="m")
    server.http.socket = context.wrap_socket(server.http.socket, server_side=True)
    with server:
        yield server.base_url.replace("http", "https"), certificate


def test_tls_of_a_certificate_that_nobody_vouches_for(certified, monkeypatch):
    url, certificate = certified
    report = verdict(url)
    assert report.verdict == "tls" and "self-signed certificate" in report.error
    assert "SSL_CERT_FILE" in report.next_step
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    assert verdict(url).verdict == "ok", "and the next step is the cure"


def test_no_tls_where_it_is_wanted(certified):
    report = verdict(certified[0].replace("https", "http"))
    assert report.verdict == "error" and "http or https" in report.next_step


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a full queue refuses")
def test_refused_where_nobody_takes_the_connection(monkeypatch):
    from slm_ext.serving.health import endpoint

    monkeypatch.setattr(endpoint, "CONNECT_S", 0.2)
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full:
        waiting = [socket.socket() for _ in range(3)]
        for one in waiting:
            one.setblocking(False)
            one.connect_ex(full.getsockname())
        report = verdict(f"http://127.0.0.1:{full.getsockname()[1]}/v1")
        for one in waiting:
            one.close()
    assert report.verdict == "refused" and "no connection within" in report.error and not report.reachable


def test_a_proxy_of_the_environment(monkeypatch):
    with FakeOpenAI(model="m") as proxy:
        monkeypatch.setenv("http_proxy", proxy.base_url.removesuffix("/v1"))
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        assert verdict("http://no-such-host.invalid/v1").verdict == "ok"
        assert proxy.requests
        monkeypatch.setenv("no_proxy", "invalid")
        assert verdict("http://no-such-host.invalid/v1").verdict == "dns"


@pytest.mark.parametrize("key", ["wrong", None])
def test_auth(key):
    with FakeOpenAI(model="m", api_key="right") as server:
        report = verdict(server.base_url, **({"api_key": key} if key else {}))
    assert report.verdict == "auth" and report.reachable and report.auth_ok is False
    assert "api_key" in report.next_step


def test_auth_names_the_variable_whose_key_is_not_taken(monkeypatch):
    monkeypatch.setenv("SLM_TEST_KEY", "wrong")
    with FakeOpenAI(model="m", api_key="right") as server:
        report = verdict(server.base_url, api_key="$SLM_TEST_KEY")
    assert report.verdict == "auth" and report.next_step.startswith("export SLM_TEST_KEY=")


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


@pytest.mark.parametrize(
    ("fault", "said", "step"),
    [
        (Fault(status=429), "429", "wait"),
        (Fault(status=402), "402", "credit"),
        (Fault(status=503), "503", "loaded"),
        (Fault(status=500), "500", "log"),
        (Fault(status=307, headers={"Location": "http://h/v1/chat/completions"}), "http://h/v1", "api_base` to http://h/v1"),
        (Fault(status=301), "301", "api_base"),
    ],
)  # fmt: skip
def test_error_says_what_the_status_asks_for(fault, said, step):
    with FakeOpenAI([fault], model="m") as server:
        report = verdict(server.base_url)
    assert report.verdict == "error" and said in report.error and step in report.next_step


def test_a_redirection_of_the_list():
    moved = Fault(status=301, headers={"Location": "https://h/v1/models"})
    with FakeOpenAI(model="m", pages={"/v1/models": moved}) as server:
        report = verdict(server.base_url)
        assert report.next_step == "set `api_base` to https://h/v1" and not server.requests


def test_an_answer_that_never_ends_is_slow():
    """Each byte comes in time; all of them do not."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def dribble():
            connection, _ = listener.accept()
            connection.recv(65536)
            connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
            stopped.wait(0.1)
            while not stopped.wait(0.05):
                try:
                    connection.sendall(b" ")
                except OSError:
                    break
            connection.close()

        stopped = threading.Event()
        thread = threading.Thread(target=dribble)
        thread.start()
        report = verdict(f"http://127.0.0.1:{listener.getsockname()[1]}/v1", timeout_s=0.4)
        stopped.set()
        thread.join()
    assert report.verdict == "slow"


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


def test_the_worst_of_several_endpoints_counts():
    with FakeOpenAI(model="m") as good, FakeOpenAI(model="m", window=10) as small, FakeOpenAI(model="m") as gone:
        gone.close()
        urls = [good.base_url, small.base_url, gone.base_url]
        provider = Provider(name="many", model="m", endpoints=[{"url": url} for url in urls])
        report = check_endpoints(provider, timeout_s=5)
        assert (report.verdict, report.base_url) == ("refused", gone.base_url)
        assert [(part.base_url, part.verdict) for part in report.endpoints] == [
            (good.base_url, "ok"), (small.base_url, "window_too_small"), (gone.base_url, "refused"),
        ]  # fmt: skip
    assert check_endpoints(Provider(name="one", model="m", endpoints=[{"url": urls[2]}])).endpoints == []


def test_a_missing_key_variable_of_an_endpoint(monkeypatch):
    monkeypatch.delenv("SLM_TEST_UNSET", raising=False)
    provider = external("http://no-such-host.invalid/v1", api_key="$SLM_TEST_UNSET")
    with pytest.raises(UsageError, match="SLM_TEST_UNSET"):
        check_endpoints(provider)


def test_worst_is_a_report_of_its_own():
    with FakeOpenAI(model="m") as server:
        report = verdict(server.base_url)
    assert worst([report, report]).endpoints == [report, report] and report.endpoints == []
