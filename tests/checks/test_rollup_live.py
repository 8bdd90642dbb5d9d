"""Live rollups are exact after every block, however the bars arrive."""

from dataclasses import replace
from datetime import date

import pytest
from checks_bars import Second, random_seconds, rolled_up, same, second, stored
from checks_live import Block, deliveries, insert_block, live
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from polygon_assets.defs.rollups.assets import BARS_1M, ROLLUPS
from polygon_assets.defs.rollups.live import clear_live, create_rollups, fill_live
from polygon_assets.defs.rollups.rebuild import rebuild_session
from polygon_assets.resources.clickhouse import ClickHouse

pytestmark = [pytest.mark.xdist_group("checks_clickhouse"), pytest.mark.timeout(600)]

DAY, NEXT = date(2012, 7, 5), date(2012, 7, 6)
SYMBOLS = ["AAPL", "MSFT", "ZZAA"]
LIVE = ["live_bars_1s", "live_bars_1m"]


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
    command(clickhouse, *(f"TRUNCATE TABLE {{rollups}}.{table}" for table in LIVE))
    command(clickhouse, "TRUNCATE TABLE {ticks}.bars_1s")


def assert_exact(clickhouse: ClickHouse, arrived: list[Second]) -> None:
    for name, found in live(clickhouse).items():
        assert same(found, rolled_up(arrived, name)), name


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
            command(ticks, *(f"OPTIMIZE TABLE {{rollups}}.{table} FINAL" for table in LIVE))
        assert_exact(ticks, arrived)


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
    assert ticks.query("SELECT count() FROM {rollups}.live_bars_1s") == [(50,)]


def test_a_batch_whose_views_were_missed_is_repaired_by_its_retry(ticks: ClickHouse) -> None:
    """The server died between the tick table and the views: the same token comes again."""
    whole = Block([second("AAPL", DAY, at, version=at) for at in range(1, 100)])
    command(ticks, "DETACH TABLE {rollups}.live_bars_1s_feed")
    insert_block(ticks, whole)
    assert live(ticks)["bars_1m"] == {}
    command(ticks, "ATTACH TABLE {rollups}.live_bars_1s_feed")
    insert_block(ticks, whole)
    assert_exact(ticks, list(whole.bars))
    assert ticks.query("SELECT count() FROM {ticks}.bars_1s") == [(99,)]


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
        of_live = plan[plan.index("live_bars_1m") :]
        assert "(symbol in ['AAPL', 'AAPL'])" in of_live
        assert "Parts: 1/2" in of_live


def test_sessions_from_before_the_live_tables_are_filled_in(ticks: ClickHouse) -> None:
    bars = session_of_bars(2)
    insert_block(ticks, Block(bars))
    command(ticks, *(f"TRUNCATE TABLE {{rollups}}.{table}" for table in LIVE))
    create_rollups(ticks)
    assert_exact(ticks, bars)
    create_rollups(ticks)
    fill_live(ticks, DAY)
    assert_exact(ticks, bars)


def test_final_sessions_are_cleared_when_a_newer_one_is_live(ticks: ClickHouse) -> None:
    insert_block(ticks, Block([second("AAPL", DAY, 1)]))
    insert_block(ticks, Block([second("AAPL", NEXT, 1)]))
    for rollup in ROLLUPS:
        assert clear_live(ticks) == []  # the wider bars are views over the live minutes
        rebuild_session(ticks, rollup, DAY)
    before = stored(ticks, "candles_1m", DAY)
    assert clear_live(ticks) == [DAY]
    for table in LIVE:
        left = ticks.query(f"SELECT DISTINCT session_date FROM {{rollups}}.{table}")
        assert left == [(NEXT,)]
    assert stored(ticks, "candles_1m", DAY) == before
    for rollup in ROLLUPS:  # the newest session stays, final or not
        rebuild_session(ticks, rollup, NEXT)
    assert clear_live(ticks) == []
