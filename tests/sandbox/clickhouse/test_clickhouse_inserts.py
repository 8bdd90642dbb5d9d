import gzip
import socket
import time
from concurrent.futures import ThreadPoolExecutor

import lz4.frame
import pandas
import pyarrow
import pytest
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import DatabaseError

BARS = """CREATE TABLE bars (symbol LowCardinality(String), bar_start DateTime64(3, 'UTC'),
    close Float64, volume Float64) ORDER BY (symbol, bar_start)"""
COLUMNS = ["symbol", "bar_start", "close", "volume"]


@pytest.fixture
def bars(client: Client) -> Client:
    client.command(BARS)
    return client


def count(client: Client, table: str = "bars") -> int:
    return client.command(f"SELECT count() FROM {table}")


def test_python_rows_frames_and_arrow_tables(bars: Client) -> None:
    start = pandas.Timestamp("2026-11-20 14:30:00", tz="UTC")
    row = ["ZZAA", start.to_pydatetime(), 10.25, 100.5]
    assert bars.insert("bars", [row], column_names=COLUMNS).written_rows == 1
    frame = pandas.DataFrame([row], columns=COLUMNS)
    bars.insert_df("bars", frame)
    bars.insert_arrow("bars", pyarrow.Table.from_pandas(frame, preserve_index=False))
    stored = bars.query("SELECT DISTINCT symbol, toString(bar_start), close, volume FROM bars")
    assert stored.result_rows == [("ZZAA", "2026-11-20 14:30:00.000", 10.25, 100.5)]
    assert count(bars) == 3


@pytest.mark.parametrize(
    ("row_format", "rows"),
    [
        ("JSONEachRow", b'{"symbol":"ZZAA","bar_start":"2026-11-20 14:30:00","close":1.5}\n'),
        ("CSV", b"ZZAA,2026-11-20 14:30:00,1.5,\n"),
        ("CSVWithNames", b"close,symbol,bar_start\n1.5,ZZAA,2026-11-20 14:30:00\n"),
        ("TSV", b"ZZAA\t2026-11-20 14:30:00\t1.5\t0\n"),
        ("Values", b"('ZZAA', '2026-11-20 14:30:00', 1.5, 0)"),
    ],
)
def test_raw_rows(bars: Client, row_format: str, rows: bytes) -> None:
    bars.raw_insert("bars", insert_block=rows, fmt=row_format)
    assert bars.query("SELECT symbol, close, volume FROM bars").result_rows == [("ZZAA", 1.5, 0)]


@pytest.mark.parametrize("encoding", ["gzip", "zstd", "lz4"])
def test_raw_rows_compressed_by_the_caller(bars: Client, encoding: str) -> None:
    rows = b"".join(b"ZZAA,2026-11-20 14:30:00,%d,0\n" % number for number in range(100_000))
    pack = {
        "gzip": gzip.compress,
        "zstd": pyarrow.Codec("zstd").compress,
        # Two frames, one behind the other, are one body.
        "lz4": lambda data: lz4.frame.compress(data[:300]) + lz4.frame.compress(data[300:]),
    }[encoding]
    bars.raw_insert("bars", insert_block=bytes(pack(rows)), fmt="CSV", compression=encoding)
    assert bars.query("SELECT count(), sum(close) FROM bars").first_row == (100_000, 4_999_950_000)


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO bars VALUES ('FORMAT CSV', '2026-11-20 14:30:00', 1, 2)",
        "INSERT INTO bars (symbol, close) SELECT 'x', 1 SETTINGS max_threads = 1",
        "INSERT INTO bars SELECT 'a', now64(), 1, 2 FROM format(CSV, 'x String', 'q')",
        'INSERT INTO bars FORMAT JSONEachRow {"symbol": "a"}',
        '-- FORMAT CSV\ninsert into bars /* FORMAT */ format JSONEachRow\n{"symbol": "a"}',
        "INSERT INTO bars (symbol) SETTINGS input_format_csv_skip_first_lines = 1"
        " FORMAT CSV\na\nb\n",
        "INSERT INTO `bars` (`symbol`) FORMAT CSV \r\na\n",
    ],
)
def test_ways_to_write_an_insert(bars: Client, statement: str) -> None:
    bars.raw_query(statement)
    assert count(bars) == 1


