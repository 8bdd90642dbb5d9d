"""Tickers that hold SQL, Markdown, HTML, escapes or odd letters, through both halves.

The warehouse's models have theirs in ``tests/dbt/test_dbt_hostile_names.py``.
"""

import csv
import gzip
import io
import json
import re
from collections.abc import Iterator, Sequence
from datetime import date
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default as email_policy
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import unquote

import pytest
import yaml
from confluent_kafka import Producer
from markdown_it import MarkdownIt
from markdown_it.token import Token
from polygon_stream.backfill_plan import Window
from polygon_stream.backfill_rest import RestBars
from polygon_stream.frames import channel_and_symbol, cut, slice_frame
from polygon_stream.settings import BackfillSettings, PolygonSettings
from support.hostile import CONTROL, LONG, SYNTAX, TICKERS, UNICODE
from support.program import Program, wait_for

from polygon_assets.alerts.events import Problem
from polygon_assets.alerts.memory import Note
from polygon_assets.alerts.messages import Message
from polygon_assets.bootstrap import create_stream_tables
from polygon_assets.candles import markdown_picture
from polygon_assets.checks import Rule, ask_warehouse
from polygon_assets.cli.outcomes import CheckOutcome, RunOutcome
from polygon_assets.defs.flat_files.files import FetchedFile, read_whole
from polygon_assets.defs.flat_files.loading import Loader
from polygon_assets.defs.flat_files.tables import COLUMNS, FLAT_DAILY_BARS
from polygon_assets.defs.rollups.assets import BARS_5M, ROLLUPS
from polygon_assets.defs.rollups.chart import most_traded
from polygon_assets.defs.rollups.rebuild import rebuild_session
from polygon_assets.env import PROJECT_ROOT, Deployment, Names
from polygon_assets.gate.selection import Plan
from polygon_assets.gate.summary import Report, markdown
from polygon_assets.partitions import SessionWindow
from polygon_assets.resources.clickhouse import ClickHouse, clickhouse
from polygon_assets.resources.flat_files import PublishedFile
from polygon_assets.resources.kafka import kafka
from polygon_assets.resources.snowflake import Warehouse, warehouse
from polygon_assets.sandbox.layout import SandboxLayout
from polygon_assets.sparkline import Point, markdown_line

pytestmark = pytest.mark.xdist_group("security")

NAMES = Names(Deployment.LOCAL, "_hostile")
SESSION = date(2005, 2, 28)
OPEN_MS = 1_109_601_000_000  # 09:30 in New York
MOST_TRADED = '](http://evil.example/a.png)![<b>"&\\'
"""A ticker that ends the title of a picture, where nobody looks after it."""
WATCHLIST = (
    PROJECT_ROOT / "polygon_assets/defs/dashboards/bundle/datasets/clickhouse/watchlist.yaml"
)


def bar(symbol: str, second: int, volume: float) -> dict[str, object]:
    start = OPEN_MS + second * 1000
    prices = dict.fromkeys(("o", "c", "h", "l", "vw", "a", "op"), 10.0)
    times = {"s": start, "e": start + 1000}
    return {"ev": "A", "sym": symbol, "v": volume, "av": volume, "z": 20, **prices, **times}


EVENTS = [bar(name, second, 100.0) for name in TICKERS for second in (0, 301)]
EVENTS += [bar(MOST_TRADED, second, 1e6) for second in range(3)]


def wire(event: dict[str, object]) -> bytes:
    return json.dumps(event, separators=(",", ":"), ensure_ascii=False).encode()


@pytest.fixture(scope="module")
def streamed(sandbox: SandboxLayout, tmp_path_factory: pytest.TempPathFactory) -> ClickHouse:
    """ClickHouse with the events, sent through Kafka and the sink, and the session's rollups."""
    with pytest.MonkeyPatch.context() as environment:
        for name, value in sandbox.environment().items():
            environment.setenv(name, value)
        resource = clickhouse(NAMES).process_config_and_initialize()
        topics = kafka(NAMES).process_config_and_initialize()
    create_stream_tables(resource)
    topics.create_topics()
    producer = Producer({"bootstrap.servers": topics.bootstrap_servers})
    for event in EVENTS:
        producer.produce(topics.bars_topic, wire(event), str(event["sym"]).encode())
    assert producer.flush(30) == 0
    addresses = sandbox.environment() | {
        "KAFKA_TOPIC_PREFIX": NAMES.topic_prefix,
        "KAFKA_CONSUMER_GROUP": NAMES.consumer_group,
        "CLICKHOUSE_DATABASE": NAMES.clickhouse_ticks,
        "SINK_FLUSH_MS": "100",
    }
    del addresses["POLYGON_SANDBOX"]  # the sandbox would end it
    log = tmp_path_factory.mktemp("sink") / "sink.log"
    sink = Program("sink", ["-m", "polygon_stream.sink"], addresses, log).start()
    try:
        count = "SELECT count() FROM {ticks}.bars_1s"
        wait_for(lambda: sink.must_run() and resource.query(count) == [(len(EVENTS),)], "every row")
    finally:
        sink.stop()
    for rollup in ROLLUPS:
        rebuild_session(resource, rollup, SESSION)
    return resource


