import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
import pytest_socket

from trimtab.aws.slack_webhook import WebhookAnswer, WebhookUnreachableError, post


@pytest.fixture(autouse=True)
def loopback() -> None:
    """These tests talk to a server of their own."""
    pytest_socket.enable_socket()
    pytest_socket.socket_allow_hosts(["127.0.0.1"])


@contextmanager
def listening(answer: Callable[[BaseHTTPRequestHandler, bytes], None]) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            answer(self, self.rfile.read(int(self.headers["Content-Length"])))

        def log_message(self, format: str, *args: object) -> None: ...

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_posts_json_and_gives_the_answer() -> None:
    seen: dict[str, object] = {}

    def answer(request: BaseHTTPRequestHandler, body: bytes) -> None:
        seen.update(path=request.path, type=request.headers["Content-Type"], payload=json.loads(body))
        request.send_response(429)
        request.send_header("Retry-After", "30")
        request.end_headers()
        request.wfile.write(b"rate_limited")

    with listening(answer) as url:
        assert post(f"{url}/services/T/B?x=1", {"text": "≥ 🔴"}) == WebhookAnswer(429, "rate_limited", "30")
    assert seen == {
        "path": "/services/T/B?x=1",
        "type": "application/json; charset=utf-8",
        "payload": {"text": "≥ 🔴"},
    }


def test_follows_no_redirect_and_reads_little() -> None:
    def answer(request: BaseHTTPRequestHandler, _body: bytes) -> None:
        request.send_response(302)
        request.send_header("Location", "http://127.0.0.1:1/elsewhere")
        request.end_headers()
        request.wfile.write(b"x" * 10_000)

    with listening(answer) as url:
        assert post(url, {}) == WebhookAnswer(302, "x" * 200, "")


def test_waits_no_longer_than_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/services/SECRET"
        with pytest.raises(WebhookUnreachableError, match="TimeoutError") as failure:
            post(url, {"text": "x"}, timeout=0.05)
    assert "SECRET" not in str(failure.value)


def test_tells_when_nobody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    with pytest.raises(WebhookUnreachableError, match="ConnectionRefusedError"):
        post(f"http://127.0.0.1:{port}/", {})


def test_tells_when_the_answer_is_no_http() -> None:
    def answer(request: BaseHTTPRequestHandler, _body: bytes) -> None:
        request.wfile.write(b"hello\r\n")

    with listening(answer) as url, pytest.raises(WebhookUnreachableError, match="BadStatusLine"):
        post(url, {})


def test_does_not_speak_tls_with_anyone() -> None:
    def answer(request: BaseHTTPRequestHandler, _body: bytes) -> None:
        request.send_response(200)

    with listening(answer) as url, pytest.raises(WebhookUnreachableError, match="SSL"):
        post(url.replace("http://", "https://"), {}, timeout=1)