def test_statement_in_the_address_rows_in_the_body(bars: Client) -> None:
    bars.command("INSERT INTO bars (symbol) FORMAT JSONEachRow", data='{"symbol": "a"}\n')
    bars.command("INSERT INTO bars (symbol) VALUES", data="('b'), ('c')")
    assert count(bars) == 3


def test_parameters_in_an_insert(bars: Client) -> None:
    bars.raw_query("INSERT INTO {t:Identifier} (symbol) FORMAT CSV\nx\n", parameters={"t": "bars"})
    assert count(bars) == 1


def test_ephemeral_columns_feed_defaults(client: Client) -> None:
    client.command(
        "CREATE TABLE bars (symbol String, s UInt64 EPHEMERAL,"
        " bar_start DateTime64(3, 'UTC') DEFAULT fromUnixTimestamp64Milli(s, 'UTC'),"
        " session_date Date DEFAULT toDate(bar_start, 'America/New_York')) ORDER BY symbol"
    )
    client.raw_insert(
        "bars",
        column_names=["symbol", "s"],
        insert_block=b'{"symbol":"ZZAA","s":1795228200000,"unused":{"a":[1]}}\n',
        fmt="JSONEachRow",
        settings={"input_format_skip_unknown_fields": 1},
    )
    stored = client.query("SELECT symbol, toString(bar_start), toString(session_date) FROM bars")
    assert stored.result_rows == [("ZZAA", "2026-11-21 02:30:00.000", "2026-11-20")]


def test_rows_through_a_select_over_input(bars: Client) -> None:
    bars.raw_query(
        "INSERT INTO bars (symbol, close) SELECT upper(sym), c FROM"
        " (SELECT * FROM input('sym String, c Float64')) WHERE c > 1"
        " SETTINGS input_format_skip_unknown_fields = 1 FORMAT JSONEachRow\n"
        '{"sym":"a","c":1}\n{"sym":"b","c":2,"d":0}\n{"sym":"c","c":3}\n'
    )
    assert bars.query("SELECT symbol, close FROM bars ORDER BY symbol").result_rows == [
        ("B", 2.0),
        ("C", 3.0),
    ]


def test_a_body_cut_short_stores_nothing(gateway, bars: Client, database: str) -> None:
    address = f"/?database={database}&query=INSERT+INTO+bars+(symbol)+FORMAT+CSV"
    for framing in (
        b"Content-Length: 100\r\n\r\na\nb\n",
        b"Transfer-Encoding: chunked\r\n\r\n4\r\na\nb\n",
    ):
        with socket.create_connection(("127.0.0.1", gateway.port)) as connection:
            connection.sendall(
                b"POST %s HTTP/1.1\r\nHost: localhost\r\n%s" % (address.encode(), framing)
            )
        time.sleep(0.2)
    half = lz4.frame.compress(b"a\nb\n" * 1000)[:-10]
    with pytest.raises(DatabaseError, match="ends too early"):
        bars.raw_insert("bars", ["symbol"], half, fmt="CSV", compression="lz4")
    assert count(bars) == 0


def test_writers_and_readers_at_once(gateway, bars: Client, database: str) -> None:
    def write(writer: int) -> None:
        client = gateway.client(database=database)
        for batch in range(20):
            rows = [[f"ZZ{writer}", batch, 1.0, 1.0]] * 50
            client.insert("bars", rows, column_names=COLUMNS)

    def read(_: int) -> list[int]:
        client = gateway.client(database=database)
        return [count(client) for _ in range(40)]

    with ThreadPoolExecutor(6) as pool:
        readers = [pool.submit(read, number) for number in range(2)]
        writers = [pool.submit(write, number) for number in range(3)]
        bars.command("OPTIMIZE TABLE bars")
        for writer in writers:
            writer.result()
        seen = [reader.result() for reader in readers]
    assert count(bars) == 3 * 20 * 50
    for counts in seen:
        assert counts == sorted(counts)
        assert all(number % 50 == 0 for number in counts)
