"""Second bars by REST against a scripted vendor: shapes, refusals, broken answers, pace."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import msgspec
import pytest
from polygon_stream.backfill_plan import Window
from polygon_stream.backfill_rest import Pace, RestBars, VendorError
from polygon_stream.events import Bar, parse
from polygon_stream.frames import channel_and_symbol
from polygon_stream.settings import BackfillSettings, PolygonSettings

BAR = {
    "v": 120,
    "vw": 10.2,
    "o": 10.0,
    "c": 10.3,
    "h": 10.4,
    "l": 9.9,
    "t": 1_700_000_000_000,
    "n": 7,
}
FRACTION = BAR | {"v": 0.5, "t": 1_700_000_001_000, "n": 2}
WINDOW = Window(1_700_000_000_000, 1_700_000_060_000, "BRK.B")

Answer = tuple[int, bytes, dict[str, str]]


def results(*bars: dict, **more: object) -> Answer:
    return 200, json.dumps({"status": "OK", "results": bars, **more}).encode(), {}


@pytest.fixture
def scripted() -> Iterator[Callable[..., RestBars]]:
    servers = []

    def start(*answers: Answer, **settings: float) -> RestBars:
        left, asked = list(answers), []

        class Vendor(BaseHTTPRequestHandler):
            def do_GET(self):
                asked.append((self.path, self.headers["Authorization"], time.monotonic()))
                code, body, headers = left.pop(0) if len(left) > 1 else left[0]
                self.send_response(code)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Vendor)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        vendor = PolygonSettings(
            rest_url=f"http://127.0.0.1:{server.server_port}", api_key="secret"
        )
        rest = RestBars(vendor, BackfillSettings(**{"requests_per_second": 1_000} | settings))
        rest.asked = asked
        return rest

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def test_a_bar_of_rest_is_an_event_of_the_stream_without_the_days_sums(scripted):
    rest = scripted(results(BAR, FRACTION | {"otc": True}))
    one, two = rest.bars([WINDOW])
    text = msgspec.json.encode(one)
    assert text == (
        b'{"ev":"A","sym":"BRK.B","v":120,"vw":10.2,"o":10.0,"c":10.3,"h":10.4,"l":9.9,'
        b'"s":1700000000000,"e":1700000001000,"z":17.142857142857142}'
    )
    assert channel_and_symbol(text) == ("A", b"BRK.B")
    bar = parse(text, Bar)
    assert (bar.av, bar.op, bar.a) == (None, None, None)
    assert round(bar.v / bar.z) == 7
    assert (two.v, two.z) == (0.5, 0.25)
    ((path, key, _),) = rest.asked
    address = urlsplit(path)
    assert address.path == ("/v2/aggs/ticker/BRK.B/range/1/second/1700000000000/1700000059999")
    assert parse_qs(address.query) == {"adjusted": ["false"], "sort": ["asc"], "limit": ["50000"]}
    assert key == "Bearer secret"


def test_a_bar_that_is_none_is_counted_and_the_rest_goes_on(scripted, caplog):
    without = {name: value for name, value in BAR.items() if name != "vw"}
    rest = scripted(results(without, BAR, BAR | {"c": -1.0}))
    assert len(list(rest.bars([WINDOW]))) == 1
    assert rest.refused == 2
    assert "2 bars of BRK.B are refused" in caplog.text


def test_no_trades_are_no_bars(scripted):
    rest = scripted((200, b'{"status":"OK","queryCount":0,"resultsCount":0}', {}))
    assert list(rest.bars([WINDOW])) == []


def test_retry_after_is_waited_for_and_errors_are_asked_again(scripted):
    limited = (429, b"", {"Retry-After": "1"})
    rest = scripted(limited, (500, b"", {}), (200, b"<html>", {}), results(BAR))
    assert len(list(rest.bars([WINDOW]))) == 1
    times = [at for *_, at in rest.asked]
    assert len(times) == 4
    assert times[1] - times[0] >= 1


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        ((403, b'{"status":"NOT_AUTHORIZED"}', {}), "second bars of BRK.B: the vendor refuses"),
        ((429, b"", {}), "second bars of BRK.B: .*429"),
        ((200, b'{"results":[', {}), "not readable"),
        (results(BAR, next_url="http://x/y?cursor=1"), "more than one page"),
    ],
)
def test_what_the_vendor_does_not_give_is_an_error(scripted, answer, sentence):
    rest = scripted(answer, retries=1)
    with pytest.raises(VendorError, match=sentence) as raised:
        list(rest.bars([WINDOW] * 20))
    assert "secret" not in str(raised.value)


def test_symbols_of_a_day_that_is_not_over_are_unknown(scripted):
    assert scripted(results(BAR | {"T": "A"}, BAR | {"T": "B"})).symbols_of("2026-11-20") == [
        "A",
        "B",
    ]
    assert scripted((403, b"{}", {})).symbols_of("2026-11-20") == []


def test_the_pace_holds_over_all_threads():
    pace, began = Pace(100), time.monotonic()
    threads = [threading.Thread(target=lambda: [pace.wait() for _ in range(10)]) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert time.monotonic() - began >= 0.49
