"""GET /healthz and /metrics: the facts of a running program, for people, ECS and Prometheus."""

import http.server
import json
import threading
from collections.abc import Callable
from typing import Any

from polygon_stream.metrics import CONTENT_TYPE, Metrics, gauges_of, render

Report = Callable[[], tuple[bool, dict[str, Any]]]
"""Gives (healthy, facts)."""


def serve_health(port: int, report: Report, metrics: Metrics | None = None) -> Callable[[], None]:
    """Answer GET on 127.0.0.1 from a thread: /healthz (200 when healthy, else 503) and /metrics.

    Args:
        port: Port to listen on; 0 = no endpoint.
        report: Called once per request, from another thread; must not block.
        metrics: Likewise; without it, /metrics has the numbers of the report as gauges.

    Returns:
        A function that stops the endpoint.

    Raises:
        OSError: The port is in use.
    """
    if port == 0:
        return lambda: None

    give_metrics = metrics or gauges_of(report)

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            if path == "/healthz":
                healthy, facts = report()
                body = {"status": "ok" if healthy else "unhealthy", **facts}
                code = 200 if healthy else 503
                self._answer(code, "application/json", json.dumps(body).encode())
            elif path == "/metrics":
                self._answer(200, CONTENT_TYPE, render(give_metrics()))
            else:
                self.send_error(404, "only /healthz and /metrics are served")

        def _answer(self, code: int, content_type: str, body: bytes) -> None:
            self.send_response(code)
            self.send_header("Content-Type", content_type)
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