@pytest.mark.parametrize(
    "table",
    [
        *("{ticks}.bars_1s", "{rollups}.bars_1m", "{rollups}.bars_1d"),
        *("{rollups}.candles_5m", "{rollups}.movers", "{rollups}.session_vwap"),
    ],
)
def test_every_ticker_reaches_the_rollups(streamed: ClickHouse, table: str) -> None:
    found = streamed.query(f"SELECT DISTINCT symbol FROM {table} WHERE session_date = '{SESSION}'")
    assert {symbol for (symbol,) in found} == {*TICKERS, MOST_TRADED}


def test_frames_are_cut_at_events_whatever_the_ticker() -> None:
    for event in EVENTS:
        raw, more = wire(event), wire(bar("AAPL", 1, 1.0))
        frame = b"[" + raw + b"," + more + b"]"
        found = cut([frame])
        events = [one for one, _ in found[1]] if found else slice_frame(frame)
        assert events == [raw, more]
        assert channel_and_symbol(raw)[1].decode() == event["sym"]


def tokens(text: str) -> list[Token]:
    """All parts of a Markdown text, as GitHub and Dagster's UI read it."""
    parser = MarkdownIt("commonmark").enable("table")
    parser.validateLink = lambda _: True
    found: list[Token] = []
    for one in parser.parse(text):
        found += [one, *(one.children or [])]
    return found


def pictures(text: str) -> list[str]:
    """The addresses of the pictures in it; there must be nothing else but words around them."""
    parts = tokens(text)
    allowed = {"paragraph_open", "paragraph_close", "inline", "text", "text_special", "image"}
    assert {one.type for one in parts} <= allowed
    return [str(one.attrs["src"]) for one in parts if one.type == "image"]


def test_a_picture_in_the_ui_is_that_picture_only(streamed: ClickHouse) -> None:
    found = most_traded(streamed, BARS_5M, SESSION)
    assert found is not None
    title, candles = found
    assert title.startswith(MOST_TRADED)
    careless = f"![{title}](data:image/png;base64,)"
    assert pictures(careless)[0] == "http://evil.example/a.png"  # so the title could do harm
    for name in (title, *TICKERS):
        line = markdown_line(name, [Point("a", 1.0), Point("b", 2.0)])
        for text in (markdown_picture(name, candles), line):
            [address] = pictures(text)
            assert address.startswith("data:image/svg+xml;base64,")


def test_the_watchlists_html_is_its_own(streamed: ClickHouse) -> None:
    sql = yaml.safe_load(WATCHLIST.read_text())["sql"]
    sql = sql.replace('{{ env["CLICKHOUSE_ROLLUPS"] }}', streamed.rollups)
    sql = sql.replace('{{ env["DASHBOARDS_SLUG"] }}', "").replace("LIMIT 25", "")
    rows = streamed.query(f"SELECT symbol, chart_link, candles FROM ({sql})")
    assert {symbol for symbol, *_ in rows} == {*TICKERS, MOST_TRADED}
    link = re.compile(r'<a href="/superset/dashboard/daily-market/\?[^"<>]*">[A-Za-z0-9.-]+</a>')
    for _, html, picture in rows:
        assert link.fullmatch(html) or "<" not in html
        assert picture.count("<") == 1


@pytest.fixture(scope="module")
def loaded(sandbox: SandboxLayout, tmp_path_factory: pytest.TempPathFactory) -> Warehouse:
    """Snowflake with a flat file of these tickers, each quoted as CSV wants it."""
    with pytest.MonkeyPatch.context() as environment:
        for name, value in sandbox.environment().items():
            environment.setenv(name, value)
        resource = warehouse(NAMES).process_config_and_initialize()
    resource.create_schemas()
    text = io.StringIO()
    lines = csv.writer(text, lineterminator="\n")
    lines.writerow(COLUMNS)
    for name in TICKERS:
        lines.writerow([name, 100.0, 1.0, 1.0, 1.0, 1.0, OPEN_MS * 1_000_000, 5])
    folder = tmp_path_factory.mktemp("100% odd")  # paths are text, too
    path = folder / f"{FLAT_DAILY_BARS.dataset}_{SESSION}.csv.gz"
    path.write_bytes(gzip.compress(text.getvalue().encode()))
    published = PublishedFile("made/by/hand.csv.gz", "'; DROP TABLE x --", path.stat().st_size)
    rows = read_whole(path)[1]
    file = FetchedFile(SESSION, published, path, tuple(COLUMNS), rows, 1, 0.0, 0.0)
    with resource.cursor() as cursor:
        loader = Loader(cursor, str(resource.database), FLAT_DAILY_BARS)
        loader.prepare()
        loader.load(file)
    return resource


