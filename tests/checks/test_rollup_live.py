"""Live rollups are exact after every block, however the bars arrive."""

from dataclasses import replace
from datetime import date

import pytest
from checks_bars import Second, random_seconds, rolled_up, same, second
from checks_live import Block, deliveries, insert_block, live
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from polygon_assets.defs.rollups.assets import BARS_1M, ROLLUPS
from polygon_assets.defs.rollups.rebuild import rebuild_session
from polygon_assets.resources.clickhouse import ClickHouse

pytestmark = [pytest.mark.xdist_group("checks_clickhouse"), pytest.mark.timeout(1200)]

DAY, NEXT = date(2012, 7, 5), date(2012, 7, 6)
SYMBOLS = ["AAPL", "MSFT", "ZZAA"]


def session_of_bars(seed: int) -> list[Second]:
    """A few minutes with many bars each, revised and repeated; hours apart, so that days differ."""
    bars = random_seconds(DAY, seed, SYMBOLS, 5)
    for symbol in SYMBOLS:
        near = [second(symbol, DAY, at, price=20 + at % 7) for at in range(0, 150, 25)]
        revised = [replace(bar, close=bar.close + 0.0625, volume=0.75) for bar in near[::2]]
        bars += [*near, *revised, *near[1::4]]
    return [replace(bar, kafka_offset=offset) for offset, bar in enumerate(bars, 1)]


def command(clickhouse: ClickHouse, *statements: str) -> None:
    with clickhouse.client() as client:
        for statement in statements:
            client.command(clickhouse.render(statement))


def clear(clickhouse: ClickHouse) -> None:
    command(clickhouse, "TRUNCATE TABLE {ticks}.bars_1s")


def sessions_so_far(clickhouse: ClickHouse) -> dict[str, tuple[float, ...]]:
    """What the views of the whole market say: symbol -> last price, shares, shares, VWAP."""
    rows = clickhouse.query(
        "SELECT m.symbol, m.last_price, m.volume, v.volume, v.vwap FROM {rollups}.movers AS m "
        "JOIN {rollups}.session_vwap AS v ON m.symbol = v.symbol"
    )
    return {row[0]: row[1:] for row in rows}


def assert_exact(clickhouse: ClickHouse, arrived: list[Second]) -> None:
    for name, found in live(clickhouse).items():
        assert same(found, rolled_up(arrived, name)), name


def assert_market_exact(clickhouse: ClickHouse, arrived: list[Second]) -> None:
    wanted = {
        symbol: pytest.approx((close, volume, volume, vwap))
        for (symbol, _), (_, _, _, close, volume, vwap, _) in rolled_up(arrived, "bars_1d").items()
    }
    assert sessions_so_far(clickhouse) == wanted


PROPERTY = settings(
    max_examples=3,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


@given(data=st.data(), seed=st.integers(0, 10_000))
@PROPERTY
def test_exact_after_every_block(ticks: ClickHouse, data: st.DataObject, seed: int) -> None:
    clear(ticks)
    arrived: list[Second] = []
    for number, block in enumerate(data.draw(deliveries(session_of_bars(seed)))):
        insert_block(ticks, block)
        arrived += block.bars
        if number % 4 == 3:
            command(ticks, "OPTIMIZE TABLE {ticks}.bars_1s FINAL")
        assert_exact(ticks, arrived)
        assert_market_exact(ticks, arrived)


def test_minutes_that_add_up_what_arrives_are_wrong(ticks: ClickHouse) -> None:
    """The property can fail: a view that sums blocks counts replaced bars twice."""
    command(
        ticks,
        "CREATE TABLE {rollups}.naive (symbol String, minute DateTime, volume Float64) "
        "ENGINE = SummingMergeTree ORDER BY (symbol, minute) "
        "SETTINGS non_replicated_deduplication_window = 1000",
        "CREATE MATERIALIZED VIEW {rollups}.naive_feed TO {rollups}.naive AS "
        "SELECT s.symbol AS symbol, toStartOfMinute(s.bar_start) AS minute, "
        "sum(s.volume) AS volume FROM {ticks}.bars_1s AS s GROUP BY symbol, minute",
    )
    try:
        bars = session_of_bars(1)
        for start in range(0, len(bars), 10):
            insert_block(ticks, Block(bars[start : start + 10]))
        assert_exact(ticks, bars)
        found = ticks.query("SELECT symbol, sum(volume) FROM {rollups}.naive GROUP BY symbol")
        wanted = {symbol: day[4] for (symbol, _), day in rolled_up(bars, "bars_1d").items()}
        assert all(volume > wanted[symbol] for symbol, volume in found)
    finally:
        command(ticks, "DROP VIEW {rollups}.naive_feed", "DROP TABLE {rollups}.naive")


def test_a_batch_that_is_sent_again_changes_nothing(ticks: ClickHouse) -> None:
    first = Block([second("AAPL", DAY, at, version=at) for at in range(1, 50)])
    later = Block([second("AAPL", DAY, 30, price=40, version=90)])
    for block in (first, first, later, first, later):
        insert_block(ticks, block)
    assert_exact(ticks, [*first.bars, *later.bars])


def test_one_name_for_open_and_closed_sessions(ticks: ClickHouse) -> None:
    days = {
        day: [second("AAPL", day, at, version=at) for at in (1, 70, 4000)] for day in (DAY, NEXT)
    }
    for bars in days.values():
        insert_block(ticks, Block(bars))
    everything = [bar for bars in days.values() for bar in bars]
    assert_exact(ticks, everything)
    for rollup in ROLLUPS:  # while some widths are final already and others not
        rebuild_session(ticks, rollup, DAY)
        assert_exact(ticks, everything)
    # A late correction of a final session is not shown before its rebuild.
    insert_block(ticks, Block([second("AAPL", DAY, 1, volume=1e6, version=500)]))
    assert_exact(ticks, everything)


def test_filters_reach_the_tables(ticks: ClickHouse) -> None:
    for day in (DAY, NEXT):
        insert_block(ticks, Block([second("AAPL", day, at) for at in (1, 70)]))
        rebuild_session(ticks, BARS_1M, DAY)
    for width in ("1m", "5m"):
        plan = "\n".join(
            row[0]
            for row in ticks.query(
                f"EXPLAIN indexes = 1 SELECT * FROM {{rollups}}.candles_{width} "
                f"WHERE symbol = 'AAPL' AND session_date = '{NEXT}'"
            )
        )
        of_live = plan[plan.index("bars_1s") :]
        assert "(symbol in ['AAPL', 'AAPL'])" in of_live
        assert "Parts: 1/2" in of_live


def test_sessions_are_live_until_they_are_final_and_a_newer_one_begins(ticks: ClickHouse) -> None:
    live_sessions = "SELECT session_date FROM {rollups}.live_sessions ORDER BY session_date"
    assert ticks.query(live_sessions) == []
    for day in (DAY, NEXT):
        insert_block(ticks, Block([second("AAPL", day, 1)]))
    for rollup in ROLLUPS:
        assert ticks.query(live_sessions) == [(DAY,), (NEXT,)]
        rebuild_session(ticks, rollup, DAY)
    assert ticks.query(live_sessions) == [(NEXT,)]
    for rollup in ROLLUPS:
        rebuild_session(ticks, rollup, NEXT)
    assert ticks.query(live_sessions) == [(NEXT,)]
    assert ticks.query("SELECT session_date FROM {rollups}.movers") == [(NEXT,)]
