"""What ClickHouse stores of a message is what a JSON parser reads in it; the rest is rejected.

The same message must fare the same whether ClickHouse takes its batch at once or refuses it for the
sake of another message: every example is written alone and next to a broken one.
"""

import itertools
import json
import math
from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from polygon_stream.batches import Batch, Plan
from polygon_stream.channels import CHANNELS, Channel
from polygon_stream.settings import ClickHouseSettings
from polygon_stream.tick_writer import TickWriter
from streaming_helpers import bar

CHANNEL = {channel.name: channel for channel in CHANNELS}
topics = itertools.count()


class Arrived:
    """A message as the consumer gives it."""

    def __init__(self, offset: int, value: bytes | None, headers=None) -> None:
        self._offset, self._value, self._headers = offset, value, headers

    def offset(self) -> int:
        return self._offset

    def partition(self) -> int:
        return 0

    def value(self) -> bytes | None:
        return self._value

    def key(self) -> bytes:
        return b"key"

    def headers(self):
        return self._headers

    def timestamp(self) -> tuple[int, int]:
        return (1, 1_700_000_000_000 + self._offset)

    def __len__(self) -> int:
        return len(self._value or b"")


@pytest.fixture(scope="session")
def writer(clickhouse):
    writer = TickWriter(ClickHouseSettings(url=f"http://127.0.0.1:{clickhouse.port}"), "contract")
    yield writer
    writer.close()


def write(writer: TickWriter, channel: Channel, messages: list[Arrived], **facts) -> Batch:
    """Write them as one batch of a topic of their own."""
    topic = f"t{next(topics)}"
    last = messages[-1].offset()
    batch = Batch(channel, topic, 0, Plan(messages[0].offset(), last, 1), messages, **facts)
    writer._connected().command(f"TRUNCATE TABLE contract.{channel.table}")
    writer.insert(batch)
    return batch


def stored(writer: TickWriter, channel: Channel, columns: str) -> dict[int, tuple]:
    """Rows by offset."""
    query = f"SELECT kafka_offset, {columns} FROM contract.{channel.table} ORDER BY ALL"
    return {row[0]: row[1:] for row in writer._connected().query(query).result_rows}


BAR_COLUMNS = "symbol, toUnixTimestamp(bar_start), open, high, low, close, volume, vwap"


def bar_as_read(value: bytes) -> tuple:
    """The row of a bar by Python's JSON parser."""
    event = json.loads(value)
    volume = event["v"] if event.get("dv") is None else event["dv"]
    prices = [float(event[name]) for name in ("o", "h", "l", "c")]
    start = float(event["s"]) // 1000
    return (event["sym"], start, *prices, float(volume), float(event["vw"]))


def check_bars(writer: TickWriter, values: list[bytes | None]) -> set[int]:
    """Write alone and next to a broken message; the offsets that were stored."""
    messages = [Arrived(offset, value) for offset, value in enumerate(values)]
    alone = write(writer, CHANNEL["agg_1s"], messages)
    rows = stored(writer, CHANNEL["agg_1s"], BAR_COLUMNS)
    broken = Arrived(len(messages), b"broken")
    beside = write(writer, CHANNEL["agg_1s"], [*messages, broken])
    assert stored(writer, CHANNEL["agg_1s"], BAR_COLUMNS) == rows
    rejected = {reject.message.offset() for reject in alone.rejects}
    assert {r.message.offset() for r in beside.rejects} == rejected | {len(messages)}
    assert rejected | rows.keys() == set(range(len(messages)))
    assert not rejected & rows.keys()
    assert alone.rows == len(rows)
    for offset, row in rows.items():
        assert row == bar_as_read(values[offset] or b""), values[offset]
    return set(rows)


# Every symbol is another key: replaced bars would be merged away.
GOOD = json.dumps(bar("GOOD", 1)).encode()