def test_every_ticker_of_a_flat_file_is_loaded_as_it_is(loaded: Warehouse) -> None:
    table = FLAT_DAILY_BARS.qualified(str(loaded.database))
    rows = loaded.query(f"SELECT TICKER, FILE_ETAG FROM {table}")
    assert {ticker for ticker, _ in rows} == set(TICKERS)
    assert {etag for _, etag in rows} == {"'; DROP TABLE x --"}
    with loaded.cursor() as cursor:
        for name in TICKERS:
            cursor.execute(f"SELECT COUNT(*) FROM {table} WHERE TICKER = %s", [name])
            assert cursor.fetchall() == [(1,)], name


def test_a_check_shows_the_tickers_of_its_sample(loaded: Warehouse) -> None:
    table = FLAT_DAILY_BARS.qualified("{database}")
    rule = Rule("odd", "Odd.", f"SELECT TICKER FROM {table} WHERE TICKER IN ('%%s', 'A''B')")
    window = SessionWindow(SESSION, SESSION)
    with loaded.cursor() as cursor:
        result = ask_warehouse(cursor, str(loaded.database), rule, window)
    assert result.metadata["violations"].value == 1
    sample = result.metadata["sample"]
    assert [record.data for record in sample.records] == [{"ticker": "%s"}]


def test_the_gates_summary_shows_messages_and_obeys_none() -> None:
    names = (*SYNTAX, *UNICODE, *CONTROL, MOST_TRADED, "A\\|B", "``A``", "https://evil.example")
    found = [CheckOutcome("raw/x", f"c{n}", False, "ERROR", name) for n, name in enumerate(names)]
    outcome = RunOutcome(False, list(names), {(one.asset, one.name): one for one in found})
    text = markdown(Report("local", "2005-02-28", Plan([], [], []), outcome))
    assert text.isascii() or "\x1b" not in text
    parts = tokens(text)
    assert not {one.type for one in parts} & {"link_open", "image", "html_inline", "html_block"}
    words = " ".join(one.content for one in parts if one.type == "text")
    assert "@" not in words  # GitHub would notify somebody
    assert "://" not in words  # and make a link
    timing = 2
    assert sum(one.type == "td_open" for one in parts) == 5 * len(names) + timing


def message(reason: str) -> Message:
    problem = Problem(
        name="n", title=f"Check failed: {reason}", reason=reason, path="/runs/1", entry="x"
    )
    return Message("local", [Note(problem=problem)], 0, "http://ui", "http://runbook")


@pytest.mark.parametrize("name", [*SYNTAX, *UNICODE, "<http://evil.example|here>", "a\r\nBcc: x@y"])
def test_alerts_mention_nobody_and_link_to_us_only(name: str) -> None:
    told = message(name)
    links = re.findall(r"<([^>]*)>", told.slack())
    assert {link.partition("|")[0] for link in links} == {"http://ui/runs/1", "http://runbook#x"}
    mail = EmailMessage()
    mail["Subject"] = " ".join(told.subject.split())
    mail.set_content(told.mail())
    read = message_from_bytes(bytes(mail), policy=email_policy)
    assert read["Bcc"] is None


class Asked(ThreadingHTTPServer):
    """Notes the paths that it is asked for."""

    def __init__(self) -> None:
        self.paths: list[str] = []
        super().__init__(("127.0.0.1", 0), _Answer)


class _Answer(BaseHTTPRequestHandler):
    server: Asked

    def do_GET(self) -> None:
        self.server.paths.append(self.path)
        body = b'{"results":[]}'
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.fixture
def vendor() -> Iterator[Asked]:
    with Asked() as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def test_a_ticker_stays_one_part_of_the_address(vendor: Asked, tmp_path: Path) -> None:
    settings = PolygonSettings(rest_url=f"http://127.0.0.1:{vendor.server_port}")
    bars = RestBars(settings, BackfillSettings(requests_per_second=1e6, workers=1))
    names: Sequence[str] = [name for name in TICKERS if name != LONG]
    for name in names:
        assert list(bars.bars([Window(0, 1000, name)])) == []
    asked = [path.partition("?")[0].split("/") for path in vendor.paths]
    assert [parts[:4] for parts in asked] == [["", "v2", "aggs", "ticker"]] * len(names)
    assert [unquote(parts[4]) for parts in asked] == list(names)
    assert {tuple(parts[5:]) for parts in asked} == {("range", "1", "second", "0", "999")}
