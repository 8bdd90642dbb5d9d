"""/healthz and /metrics of a producer, and the two formats of the logs."""

import asyncio
import json
import logging
import sys
import threading
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from polygon_stream.health import serve_health
from polygon_stream.logs import JsonFormatter
from polygon_stream.market import MarketStatus
from polygon_stream.settings import PolygonSettings
from prometheus_client.parser import text_string_to_metric_families
from streaming_helpers import bar, frame, free_port, health, sends, until
from streaming_running import running


def scrape(port: int) -> tuple[str, dict[tuple[str, str], float]]:
    """The content type, and the samples by name and value of the label."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
        families = text_string_to_metric_families(answer.read().decode())
        samples = [sample for family in families for sample in family.samples]
        found = {(s.name, "".join(s.labels.values())): s.value for s in samples}
        return answer.headers["Content-Type"], found


async def test_metrics_count_what_came_by_channel(kafka):
    kafka.create(kafka.topics.luld)
    second, band = bar("AAPL", 1), {"ev": "LULD", "T": "AAPL", "h": 2.0, "l": 1.0, "t": 1}
    session = sends(frame(second, second), frame(band), "[{]")
    async with running(kafka, session, channels="A.*,LULD.*") as run:
        await until(lambda: run.facts()["dead_letters"] == 1)
        port = free_port()
        stop = serve_health(port, run.producer.report, run.producer.facts.metrics)
        content_type, found = await asyncio.to_thread(scrape, port)
        stop()
    assert content_type == "text/plain; version=0.0.4; charset=utf-8"
    assert found["polygon_stream_events_total", "A"] == 2
    assert found["polygon_stream_events_total", "LULD"] == 1
    assert found["polygon_stream_events_total", "Q"] == 0
    assert found["polygon_stream_dead_letters_total", ""] == 1
    assert found["polygon_stream_frames_total", ""] == 3
    assert found["polygon_stream_received_bytes_total", ""] == len(
        frame(second, second) + frame(band) + "[{]"
    )
    assert found["polygon_stream_state", "streaming"] == 1
    assert found["polygon_stream_state", "waiting"] == 0
    assert found["polygon_stream_healthy", ""] == 1
    assert 0 <= found["polygon_stream_last_event_age_seconds", ""] < 60
    assert found["polygon_stream_session_start_seconds", ""] > 1.7e9


def test_a_program_without_metrics_of_its_own_shows_the_numbers_of_its_report():
    port = free_port()
    stop = serve_health(port, lambda: (False, {"lag": 7, "state": "retrying", "p50": None}))
    _, found = scrape(port)
    code, facts = health(port)
    stop()
    assert found == {("polygon_stream_healthy", ""): 0, ("polygon_stream_lag", ""): 7}
    assert (code, facts["status"]) == (503, "unhealthy")


async def test_an_old_last_event_is_unhealthy_only_while_the_market_is_open(kafka, monkeypatch):
    monkeypatch.setattr(MarketStatus, "_ask", lambda _: "closed")
    settings = {"stale_seconds": 0.2, "idle_seconds": 0.3}
    async with running(kafka, sends(frame(bar("AAPL", 1))), **settings) as run:
        await until(lambda: run.facts()["events"] == 1)
        await until(lambda: run.facts()["market"] == "closed")
        await until(lambda: run.facts()["last_event_age_seconds"] > 1)
        assert run.producer.report()[0]
        assert len(run.vendor.connected_at) == 1  # nor is a closed market a silent stream
    monkeypatch.setattr(MarketStatus, "_ask", lambda _: "open")
    async with running(kafka, sends(frame(bar("AAPL", 1))), stale_seconds=0.2) as run:
        await until(lambda: not run.producer.report()[0])
        assert "the market is open" in run.facts()["problems"][0]


@pytest.mark.parametrize(
    ("code", "body", "state"),
    [
        (200, b'{"market":"open","serverTime":"2026-11-20T15:00:00-05:00"}', "open"),
        (200, b"<html>", None),
        (429, b"", None),
        (403, b"{}", None),
    ],
)  # fmt: skip
async def test_the_vendor_says_whether_the_market_is_open(code, body, state):
    class Vendor(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(code)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
            answered.set()

        def log_message(self, *_):
            pass

    answered = threading.Event()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Vendor)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    market = MarketStatus(PolygonSettings(rest_url=f"http://127.0.0.1:{server.server_port}"))
    assert await asyncio.to_thread(market._ask) == state
    server.shutdown()
    server.server_close()
    assert await asyncio.to_thread(market._ask) is None


def test_a_log_record_is_one_object_on_one_line():
    try:
        raise ValueError("odd\nvalue")
    except ValueError:
        record = logging.getLogger("polygon_stream.x").makeRecord(
            "polygon_stream.x", logging.ERROR, "f", 1, "two\n%s", ("lines",), sys.exc_info(),
            extra={"wait": 1.5},
        )  # fmt: skip
    line = JsonFormatter().format(record)
    fields = json.loads(line)
    assert "\n" not in line
    assert (fields["level"], fields["logger"]) == ("ERROR", "polygon_stream.x")
    assert (fields["message"], fields["wait"]) == ("two\nlines", 1.5)
    assert fields["time"].endswith("+00:00")
    assert "ValueError: odd" in fields["exception"]
