"""Every check on a live rollup passes on good rows, and fails on wrong ones."""

import base64
from dataclasses import replace

import dagster as dg
import pytest
from checks_clickhouse_cases import SYMBOLS, execute, fill, good_seconds
from checks_live import Block, insert_block
from checks_support import (
    MONDAY,
    QUIET,
    TUESDAY,
    RuleKey,
    failed,
    keys_of,
    one_session,
    run_checks,
    sample,
    shared_instance,
)
from polygon_stream.schema import read_migrations

from polygon_assets.defs.rollups.live import SCHEMA, migration_names
from polygon_assets.defs.rollups.live_assets import LIVE_ROLLUPS, live_rollups
from polygon_assets.defs.rollups.live_checks import live_checks
from polygon_assets.links import ROWS_SHOWN
from polygon_assets.resources.clickhouse import ClickHouse

pytestmark = pytest.mark.xdist_group("checks_clickhouse")

VIEWS = ["session_vwap", "movers", "unusual_volume"]
CANDLES = {
    ("clickhouse/rollups/" + name, "equals_second_bars")
    for name in ("candles_1m", "candles_5m", "candles_1h", "candles_1d")
}
OF_SESSIONS: dict[str, RuleKey] = {
    name: ("clickhouse/rollups/" + name, "equals_second_bars") for name in VIEWS
}
HALT: RuleKey = ("clickhouse/rollups/halts_in_force", "no_bar_during_halt")
CLOCK: RuleKey = ("clickhouse/rollups/staleness", "clock_is_the_newest_bar")
LATENCY: RuleKey = ("clickhouse/rollups/latency", "in_order")


@pytest.fixture
def streamed(ticks: ClickHouse) -> ClickHouse:
    """Monday as the sink writes it, not rebuilt, with the times of its batches."""
    bars = [replace(bar, kafka_offset=number) for number, bar in enumerate(good_seconds(MONDAY), 1)]
    insert_block(ticks, Block(bars))
    execute(
        ticks,
        "INSERT INTO {ticks}.sink_batches VALUES "
        f"('local.stocks.agg.1s', 0, 0, 1000, 1000, '{TUESDAY} 06:00:00', 0)",
    )
    return ticks


def halt(symbol: str, at: str) -> str:
    return (
        "INSERT INTO {ticks}.halts (symbol, indicators, event_at, sequence) "
        f"VALUES ('{symbol}', [17], '{at}', 1)"
    )


def test_every_live_check_is_here() -> None:
    assert keys_of(live_checks) == CANDLES | set(OF_SESSIONS.values()) | {HALT, CLOCK, LATENCY}


def test_good_rows_pass(streamed: ClickHouse) -> None:
    execute(streamed, halt("X", f"{MONDAY} 00:00:00"))
    for day in (MONDAY, TUESDAY):
        found = run_checks(live_checks, {"clickhouse": streamed}, one_session(day))
        assert failed(found) == set(), [sample(one) for one in found.values()]


def test_rebuilt_session_passes(ticks: ClickHouse) -> None:
    fill(ticks)
    found = run_checks(live_checks, {"clickhouse": ticks}, one_session(MONDAY))
    assert failed(found) == set(), [sample(one) for one in found.values()]


def test_wrong_final_bars_fail_the_candles(ticks: ClickHouse) -> None:
    fill(ticks)
    for width in ("1m", "5m", "1h", "1d"):
        execute(
            ticks,
            f"ALTER TABLE {{rollups}}.bars_{width} UPDATE volume = volume + 1 "
            "WHERE symbol = 'AAPL' SETTINGS mutations_sync = 1",
        )
    found = run_checks(live_checks, {"clickhouse": ticks}, one_session(MONDAY))
    assert failed(found) == CANDLES
    for key in CANDLES:
        assert [row["symbol"] for row in sample(found[key])] in (["AAPL"], [""])


def test_bars_during_a_halt_are_told(streamed: ClickHouse) -> None:
    """no_bar_during_halt."""
    execute(streamed, halt("AAPL", f"{MONDAY} 14:30:00"))
    found = run_checks(live_checks, {"clickhouse": streamed}, one_session(MONDAY))
    assert failed(found) == {HALT}


@pytest.mark.parametrize(
    ("rules", "view", "right", "wrong"),
    [
        (CANDLES, "minutes_of_seconds", "s FINAL", "s"),
        ({OF_SESSIONS["session_vwap"]}, "session_vwap", "s FINAL", "s"),
        ({OF_SESSIONS["movers"]}, "movers", "s FINAL", "s"),
        ({OF_SESSIONS["unusual_volume"]}, "unusual_volume", "s FINAL", "s"),
        ({CLOCK}, "staleness", "newest.2 AS clock", "newest.2 - 1 AS clock"),
        ({CLOCK}, "staleness", "g.starts[-1]", "g.starts[1]"),
        ({LATENCY}, "latency", "queryable[1] - feed_delay", "queryable[1] - queryable[1] - 1"),
    ],
    ids=["candles", *VIEWS, "clock_is_the_newest_bar", "clock_of_each_symbol", "in_order"],
)
def test_a_view_that_is_wrong_fails_its_check(
    streamed: ClickHouse, rules: set[RuleKey], view: str, right: str, wrong: str
) -> None:
    *_, good = [  # a later migration replaces a view
        statement
        for file in read_migrations(SCHEMA, migration_names(streamed.ticks, streamed.rollups))
        for statement in file.statements
        if f"VIEW {streamed.rollups}.{view} AS" in statement
    ]
    assert right in good
    replaced = [replace(bar, volume=bar.volume + 7, close=bar.low) for bar in good_seconds(MONDAY)]
    insert_block(streamed, Block([replace(bar, kafka_offset=900) for bar in replaced[::50]]))
    try:
        execute(streamed, good.replace(right, wrong))
        found = run_checks(live_checks, {"clickhouse": streamed}, one_session(MONDAY))
        assert failed(found) == rules
    finally:
        execute(streamed, good)


def test_assets_count_the_rows_of_their_views(streamed: ClickHouse) -> None:
    definitions = dg.Definitions(assets=[live_rollups], resources={"clickhouse": streamed})
    run = definitions.resolve_implicit_global_asset_job_def().execute_in_process(
        run_config=QUIET,
        partition_key=MONDAY,
        tags=one_session(MONDAY),
        instance=shared_instance(),
    )
    told = {
        event.materialization.asset_key.path[-1]: event.materialization.metadata
        for event in run.get_asset_materialization_events()
    }
    rows = {name: metadata["dagster/partition_row_count"].value for name, metadata in told.items()}
    assert rows.keys() == {live.name for live in LIVE_ROLLUPS}
    assert rows["movers"] == rows["session_vwap"] == rows["candles_1d"] == len(SYMBOLS)
    assert rows["halts_in_force"] == 0
    for name, metadata in told.items():
        # The link is a query that ClickHouse answers, with as many rows as were counted.
        sql = base64.b64decode(str(metadata["clickhouse"].value).partition("#")[2]).decode()
        with streamed.client() as client:
            found = client.query(sql)
        assert len(found.result_rows) == min(rows[name], ROWS_SHOWN)
        lineage = metadata["dagster/column_lineage"].value
        assert isinstance(lineage, dg.TableColumnLineage)
        if found.result_rows:
            assert tuple(lineage.deps_by_column) == found.column_names
