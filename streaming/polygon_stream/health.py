"""GET /healthz: the facts of a running program, for people and for ECS."""

import http.server
import json
import threading
from collections.abc import Callable
from typing import Any

Report = Callable[[], tuple[bool, dict[str, Any]]]
"""Gives (healthy, facts)."""


def serve_health(port: int, report: Report) -> Callable[[], None]:
    """Answer GET /healthz on 127.0.0.1 from a thread: 200 when healthy, else 503.

    Args:
        port: Port to listen on; 0 = no endpoint.
        report: Called once per request, from another thread; must not block.

    Returns:
        A function that stops the endpoint.

    Raises:
        OSError: The port is in use.
    """
    if port == 0:
        return lambda: None

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path.partition("?")[0] != "/healthz":
                self.send_error(404, "only /healthz is served")
                return
            healthy, facts = report()
            body = json.dumps({"status": "ok" if healthy else "unhealthy", **facts}).encode()
            self.send_response(200 if healthy else 503)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """A probe every few seconds is no news."""

    try:
        server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
    except OSError as error:
        raise OSError(
            f"port {port} for /healthz is in use: choose another STREAM_HEALTH_PORT, 0 = none"
        ) from error
    threading.Thread(target=server.serve_forever, name="health", daemon=True).start()

    def stop() -> None:
        server.shutdown()
        server.server_close()

    return stop