ODD_VALUES = [
    *("NaN", "Infinity", "-Infinity", "nan", "inf", "null", "true", "false", "-0", "-0.0", "-1"),
    *("0", "1e400", "-1e400", "1e308", "5e-324", "1e-400", "01", "+1", ".5", "5.", "1e", "1_0"),
    *("0x10", "0.1", "0.30000000000000004", "123456789012345678901234567890", "1 2", "1.5.2"),
    *("9007199254740993", "18446744075409551616", "18446745773709551616", "1.7e12", "1.5", "1e3"),
    *('"1.5"', '"abc"', '""', '"1e400"', '"NaN"', '"\\u0000"', '"a\\u0000b"', '"\\ud83d\\ude00"'),
    *('"\\ud800"', '"\\q"', "[]", "[1]", "{}", '{"a":[1,{"b":2}]}', '"}{"', '"a\\nb"', "'x'"),
]
FIELDS = ["sym", "v", "vw", "o", "c", "h", "l", "s", "e", "av", "op", "a", "z", "dv", "dav"]
FIELDS += ["zz", "kafka_offset", "kafka_partition", "received_ms", "symbol", "open"]


def with_value(field: str, text: str, symbol: str = "GOOD") -> bytes:
    """A bar with this text as the value of a field."""
    event = bar(symbol, 1)
    event.pop(field, None)
    return f'{json.dumps(event)[:-1]}, "{field}": {text}}}'.encode()


@pytest.mark.slow
@pytest.mark.parametrize("field", ["sym", "v", "o", "s", "av", "z", "dv", "zz", "kafka_offset"])
def test_odd_values(writer, field):
    """One by one, so that no reject hides another."""
    for text in ODD_VALUES:
        check_bars(writer, [with_value(field, text)])


ODD_MESSAGES = [
    *(None, b"", b" ", b"{}", b"[]", b"null", b"{", b"}", b"\x00", b"\xff\xfe", b"1", b'"x"'),
    b"\xef\xbb\xbf" + GOOD,
    GOOD + GOOD,
    GOOD + b"\n" + GOOD,
    GOOD + b",",
    GOOD + b" ",
    b" " + GOOD,
    b"[" + GOOD + b"]",
    GOOD.replace(b", ", b",\n "),
    GOOD.replace(b", ", b",\r\n\t"),
    GOOD[:-1],
    GOOD[:-1] + b",}",
    GOOD[:-1] + b', "o": 3.5}',
    GOOD[:-1] + b', "zz": 3, "zz": 4}',
    GOOD[:-1] + b', "zz": "\xff"}',
    GOOD[:-1] + b', "zz": "}{"}',
    GOOD[:-1] + b', "zz": {"o": 3}}',
    GOOD[:-1] + b" /* no */}",
    GOOD.replace(b'"o"', b'"\\u006f"'),
    GOOD.replace(b"GOOD", b"G\xffOD"),
    GOOD.replace(b"GOOD", "GÖÖD".encode()),
    GOOD.replace(b"GOOD", b""),
    b"x" + GOOD[1:],
    b"{" + GOOD,
    b"{," + GOOD[1:],
]


def test_odd_messages(writer):
    for value in ODD_MESSAGES:
        check_bars(writer, [value])


def test_odd_messages_do_not_touch_their_neighbours(writer):
    values: list[bytes | None] = []
    for number, value in enumerate(ODD_MESSAGES):
        renamed = None if value is None else value.replace(b"GOOD", b"ODD%d" % number)
        values += [renamed, json.dumps(bar(f"N{number}", 1)).encode()]
    assert set(range(1, len(values), 2)) <= check_bars(writer, values)


texts = st.one_of(
    st.sampled_from(ODD_VALUES),
    st.floats().map(json.dumps),
    st.integers().map(str),
    st.floats(min_value=1e-9, max_value=1e9).map(json.dumps),
    st.decimals(places=18, min_value=0, max_value=10**6).map(str),
    st.text(max_size=8).map(json.dumps),
)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(st.tuples(st.sampled_from(FIELDS), texts), min_size=1, max_size=6), st.data())
def test_rows_and_rejects_are_the_messages(writer, changes, data):
    values = [with_value(field, text, f"S{n}") for n, (field, text) in enumerate(changes)]
    cut = data.draw(st.integers(0, len(values[0])))
    junk = data.draw(st.binary(max_size=3))
    values.append(values[0][:cut] + junk + values[0][cut:])
    symbols = [read_symbol(value) for value in values]
    if len(set(symbols)) == len(symbols):  # else one bar replaces another, as it should
        check_bars(writer, values)


