"""Live views beside the candles, on cases computed by hand."""

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from checks_bars import second
from checks_live import Block, Extra, insert_block

from polygon_assets.defs.rollups.assets import ROLLUPS
from polygon_assets.defs.rollups.rebuild import rebuild_session
from polygon_assets.resources.clickhouse import ClickHouse
from polygon_assets.sessions import session, sessions_ending

pytestmark = pytest.mark.xdist_group("checks_clickhouse")

DAY = date(2012, 7, 5)
BEFORE = sessions_ending(DAY, 7)[:-1]
OPEN = session(DAY).open_at


def rows(clickhouse: ClickHouse, view: str, *columns: str) -> list[tuple[Any, ...]]:
    return clickhouse.query(f"SELECT {', '.join(columns)} FROM {{rollups}}.{view} ORDER BY ALL")


def command(clickhouse: ClickHouse, statement: str) -> None:
    with clickhouse.client() as client:
        client.command(clickhouse.render(statement))


def close_session(clickhouse: ClickHouse, day: date) -> None:
    for rollup in ROLLUPS:
        rebuild_session(clickhouse, rollup, day)


def test_session_vwap_against_the_vendors(ticks: ClickHouse) -> None:
    # 100 shares at 20.0625, then 300 at 30.0625; the first is replaced: 200 shares.
    insert_block(ticks, Block([second("AAPL", DAY, 1, 20, 100, version=1)]))
    vendor = Extra(accumulated_volume=1000, day_vwap=25.0)
    insert_block(ticks, Block([second("AAPL", DAY, 90, 30, 300, version=2)], vendor))
    insert_block(ticks, Block([second("AAPL", DAY, 1, 20, 200, version=3)]))
    insert_block(ticks, Block([second("ZZAA", DAY, 5, 10, 50, version=4)]))
    found = rows(
        ticks,
        "session_vwap",
        *("symbol", "volume", "vwap", "vendor_volume", "vendor_vwap"),
        *("vwap_difference", "volume_covered"),
    )
    vwap = (200 * 20.0625 + 300 * 30.0625) / 500
    assert found == [
        ("AAPL", 500, pytest.approx(vwap), 1000, 25, pytest.approx(vwap / 25 - 1), 0.5),
        ("ZZAA", 50, pytest.approx(10.0625), 0, 0, None, None),
    ]


def test_movers_since_open_and_previous_close(ticks: ClickHouse) -> None:
    insert_block(ticks, Block([second("AAPL", BEFORE[-1], 1, 39.875, version=1)]))
    insert_block(ticks, Block([second("AAPL", BEFORE[-2], 1, 10, version=1)]))
    insert_block(ticks, Block([second("OLD", date(2012, 6, 18), 1, 10, version=1)]))
    for day in (BEFORE[-1], BEFORE[-2], date(2012, 6, 18)):
        close_session(ticks, day)
    official = Extra(day_open=40.0)
    insert_block(ticks, Block([second("AAPL", DAY, 1, 41, 100, version=2)], official))
    insert_block(ticks, Block([second("AAPL", DAY, 600, 43.875, 300, version=3)], official))
    insert_block(ticks, Block([second("OLD", DAY, 2, 20, 5, version=4)]))
    columns = ("symbol", "last_price", "day_open", "volume", "previous_close", "previous_session")
    found = rows(ticks, "movers", *columns, "change_open", "change")
    assert found == [
        ("AAPL", 44, 40, 400, 40, BEFORE[-1], pytest.approx(0.1), pytest.approx(0.1)),
        # No official open, and its earlier session is too old.
        ("OLD", 20.125, 20, 5, None, None, pytest.approx(0.00625), None),
    ]


def test_unusual_volume_against_the_same_time_of_earlier_sessions(ticks: ClickHouse) -> None:
    for number, day in enumerate(BEFORE):
        version = 10 * number
        bars = [second("AAPL", day, 10, volume=100 + number, version=version + 1)]
        bars.append(second("AAPL", day, 3000, volume=9999, version=version + 2))  # later in the day
        if number >= 2:
            bars.append(second("YOUNG", day, 10, volume=7, version=version + 3))
        insert_block(ticks, Block(bars))
        close_session(ticks, day)
    # The newest bar lies in 09:40 to 09:45: what is compared ends at 09:40.
    today = [second("AAPL", DAY, 20, volume=205, version=100)]
    today += [second("AAPL", DAY, 70, volume=205, version=101)]
    today += [second("YOUNG", DAY, 30, volume=50, version=102)]
    today += [second("AAPL", DAY, 610, volume=5000, version=103)]
    insert_block(ticks, Block(today))
    columns = ("symbol", "until", "volume", "sessions", "usual_volume", "ratio")
    assert rows(ticks, "unusual_volume", *columns) == [
        ("AAPL", 9 * 60 + 40, 410, 6, 102.5, 4.0),
        ("YOUNG", 9 * 60 + 40, 50, 4, None, None),  # four sessions are no profile
    ]


