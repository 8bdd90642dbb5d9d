import json
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from datetime import date, datetime
from decimal import Decimal

import pyarrow
import pytest
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import DatabaseError, StreamFailureError
from clickhouse_connect.driver.external import ExternalData


def test_types_reach_the_client_unchanged(client: Client) -> None:
    result = client.query(
        "SELECT toDecimal64(1.25, 4) AS price, toDate('2026-11-20') AS session_date,"
        " toDateTime64('2026-11-20 14:30:00.123', 3, 'America/New_York') AS bar_start,"
        " [1, 2] AS sizes, map('a', 1) AS counts, NULL AS nothing, 'naïve \\' \\t' AS words,"
        " toFloat64('nan') != toFloat64('nan') AS odd"
    )
    price, session_date, bar_start, sizes, counts, nothing, words, odd = result.first_row
    assert price == Decimal("1.25")
    assert session_date == date(2026, 11, 20)
    assert bar_start.isoformat() == "2026-11-20T14:30:00.123000-05:00"
    assert (sizes, counts, nothing, words, odd) == ([1, 2], {"a": 1}, None, "naïve ' \t", 1)


@pytest.mark.parametrize("text", ["plain", "it's", "tab\tnew\nline", "back\\slash", "ünï 💹", ""])
def test_parameters_arrive_as_they_were(client: Client, text: str) -> None:
    rows = client.query(
        "SELECT {text:String}, {day:Date}, {symbols:Array(String)}, {name:Identifier}"
        " FROM (SELECT 7 AS x)",
        parameters={"text": text, "day": date(2026, 1, 2), "symbols": [text, "B"], "name": "x"},
    ).result_rows
    assert rows == [(text, date(2026, 1, 2), [text, "B"], 7)]


def test_settings_of_a_request_hold_for_that_request_only(client: Client) -> None:
    def threads(**options: object) -> int:
        return client.query("SELECT getSetting('max_threads')", **options).first_row[0]

    before = threads()
    assert threads(settings={"max_threads": 7}) == 7
    assert threads() == before
    client.command("SET max_threads = 5")
    assert threads() == 5
    assert threads(settings={"max_threads": 7}) == 7
    assert threads() == 5


def test_database_of_a_request_holds_for_that_request_only(client: Client) -> None:
    own = client.command("SELECT currentDatabase()")
    client.database = "system"
    assert client.command("SELECT currentDatabase()") == "system"
    client.database = None
    assert client.command("SELECT currentDatabase()") == "default"
    assert own.startswith("test_")


def test_use_holds_for_the_session(gateway) -> None:
    client = gateway.client()
    client.command("USE system")
    assert client.command("SELECT currentDatabase()") == "system"
    assert gateway.client().command("SELECT currentDatabase()") == "default"


def test_a_session_that_made_itself_read_only_ends(client: Client) -> None:
    client.command("SELECT 1", settings={"readonly": 1})
    assert client.command("SELECT 1", settings={"max_threads": 2}) == 1


def test_temporary_tables_live_as_long_as_the_session(gateway, client: Client) -> None:
    client.command("CREATE TEMPORARY TABLE watch (symbol String)")
    client.insert("watch", [["ZZAA"], ["ZZAB"]], column_names=["symbol"])
    assert client.query("SELECT symbol FROM watch ORDER BY symbol").result_columns == [
        ["ZZAA", "ZZAB"]
    ]
    with pytest.raises(DatabaseError, match="UNKNOWN_TABLE"):
        gateway.client().query("SELECT * FROM watch")


def test_a_session_serves_one_request_at_a_time(gateway) -> None:
    first = gateway.client(session_id="shared")
    second = gateway.client(session_id="shared")
    sleeping = threading.Thread(target=lambda: first.command("SELECT sleep(1.5)"))
    sleeping.start()
    time.sleep(0.5)
    with pytest.raises(DatabaseError, match="SESSION_IS_LOCKED"):
        second.query("SELECT 1")
    sleeping.join()
    assert second.command("SELECT 1") == 1


def test_an_unknown_session_is_refused_where_it_must_exist(gateway) -> None:
    address = f"{gateway.url}/?query=SELECT+1&session_id=never&session_check=1"
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(address)
    assert b"SESSION_NOT_FOUND" in refused.value.read()


@pytest.mark.parametrize("encoding", ["lz4", "zstd", "gzip", False])
def test_every_compression_both_ways(gateway, database: str, encoding: str | bool) -> None:
    client = gateway.client(database=database, compress=encoding)
    client.command("CREATE TABLE t (n UInt64, s String) ORDER BY n")
    rows = [[number, f"row {number}"] for number in range(20_000)]
    client.insert("t", rows, column_names=["n", "s"])
    assert client.query("SELECT * FROM t ORDER BY n").result_rows == [tuple(row) for row in rows]
    assert client.raw_query("SELECT sum(n) FROM t") == b"199990000\n"


def test_rows_stream_in_blocks(client: Client) -> None:
    blocks, total = 0, 0
    with client.query_row_block_stream("SELECT number FROM numbers(3000000)") as stream:
        for block in stream:
            blocks += 1
            total += sum(row[0] for row in block)
    assert blocks > 10
    assert total == 3_000_000 * 2_999_999 // 2