def read_symbol(value: bytes) -> object:
    try:
        return str(json.loads(value)["sym"])
    except (ValueError, KeyError, TypeError):
        return value


@pytest.mark.parametrize("number", [0.1 + 0.2, 1 / 3, 123.4567891234567, 5e-324, 1.1e-7, 2**53 + 1])
def test_numbers_are_the_nearest_double(writer, number):
    value = json.dumps(bar("A", 1) | {"o": number}).encode()
    write(writer, CHANNEL["agg_1s"], [Arrived(0, value)])
    assert math.isclose(stored(writer, CHANNEL["agg_1s"], "open")[0][0], number, rel_tol=0)


TRADE = {"ev": "T", "sym": "MSFT", "x": 4, "i": "12345", "z": 3, "p": 114.125, "s": 100}
TRADE |= {"c": [0, 12], "t": 1536036818784, "q": 3681328, "trfi": 3, "trft": 1536036818780}
QUOTE = {"ev": "Q", "sym": "MSFT", "bx": 4, "bp": 114.125, "bs": 100, "ax": 7, "ap": 114.128}
QUOTE |= {"as": 160, "c": 0, "i": [604], "t": 1536036818784, "q": 50385480, "z": 3}
HALT = {"ev": "LULD", "T": "MSFT", "h": 218.94, "l": 198.1, "i": [17], "z": 3}
HALT |= {"t": 1601316752683746, "q": 12}
AT = datetime(2018, 9, 4, 4, 53, 38, 784000)

CASES = [
    (
        *("trades", TRADE),
        "symbol, traded_at, price, size, exchange, tape, conditions, sequence, trade_id, facility",
        ("MSFT", AT, 114.125, 100.0, 4, 3, [0, 12], 3681328, "12345", 3),
    ),
    ("trades", TRADE | {"ds": "0.25", "s": 0}, "size", (0.25,)),
    ("trades", {"sym": "A", "p": 1, "s": 2, "t": 1536036818784}, "price, conditions", (1.0, [])),
    (
        *("quotes", QUOTE),
        "symbol, quoted_at, bid_price, bid_size, bid_exchange, ask_price, ask_size, ask_exchange, "
        "condition, indicators, sequence, tape",
        ("MSFT", AT, 114.125, 100.0, 4, 114.128, 160.0, 7, 0, [604], 50385480, 3),
    ),
    ("quotes", {"sym": "A", "t": 1536036818784, "bp": 1}, "bid_price, ask_price", (1.0, 0.0)),
    (
        *("luld", HALT),
        "symbol, event_at, upper_price, lower_price, indicators, tape, sequence",
        ("MSFT", datetime(2020, 9, 28, 18, 12, 32, 683746), 218.94, 198.1, [17], 3, 12),
    ),
    ("luld", HALT | {"t": 1536036818784}, "event_at", (AT,)),
    ("agg_1m", bar("A", 60) | {"ev": "AM"}, "symbol, volume", ("A", 100.0)),
]


@pytest.mark.parametrize(("name", "event", "columns", "row"), CASES)
def test_the_columns_of_each_channel(writer, name, event, columns, row):
    message = Arrived(0, json.dumps(event).encode())
    for messages in ([message], [message, Arrived(1, b"broken")]):
        batch = write(writer, CHANNEL[name], messages)
        assert stored(writer, CHANNEL[name], columns) == {0: row}
        assert [reject.message.offset() for reject in batch.rejects] == [1] * (len(messages) - 1)


