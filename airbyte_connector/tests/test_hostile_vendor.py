"""A vendor whose answers point elsewhere: the key stays with the address that was set."""

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest
from reading import Read
from wire import Wire

SPLITS = "/stocks/v1/splits"


class Elsewhere(ThreadingHTTPServer):
    """A server that nobody has set; it notes what it is asked."""

    def __init__(self) -> None:
        self.authorizations: list[str | None] = []
        super().__init__(("127.0.0.1", 0), Listening)

    @property
    def host(self) -> str:
        return f"localhost:{self.server_port}"


class Listening(BaseHTTPRequestHandler):
    server: Elsewhere

    def do_GET(self) -> None:
        self.server.authorizations.append(self.headers.get("Authorization"))
        body = json.dumps({"status": "OK", "results": []}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Nothing."""


@pytest.fixture
def elsewhere() -> Iterator[Elsewhere]:
    with Elsewhere() as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


@pytest.mark.parametrize(
    "next_url",
    [
        "http://{host}/x",
        "http://vendor//{host}/x",
        "http://vendor////{host}/x",
        "http://vendor/@{host}/x",
        "http://vendor/http://{host}/x",
        "//{host}/x",
    ],
)
def test_the_next_page_is_asked_of_the_same_host(
    read_stream: Read, wire: Wire, elsewhere: Elsewhere, next_url: str
) -> None:
    page = {"status": "OK", "results": [], "next_url": next_url.format(host=elsewhere.host)}
    wire.answers[SPLITS] = (200, page)
    read_stream("splits", expecting_exception=True)
    assert len(wire.asked) == 2  # the page and the next one
    assert len(wire.hosts) == 1
    assert elsewhere.authorizations == []
