"""CPU time per record of the connector, by stream, beside plain requests + orjson.

    python tests/bench_records.py [records to a stream]

All variants read the same answers from the same server and print to the same nowhere, in one run,
so that their ratios hold on a machine that is busy. Only this process's CPU counts.
"""

import logging
import multiprocessing
import sys
import time
from collections.abc import Callable
from copy import deepcopy
from datetime import date, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing.connection import Connection
from typing import Any
from urllib.parse import urlsplit

import orjson
import requests
from airbyte_cdk.entrypoint import AirbyteEntrypoint
from airbyte_cdk.models import Type
from reading import BARS, configuration, configured

from source_polygon.run import SourcePolygon, load_manifest

A_DAY = 11_000
"""Records of one answer: about the tickers of one session."""
RECORDS = 88_000
BAR = {"v": 123456.5, "vw": 12.3456, "o": 12.1, "c": 12.3, "h": 12.5, "l": 12.0, "n": 345}
TICKER = {
    "name": "Synthetic Prepackaged Software (simulated)",
    "market": "stocks",
    "locale": "us",
    "primary_exchange": "XNYS",
    "type": "CS",
    "active": True,
    "currency_name": "usd",
    "composite_figi": "SIM00000ZZAA",
    "last_updated_utc": "2005-02-24T00:00:00Z",
}
FIRST_DAY = date(2005, 1, 3)

Numbers = tuple[float, int]
"""Microseconds of CPU per record, and how many records there were."""


def answers(size: int) -> dict[str, bytes]:
    """The body for each path that begins so."""
    names = [f"ZZ{number:05d}" for number in range(size)]
    day = [{"T": name, "t": 1_108_414_800_000, **BAR} for name in names]
    minutes = [{"t": 1_108_414_800_000 + 60_000 * number, **BAR} for number in range(size)]
    listed = [{"ticker": name, **TICKER} for name in names]
    ok: dict[str, Any] = {"status": "OK", "request_id": "a" * 32}
    return {
        BARS: orjson.dumps({**ok, "resultsCount": size, "results": day}),
        "/v2/aggs/ticker/": orjson.dumps(
            {**ok, "ticker": "AAPL", "resultsCount": size, "results": minutes}
        ),
        "/v3/reference/tickers": orjson.dumps({**ok, "count": size, "results": listed}),
    }


def serve(port: Connection, size: int) -> None:
    """Answer on a free port, which is sent through the connection, until the process ends."""
    bodies = answers(size)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            path = urlsplit(self.path).path
            body = next(body for start, body in bodies.items() if path.startswith(start))
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    port.send(server.server_port)
    server.serve_forever()


def plain(url: str, days: int, size: int) -> Numbers:
    """requests and orjson alone: the same records as lines of the same protocol."""
    session, count, start = requests.Session(), 0, time.process_time()
    for day in range(days):
        body = session.get(f"{url}{BARS}{FIRST_DAY + timedelta(days=day)}").content
        for bar in orjson.loads(body)["results"]:
            bar["ticker"] = bar.pop("T")
            record = {"stream": "daily_bars", "data": bar, "emitted_at": 1}
            orjson.dumps({"type": "RECORD", "record": record})
            count += 1
    return (time.process_time() - start) / count * 1e6, count


def connector(
    url: str, days: int, stream: str, change: Callable[[dict[str, Any]], None]
) -> Numbers:
    """The connector as it runs in a sync: messages are made and turned into lines.

    Args:
        url: Where the server is.
        days: Days of the window, or windows of thirty days.
        stream: The stream to read.
        change: Changes the manifest before.
    """
    manifest = deepcopy(load_manifest())
    change(manifest)
    step = 30 if stream == "minute_bars" else 1
    config = configuration(
        url,
        start_date=FIRST_DAY.isoformat(),
        end_date=(FIRST_DAY + timedelta(days=days * step - 1)).isoformat(),
        tickers=["AAPL"],
    )
    wanted = configured(stream)
    source = SourcePolygon(config=config, catalog=wanted, state=[], manifest=manifest)
    count, start = 0, time.process_time()
    for message in source.read(logging.getLogger("bench"), config, wanted, []):
        AirbyteEntrypoint.airbyte_message_to_string(message)
        count += message.type == Type.RECORD
    return (time.process_time() - start) / count * 1e6, count


def as_it_is(_manifest: dict[str, Any]) -> None:
    """Change nothing."""


def without_transformations(manifest: dict[str, Any]) -> None:
    """Let the CDK pass on what the vendor sends, as `T`."""
    manifest["definitions"]["streams"]["daily_bars"]["transformations"] = []


def measure(records: int = RECORDS, size: int = A_DAY) -> dict[str, Numbers]:
    """Every variant's numbers by its name, with so many records each, so many to an answer."""
    days = max(records // size, 1)
    ours, theirs = multiprocessing.Pipe()
    server = multiprocessing.Process(target=serve, args=(theirs, size), daemon=True)
    server.start()
    try:
        url = f"http://127.0.0.1:{ours.recv()}"
        return {
            "requests + orjson": plain(url, days, size),
            "CDK without transformations": connector(
                url, days, "daily_bars", without_transformations
            ),
            "daily_bars": connector(url, days, "daily_bars", as_it_is),
            "minute_bars": connector(url, days, "minute_bars", as_it_is),
            "tickers": connector(url, max(days // 2, 1), "tickers", as_it_is),
        }
    finally:
        server.terminate()
        server.join()


def table(found: dict[str, Numbers]) -> list[str]:
    """The numbers, and their ratios to requests + orjson and to the CDK alone."""
    base, cdk = found["requests + orjson"][0], found["CDK without transformations"][0]
    lines = [f"{'':36}{'us/record':>10}{'records/s':>11}{'x plain':>9}{'x CDK':>7}{'records':>9}"]
    for name, (cost, count) in found.items():
        lines.append(
            f"{name:36}{cost:10.1f}{1e6 / cost:11,.0f}{cost / base:9.1f}{cost / cdk:7.2f}{count:9,}"
        )
    return lines


if __name__ == "__main__":
    logging.disable(logging.INFO)
    print("\n".join(table(measure(int(sys.argv[1]) if len(sys.argv) > 1 else RECORDS))))
