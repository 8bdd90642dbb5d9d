"""A small Polygon: the six endpoints that the connector reads, on a free port, with faults."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

API_KEY = "test-key-0123456789"
BARS = "/v2/aggs/grouped/locale/us/market/stocks/"
FULL_DAY_MS = 1_104_526_800_000  # any 16:00 New York: the connector passes `t` on as it is

SYMBOLS = ("AAPL", "BRK.B", "KIMpL", "NAN", "TRUE")
"""Tickers that a careless reader turns into something else."""

SPLITS = [
    {
        "id": "S1",
        "ticker": "MSFT",
        "execution_date": "2003-02-18",
        "split_from": 1,
        "split_to": 2,
        "adjustment_type": "forward_split",
        "historical_adjustment_factor": 0.5,
    },
    {
        "id": "S2",
        "ticker": "AAPL",
        "execution_date": "2005-02-28",
        "split_from": 1,
        "split_to": 2,
        "adjustment_type": "forward_split",
        "historical_adjustment_factor": None,
    },
]
DIVIDENDS = [
    {
        "id": f"D{number}",
        "ticker": "IBM",
        "ex_dividend_date": day,
        "cash_amount": 0.18,
        "currency": "USD",
        "frequency": 4,
        "distribution_type": "recurring",
        "pay_date": "2005-03-10",
        "record_date": day,
        "declaration_date": "2005-01-25",
        "split_adjusted_cash_amount": 0.18,
        "historical_adjustment_factor": 0.99,
    }
    for number, day in enumerate(["2005-02-08", "2005-02-10", "2005-02-28"])
]
EXCHANGES = [
    {"id": 1, "name": "NYSE American, LLC", "mic": "XASE", "type": "exchange"},
    {"id": 4, "name": "FINRA NYSE TRF", "mic": "FINN", "type": "TRF"},
    {"id": 4, "name": "FINRA Nasdaq TRF Carteret", "mic": "FINN", "type": "TRF"},
    {"id": 5, "name": "Unlisted Trading Privileges", "type": "SIP"},
]
HOLIDAYS = [
    {"exchange": exchange, "name": "Good Friday", "date": "2005-03-25", "status": "closed"}
    for exchange in ("NYSE", "NASDAQ")
] + [
    {
        "exchange": "NYSE",
        "name": "Thanksgiving",
        "date": "2005-11-25",
        "status": "early-close",
        "open": "2005-11-25T14:30:00.000Z",
        "close": "2005-11-25T18:00:00.000Z",
    }
]


@dataclass
class Vendor:
    """What was asked, and what to answer wrongly.

    Attributes:
        url: Address to give to the connector as ``base_url``.
        asked: Path and query of each request, in order of arrival.
        faults: Answers to give instead, by path: a list of (HTTP status, body, headers), used up
            from the front. An entry that repeats for ever has the status under ``always``.
        always: Answers that are given each time, by path.
    """

    url: str = ""
    asked: list[str] = field(default_factory=list)
    faults: dict[str, list[tuple[int, Any, dict[str, str]]]] = field(default_factory=dict)
    always: dict[str, tuple[int, Any]] = field(default_factory=dict)

    def paths(self, prefix: str) -> list[str]:
        """The requests whose path starts with the prefix, sorted."""
        return sorted(request for request in self.asked if request.startswith(prefix))

    def answer(self, path: str, query: dict[str, str]) -> tuple[int, Any, dict[str, str]]:
        """Status, body and headers for one request."""
        if self.faults.get(path):
            return self.faults[path].pop(0)
        if path in self.always:
            return (*self.always[path], {})
        if path.startswith(BARS):
            return 200, bars(date.fromisoformat(path.removeprefix(BARS))), {}
        if path == "/v3/reference/tickers":
            return 200, tickers(query), {}
        if path == "/v3/reference/exchanges":
            return 200, {"status": "OK", "results": EXCHANGES, "count": len(EXCHANGES)}, {}
        if path == "/v1/marketstatus/upcoming":
            return 200, HOLIDAYS, {}
        if path == "/stocks/v1/splits":
            return 200, window(SPLITS, "execution_date", query), {}
        if path == "/stocks/v1/dividends":
            return 200, window(DIVIDENDS, "ex_dividend_date", query), {}
        return 404, {"status": "NOT_FOUND", "message": path}, {}


def bars(day: date) -> dict[str, Any]:
    """Grouped daily bars; a weekend has no `results` at all, as at the vendor."""
    if day.weekday() >= 5:
        return {"status": "OK", "adjusted": False, "queryCount": 0, "resultsCount": 0}
    results: list[dict[str, Any]] = [
        {
            "T": symbol,
            "o": 10.25,
            "h": 11,
            "l": 9.5,
            "c": 10.5 + number,
            "v": 9099.618093,
            "vw": 10.3,
            "t": FULL_DAY_MS,
            "n": 7,
        }
        for number, symbol in enumerate(SYMBOLS)
    ]
    del results[0]["vw"]
    results[-1]["otc"] = True
    return {"status": "OK", "adjusted": False, "resultsCount": len(results), "results": results}


def tickers(query: dict[str, str]) -> dict[str, Any]:
    """Two pages of listed tickers, one of delisted ones."""
    if query.get("cursor") == "page-2":
        return {"status": "OK", "results": [ticker(symbol, True) for symbol in SYMBOLS[3:]]}
    if query["active"] == "false":
        return {"status": "OK", "results": [ticker("LEH", False)]}
    return {
        "status": "OK",
        "results": [ticker(symbol, True) for symbol in SYMBOLS[:3]],
        "next_url": "https://api.polygon.io:443/v3/reference/tickers?cursor=page-2",
    }


def ticker(symbol: str, active: bool) -> dict[str, Any]:
    """One ticker as the vendor lists it."""
    entry: dict[str, Any] = {
        "ticker": symbol,
        "name": f"{symbol} Inc.",
        "market": "stocks",
        "locale": "us",
        "primary_exchange": "XNAS",
        "type": "CS",
        "active": active,
        "currency_name": "usd",
        "cik": "0000320193",
        "last_updated_utc": "2005-02-28T00:00:00Z",
    }
    return entry if active else entry | {"delisted_utc": "2008-09-17T00:00:00Z"}


def window(rows: list[dict[str, Any]], column: str, query: dict[str, str]) -> dict[str, Any]:
    """Rows between `<column>.gte` and `<column>.lte`, both inclusive, one to a page."""
    if "cursor" in query:
        first, last, page = query["cursor"].split("_")
    else:
        first, last, page = query[f"{column}.gte"], query[f"{column}.lte"], "0"
    found = [row for row in rows if first <= row[column] <= last]
    answer: dict[str, Any] = {"status": "OK", "results": found[int(page) : int(page) + 1]}
    if int(page) + 1 < len(found):
        path = "splits" if column == "execution_date" else "dividends"
        cursor = f"{first}_{last}_{int(page) + 1}"
        answer["next_url"] = f"https://api.polygon.io:443/stocks/v1/{path}?cursor={cursor}"
    return answer


@contextmanager
def running_vendor() -> Iterator[Vendor]:
    """Serve on a free port of 127.0.0.1 until the block ends."""
    vendor = Vendor()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            address = urlsplit(self.path)
            vendor.asked.append(self.path)
            if self.headers.get("Authorization") != f"Bearer {API_KEY}":
                status, body = 401, {"status": "ERROR", "error": "Unknown API Key"}
                headers: dict[str, str] = {}
            else:
                query = {key: values[0] for key, values in parse_qs(address.query).items()}
                status, body, headers = vendor.answer(address.path, query)
            payload = body if isinstance(body, bytes) else json.dumps(body).encode()
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(payload)))
            self.end_headers()
            self.wfile.write(payload)

        def log_message(self, *_: Any) -> None:
            """Say nothing: the tests read `asked`."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    vendor.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield vendor
    finally:
        server.shutdown()
        server.server_close()