def test_a_halt_is_in_force_until_trading_resumes(ticks: ClickHouse) -> None:
    insert_block(ticks, Block([second("AAPL", DAY, 300, version=1)]))  # the clock: 13:35:00
    at = {minute: OPEN + timedelta(minutes=minute) for minute in range(4)}
    events = [
        ("HALTED", [17], at[1], 1, 11.0),
        ("BAND", [1], at[1], 2, 12.0),  # no more than a new price band
        ("RESUMED", [17], at[1], 3, 13.0),
        ("RESUMED", [18], at[2], 4, 13.0),
        ("AGAIN", [17], at[0], 5, 14.0),
        ("AGAIN", [18], at[1], 6, 14.0),
        ("AGAIN", [17, 2], at[3], 7, 15.0),
        ("SAME", [17], at[1], 9, 16.0),  # in one millisecond the sequence decides
        ("SAME", [18], at[1], 8, 16.0),
        ("HALTED", [1], at[2], 10, 99.0),  # a band during the halt
    ]
    for symbol, indicators, moment, sequence, high in events:
        command(
            ticks,
            "INSERT INTO {ticks}.halts "
            "(symbol, upper_price, lower_price, indicators, tape, event_at, sequence) "
            f"VALUES ('{symbol}', {high}, 1, {indicators}, 3, "
            f"'{moment:%Y-%m-%d %H:%M:%S}', {sequence})",
        )
    found = rows(ticks, "halts_in_force", "symbol", "upper_price", "tape", "halted_seconds")
    assert found == [("AGAIN", 15.0, 3, 120), ("HALTED", 11.0, 3, 240), ("SAME", 16.0, 3, 240)]


def test_silence_against_the_symbols_own_rhythm(ticks: ClickHouse) -> None:
    # FAST every 2 s up to 60, of which one gap is 10; SLOW every 30 s; RARE too few for a rhythm.
    fast = [*range(0, 42, 2), 50, *range(52, 62, 2)]
    slow = list(range(0, 660, 30))
    blocks = {"FAST": fast, "SLOW": slow, "RARE": [0, 400, 690]}
    for symbol, starts in blocks.items():
        bars = [second(symbol, DAY, start, version=start) for start in starts]
        again = replace(bars[0], kafka_offset=10_000)
        for block in (bars, [again]):
            insert_block(ticks, Block(block))
    columns = ("symbol", "silence", "gap_count", "gap_p50", "gap_p95", "ratio_p50", "ratio_p95")
    assert rows(ticks, "staleness", *columns) == [
        ("FAST", 630, 26, 2, 2, 315.0, 315.0),
        ("RARE", 0, 2, None, None, None, None),
        ("SLOW", 60, 21, 30, 30, 2.0, 2.0),
    ]
    assert {row[0] for row in rows(ticks, "staleness", "clock")} == {
        (OPEN + timedelta(seconds=690)).replace(tzinfo=None)
    }


def test_latency_with_and_without_the_feeds_delay(ticks: ClickHouse) -> None:
    """Receipt 900.1 to 900.4 s after the second; two inserts of two bars each."""
    for number, delay in enumerate((100, 200, 300, 400)):
        bar = second("AAPL", DAY, number, version=number)
        received = bar.bar_start + timedelta(seconds=901, milliseconds=delay)
        insert_block(ticks, Block([bar], Extra(2, received_at=received)))
    resent = second("AAPL", DAY, -3600, version=5)  # an hour old: no latency of the stream
    for number, bar in ((4, second("AAPL", DAY, 700, version=4)), (5, resent)):
        received = OPEN + timedelta(seconds=700 + 901, milliseconds=number)
        insert_block(ticks, Block([bar], Extra(2, received_at=received)))
    for first, last, seconds in ((0, 1, 902.5), (2, 3, 904.5), (4, 5, 1602.0)):
        moment = OPEN + timedelta(seconds=seconds)
        for topic in ("local.stocks.agg.1s", "local.stocks.trades"):
            late = moment if topic.endswith("agg.1s") else moment + timedelta(hours=1)
            command(
                ticks,
                "INSERT INTO {ticks}.sink_batches VALUES "
                f"('{topic}', 2, {first}, {last}, 2, '{late:%Y-%m-%d %H:%M:%S.%f}', {last * 10})",
            )
    columns = ("minute", "bars", "lag", "feed_delay", "received_p99", "gross_p50", "queryable_p50")
    minute = OPEN.replace(tzinfo=None)
    # Queryable after 901.5, 900.5, 901.5, 900.5 s.
    assert rows(ticks, "latency", *columns) == [
        (minute, 4, 30, 900_100, 300, 901_500, 1_400),
        (minute + timedelta(minutes=11), 1, 50, 900_004, 0, 901_000, 996),
    ]
