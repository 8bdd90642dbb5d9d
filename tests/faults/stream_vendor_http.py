"""The scripted vendor's HTTP side: REST with its faults, and the control of everything."""

import asyncio
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Protocol
from urllib.parse import parse_qs, urlsplit


class Answering(Protocol):
    """What answers."""

    def rest_fault(self) -> str | None:
        """What goes wrong with the next REST answer."""
        ...

    async def call(self, path: str, options: dict[str, str]) -> dict:
        """The answer to a request."""
        ...


def serve_http(
    vendor: Answering, loop: asyncio.AbstractEventLoop, port: int
) -> ThreadingHTTPServer:
    """REST and control, from threads."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            fault = vendor.rest_fault() if parts.path.startswith("/v") else None
            if fault == "disconnect":
                self.close_connection = True
                return
            options = {name: values[0] for name, values in parse_qs(parts.query).items()}
            call = vendor.call(parts.path, options)
            answer = asyncio.run_coroutine_threadsafe(call, loop).result()
            body = json.dumps(answer).encode()
            status = 200
            if fault in ("429", "500", "html"):
                status = {"429": 429, "500": 500, "html": 502}[fault]
                body = b"<html>Bad Gateway</html>" if fault == "html" else b'{"status":"ERROR"}'
            self.send_response(status)
            if fault == "429":
                self.send_header("Retry-After", "0")
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body[: len(body) // 2] if fault == "torn" else body)
            self.close_connection = self.close_connection or fault == "torn"

        def do_POST(self) -> None:
            self.do_GET()

        def log_message(self, *_: object) -> None:
            """The state tells."""

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server
