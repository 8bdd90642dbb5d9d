"""ClickHouse's HTTP interface: a thread for each connection, a handle for each request."""

import sys
import threading
import uuid
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socketserver import TCPServer
from typing import Any, Self, cast
from urllib.parse import urlsplit

from polygon_assets.sandbox.clickhouse.body import BrokenRequestError, RequestBody
from polygon_assets.sandbox.clickhouse.engine import Engine
from polygon_assets.sandbox.clickhouse.errors import ClickHouseError, not_supported
from polygon_assets.sandbox.clickhouse.execute import Done, execute
from polygon_assets.sandbox.clickhouse.play import PAGE
from polygon_assets.sandbox.clickhouse.request import (
    address_parameters,
    authenticate,
    read_request,
)
from polygon_assets.sandbox.clickhouse.response import (
    send,
    send_done,
    send_error,
    send_json,
    send_stream,
)
from polygon_assets.sandbox.clickhouse.sessions import Sessions
from polygon_assets.sandbox.clickhouse.spool import Spool
from polygon_assets.sandbox.server_start import HOST
from polygon_assets.sandbox.web_pages import refusal

_IDLE_CONNECTION_SECONDS = 300
_QUERY_PATHS = ("/", "/query")
PLAY_PATH = "/play"
_HEALTH_PATHS = ("/ping", "/replicas_status")
_NO_HANDLE = (
    "There is no handle %s. Use / or /play for queries, /ping and /healthz for health checks.\n"
)


@dataclass(frozen=True)
class Backend:
    """What the requests of one server share."""

    engine: Engine
    sessions: Sessions
    spool: Spool
    user: str
    password: str

    @classmethod
    def open(cls, directory: Path, user: str, password: str) -> Self:
        """Open the engine on a directory.

        Args:
            directory: Holds all data.
            user: The only user's name.
            password: Its password; empty accepts every password.

        Raises:
            ClickHouseError: The engine cannot open the directory.
        """
        engine = Engine(directory)
        return cls(engine, Sessions(engine), Spool(directory / "spool"), user, password)


class Server(ThreadingHTTPServer):
    """Listens as soon as it is made; answers once ``backend`` is set and it serves.

    Raises:
        OSError: The port is in use.
    """

    daemon_threads = True
    request_queue_size = 256
    backend: Backend

    def __init__(self, port: int) -> None:
        self._active = 0
        self._idle = threading.Condition()
        super().__init__((HOST, port), Handler)

    def server_bind(self) -> None:
        """Bind without asking DNS for this machine's name, which can take seconds."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = HOST, self.socket.getsockname()[1]

    @contextmanager
    def request_in_progress(self) -> Generator[None]:
        """Count a request, so that stopping can wait for it."""
        with self._idle:
            self._active += 1
        try:
            yield
        finally:
            with self._idle:
                self._active -= 1
                self._idle.notify_all()

    def wait_until_idle(self, seconds: float) -> bool:
        """Wait for the requests in progress; tell whether all have ended."""
        with self._idle:
            return self._idle.wait_for(lambda: self._active == 0, seconds)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of clients that went away; report everything else."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    server_version = "polygon-sandbox-clickhouse"
    timeout = _IDLE_CONNECTION_SECONDS
    wbufsize = 1 << 16
    disable_nagle_algorithm = True

    @property
    def _server(self) -> Server:
        return cast("Server", self.server)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Nothing: addresses of requests hold whole statements."""

    def do_GET(self) -> None:
        """A health check, or a query that changes nothing."""
        if self._refused():
            return
        path = urlsplit(self.path)
        if path.path in _HEALTH_PATHS or (path.path == "/" and not path.query):
            send(self, 200, b"Ok.\n", {"Content-Type": "text/html; charset=UTF-8"})
        elif path.path == PLAY_PATH:
            send(self, 200, PAGE, {"Content-Type": "text/html; charset=UTF-8"})
        elif path.path == "/healthz":
            engine = self._server.backend.engine
            facts = {"status": "ok", "version": engine.version, "data_bytes": engine.data_bytes()}
            send_json(self, facts)
        else:
            self.do_POST()

    do_HEAD = do_GET  # noqa: N815

    def do_POST(self) -> None:
        """A query."""
        if self._refused():
            return
        with self._server.request_in_progress():
            self._answer()

    def _refused(self) -> bool:
        """Whether this is a request of a foreign web page, which has its answer then."""
        # A query runs by GET, too, so only the page where one is typed in may be linked to.
        path = urlsplit(self.path).path
        text = refusal(self.headers.get, self.command, path, pages=(PLAY_PATH,))
        if text:
            self.close_connection = True  # its body is not read
            send(self, 403, text.encode(), {"Content-Type": "text/plain"})
        return bool(text)

    def _answer(self) -> None:
        body: RequestBody | None = None
        try:
            body = RequestBody(self.rfile, self.headers)
            self._query(body)
            self.wfile.flush()
        except ClickHouseError as error:
            self._fail(error, body)
        except (BrokenRequestError, OSError):
            self.close_connection = True

    def _fail(self, error: ClickHouseError, body: RequestBody | None) -> None:
        try:
            if body is not None:
                body.discard()
            send_error(self, error, self._server.backend.engine.version)
            self.wfile.flush()
        except (BrokenRequestError, OSError):
            self.close_connection = True

    def _query(self, body: RequestBody) -> None:
        backend = self._server.backend
        path = urlsplit(self.path).path
        if path not in _QUERY_PATHS:
            body.discard()
            send(self, 404, (_NO_HANDLE % path).encode(), {"Content-Type": "text/plain"})
            return
        if self.command == "HEAD":
            raise not_supported("HEAD is for health checks, not for queries")
        parameters = address_parameters(self.path)
        authenticate(self.headers, parameters, backend.user, backend.password)
        request = read_request(parameters, self.headers, body, self.command)
        headers = {
            "X-ClickHouse-Server-Display-Name": "sandbox",
            "X-ClickHouse-Query-Id": parameters.get("query_id") or str(uuid.uuid4()),
            "X-ClickHouse-Timezone": backend.engine.timezone,
        }
        with backend.sessions.handle(request) as handle:
            outcome = execute(handle, request, backend.spool)
            if isinstance(outcome, Done):
                send_done(self, request, outcome, headers)
            else:
                send_stream(self, request, outcome, headers, backend.engine.version)