def test_a_query_ends_when_its_client_goes_away(gateway, client: Client) -> None:
    running = "SELECT count() FROM system.processes WHERE query LIKE '%system.numbers%'"
    before = client.command(running)
    address = f"{gateway.url}/?query=SELECT+number+FROM+system.numbers"
    with urllib.request.urlopen(address) as answer:
        assert answer.readline() == b"0\n"
        assert client.command(running) == before + 1
    deadline = time.monotonic() + 5
    while client.command(running) > before:
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_an_error_within_a_stream_reaches_the_client(client: Client) -> None:
    query = "SELECT throwIf(number = 3000000, 'too far') FROM numbers(4000000)"
    with (
        pytest.raises(StreamFailureError, match="too far"),
        client.query_row_block_stream(query, settings={"max_threads": 1}) as stream,
    ):
        for _ in stream:
            pass


def test_arrow_and_pandas_results(client: Client) -> None:
    query = "SELECT number AS n, toString(number) AS s FROM numbers(1000)"
    assert client.query_arrow(query).column("n").to_pylist() == list(range(1000))
    assert client.query_df(query)["n"].sum() == 499_500
    assert isinstance(client.query_arrow(query), pyarrow.Table)


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        ("JSONEachRow", b'{"a":1,"b":"x"}\n'),
        ("CSVWithNames", b'"a","b"\n1,"x"\n'),
        ("TSV", b"1\tx\n"),
        ("Values", b"(1,'x')"),
    ],
)
def test_formats(client: Client, output: str, expected: bytes) -> None:
    assert client.raw_query("SELECT 1 AS a, 'x' AS b", fmt=output) == expected
    assert client.raw_query(f"SELECT 1 AS a, 'x' AS b FORMAT {output}") == expected
    assert client.raw_query(f"SELECT 1 AS a, 'x' AS b FORMAT {output} SETTINGS max_threads=1") == (
        expected
    )


def test_format_is_named_in_the_headers(gateway) -> None:
    statement = urllib.parse.quote("SELECT 'FORMAT CSV' AS format FORMAT JSON")
    with urllib.request.urlopen(f"{gateway.url}/?query={statement}") as answer:
        assert answer.headers["X-ClickHouse-Format"] == "JSON"
        assert answer.headers["Content-Type"].startswith("application/json")
        assert json.load(answer)["data"] == [{"format": "FORMAT CSV"}]


@pytest.mark.parametrize(
    "statement", ["EXISTS TABLE system.tables", "EXPLAIN SELECT 1", "DESCRIBE system.one"]
)
def test_statements_that_the_engine_does_not_stream(client: Client, statement: str) -> None:
    assert client.raw_query(statement)
    assert client.query(statement).result_rows


def test_results_without_rows(client: Client) -> None:
    assert client.query("SELECT 1 AS a WHERE 0").result_rows == []
    assert client.query_arrow("SELECT 1 AS a WHERE 0").column_names == ["a"]


def test_tables_that_come_with_the_query(client: Client) -> None:
    watch = ExternalData(
        file_name="watch", data=b"1\tZZ\\r\n2\tZZ\x00AB\n", structure=["id UInt32", "s String"]
    )
    rows = client.query("SELECT id, s FROM watch ORDER BY id", external_data=watch).result_rows
    assert rows == [(1, "ZZ\r"), (2, "ZZ\x00AB")]


def test_binary_data_within_a_statement(client: Client) -> None:
    data = {"$rows$": b"ZZ\xff,1\n' FORMAT CSV,2\n"}
    query = "SELECT hex(s) FROM format(CSV, 's String, n UInt8', $rows$) WHERE n = 1"
    assert client.query(query, parameters=data).result_rows == [("5A5AFF",)]


def test_long_parameters_travel_in_a_form(gateway) -> None:
    client = gateway.client(form_encode_query_params=True)
    long = "x" * 100_000
    assert client.query("SELECT length({t:String})", parameters={"t": long}).first_row == (100_000,)


def test_times_are_utc(gateway, client: Client) -> None:
    assert client.command("SELECT timezone()") == "UTC"
    now = client.command("SELECT now()")
    assert abs(datetime.fromisoformat(now) - datetime.utcnow()).total_seconds() < 60


def test_the_page_that_links_lead_to(gateway) -> None:
    with urllib.request.urlopen(f"{gateway.url}/play?user=default") as answer:
        assert answer.headers["Content-Type"].startswith("text/html")
        assert b"location.hash" in answer.read()


def test_health(gateway) -> None:
    for path in ("/ping", "/", "/replicas_status"):
        with urllib.request.urlopen(gateway.url + path) as answer:
            assert answer.read() == b"Ok.\n"
    with urllib.request.urlopen(f"{gateway.url}/healthz") as answer:
        facts = json.load(answer)
    assert facts["status"] == "ok"
    assert facts["version"].startswith("26.")
    assert facts["data_bytes"] >= 0