BAD = [
    *(("trades", TRADE | change) for change in [{"x": 70_000}, {"c": [65_536]}, {"q": 1 << 64}]),
    *(("trades", TRADE | change) for change in [{"p": 0}, {"s": -1}, {"t": 1}, {"sym": ""}]),
    *(("trades", TRADE | change) for change in [{"x": 1.5}, {"c": [-1]}, {"q": 0.5}, {"p": None}]),
    *(("quotes", QUOTE | change) for change in [{"bx": -1}, {"bp": -1}, {"as": "x"}, {"i": [1.5]}]),
    *(("luld", HALT | change) for change in [{"t": 5_000_000_000_000}, {"T": ""}, {"h": -1}]),
]


@pytest.mark.parametrize(("name", "event"), BAD)
def test_what_a_column_cannot_hold_is_rejected(writer, name, event):
    batch = write(writer, CHANNEL[name], [Arrived(0, json.dumps(event).encode())])
    assert len(batch.rejects) == 1
    assert stored(writer, CHANNEL[name], "symbol") == {}


def test_gaps(writer):
    record = {"disconnected_at": "2026-11-20T15:04:05.123+00:00", "reason": "closed: 1001"}
    record |= {"reconnected_at": "2026-11-20T10:04:07.456-05:00", "last_event_at": None, "more": 1}
    text = json.dumps(record)
    batch = write(writer, CHANNEL["gaps"], [Arrived(0, text.encode()), Arrived(1, b"{}")])
    assert [reject.message.offset() for reject in batch.rejects] == [1]
    columns = "disconnected_at, reconnected_at, last_event_at, reason, record"
    times = (
        datetime(2026, 11, 20, 15, 4, 5, 123000),
        datetime(2026, 11, 20, 15, 4, 7, 456000),
    )
    rows = stored(writer, CHANNEL["gaps"], columns)
    assert rows == {0: (*times, None, "closed: 1001", text)}


def test_every_dead_letter_is_a_row(writer):
    headers = [("reason", b"no json \xff"), ("source", b"sink"), ("topic", b"stocks.agg.1s")]
    headers += [("partition", b"2"), ("offset", b"77"), ("bytes", b"2000000")]
    messages = [
        Arrived(0, b"\x00\xff\n{", headers),
        Arrived(1, None),
        Arrived(2, b"x", [("offset", b"many"), ("partition", b"99999"), ("bytes", b"-1")]),
    ]
    batch = write(writer, CHANNEL["dead_letter"], messages)
    assert batch.rejects == []
    columns = "hex(message), reason, source, source_topic, source_partition, source_offset"
    assert stored(writer, CHANNEL["dead_letter"], f"{columns}, message_bytes, message_key") == {
        0: ("00FF0A7B", "no json �", "sink", "stocks.agg.1s", 2, 77, 2_000_000, "key"),
        1: ("", "", "", "", None, None, 0, "key"),
        2: ("78", "", "", "", None, None, 1, "key"),
    }


def test_when_only_clickhouse_refuses_the_rows_it_is_asked_which(writer, monkeypatch):
    """Our own parser takes these after all, as if the table were stricter than the contract."""
    client = writer._connected()
    values = [json.dumps(bar(f"S{n}", n)).encode() for n in range(50)]
    write(writer, CHANNEL["agg_1s"], [Arrived(0, values[0])])
    strict = "ALTER TABLE contract.bars_1s ADD CONSTRAINT strict CHECK symbol NOT IN ('S7', 'S31')"
    client.command(strict)
    try:
        messages = [Arrived(n, value) for n, value in enumerate(values)]
        batch = write(writer, CHANNEL["agg_1s"], messages)
        rows = stored(writer, CHANNEL["agg_1s"], "symbol")
    finally:
        client.command("ALTER TABLE contract.bars_1s DROP CONSTRAINT strict")
    assert rows.keys() == set(range(50)) - {7, 31}
    assert [reject.message.offset() for reject in batch.rejects] == [7, 31]
    assert all("strict" in reject.reason for reject in batch.rejects)


def test_times_are_utc(writer):
    write(writer, CHANNEL["agg_1s"], [Arrived(5, GOOD)])
    received = stored(writer, CHANNEL["agg_1s"], "received_at")[5][0]
    assert received.replace(tzinfo=UTC).timestamp() == 1_700_000_000.005
