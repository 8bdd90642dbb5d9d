"""Raw tables: a sync that "succeeded" is believed when it brought the rows."""

from dataclasses import replace

import dagster as dg
import pytest
from checks_ingest import REPORT, effects, failure, metadata, read_again, run, windows
from checks_raw_rows import execute, meta, one_row
from checks_support import MONDAY, TUESDAY, one_session, sessions
from checks_warehouse_cases import BARS, RAW, fill

from polygon_assets.connections import REFERENCE
from polygon_assets.defs.actions.assets import polygon_actions
from polygon_assets.defs.bars.assets import polygon_bars
from polygon_assets.defs.fundamentals.assets import polygon_fundamentals
from polygon_assets.defs.reference.assets import polygon_reference
from polygon_assets.defs.symbols.assets import polygon_symbols
from polygon_assets.resources.airbyte import SyncReport
from polygon_assets.resources.airbyte_job import StreamCounts
from polygon_assets.resources.snowflake import Warehouse

pytestmark = pytest.mark.xdist_group("checks_snowflake")

FRIDAY, SATURDAY, WEDNESDAY = "2005-02-25", "2005-02-26", "2005-03-02"


@pytest.fixture(scope="module", autouse=True)
def all_tables(snowflake: Warehouse) -> None:
    """Good rows of two sessions in every table."""
    fill(snowflake)


@pytest.fixture(autouse=True)
def good_rows(snowflake: Warehouse) -> None:
    """Good rows in the tables that tests change; every sync reads them from the vendor again."""
    fill(snowflake, BARS, "raw/polygon/news")
    windows.clear()
    effects[:] = [lambda first, last: read_again(snowflake, first, last)]


def test_counts_of_a_session_are_metadata(snowflake: Warehouse) -> None:
    result = run(polygon_bars, snowflake, one_session(TUESDAY))
    assert result.success
    assert windows == [("polygon_bars", TUESDAY, TUESDAY)]
    found = metadata(result)["daily_bars"]
    expected = {
        "dagster/partition_row_count": 6,
        "dagster/table_name": "polygon_local.raw.daily_bars",
        "sessions": TUESDAY,
        "rows_read": 14,
        "rows_loaded": 13,
        "bytes_read": 3000,
        "rejected_rows": 0,
        "rows_on_closed_days": 0,
        "api_requests_at_least": 1,
        "rows_synced": 12,
        "bytes_synced": 3456,
        "sync_seconds": 0.5,
        "airbyte_job_id": 7,
        "airbyte_job": "http://127.0.0.1:9/timeline",
        "notices": ["WARN slow"],
    }
    assert {name: found[name] for name in expected} == expected


def test_a_range_is_one_sync_with_counts_of_each_session(snowflake: Warehouse) -> None:
    result = run(polygon_bars, snowflake, sessions(MONDAY, TUESDAY))
    assert result.success
    assert windows == [("polygon_bars", MONDAY, TUESDAY)]
    events = result.get_asset_materialization_events()
    table = events[0].materialization.metadata["rows_by_session"]
    assert isinstance(table, dg.TableMetadataValue)
    assert [dict(record.data) for record in table.records] == [
        {"session": MONDAY, "rows": 7, "rejected": 0},
        {"session": TUESDAY, "rows": 6, "rejected": 0},
    ]
    rows = {
        one.partition: one.materialization.metadata["dagster/partition_row_count"].value
        for one in events
    }
    assert rows == {MONDAY: 7, TUESDAY: 6}


@pytest.mark.parametrize(
    ("window", "missing"),
    [
        (one_session(FRIDAY), [FRIDAY]),
        (sessions(FRIDAY, WEDNESDAY), [FRIDAY, WEDNESDAY]),
    ],
    ids=["session", "range"],
)
def test_a_session_without_bars_fails_by_name(
    snowflake: Warehouse, window: dict[str, str], missing: list[str]
) -> None:
    text, named = failure(run(polygon_bars, snowflake, window))
    assert named == {"daily_bars": missing}
    assert f"brought daily_bars no rows for {', '.join(missing)}" in text
    assert MONDAY not in text
    assert "earlier sync" not in text


def test_a_sync_that_delivers_nothing_does_not_live_on_old_rows(snowflake: Warehouse) -> None:
    effects.append(lambda _first, _last: REPORT)
    text, named = failure(run(polygon_bars, snowflake, one_session(MONDAY)))
    assert named == {"daily_bars": [MONDAY]}
    assert f"The rows of {MONDAY} are from an earlier sync." in text
    # Of a range, only the session that did not come again.
    effects.append(lambda first, _last: read_again(snowflake, first, MONDAY))
    text, named = failure(run(polygon_bars, snowflake, sessions(MONDAY, TUESDAY)))
    assert named == {"daily_bars": [TUESDAY]}


def test_the_other_tables_of_a_connection_are_materialized(snowflake: Warehouse) -> None:
    effects.append(lambda first, last: read_again(snowflake, first, last, "exchanges"))
    result = run(polygon_reference, snowflake, one_session(MONDAY))
    _, named = failure(result)
    assert named == {"exchanges": [MONDAY]}
    assert set(metadata(result)) == set(REFERENCE.streams) - {"exchanges"}


def test_one_table_of_a_connection_is_judged_alone(snowflake: Warehouse) -> None:
    effects.append(lambda first, last: read_again(snowflake, first, last, "exchanges"))
    result = run(polygon_reference, snowflake, one_session(MONDAY), only="tickers")
    assert result.success
    assert list(metadata(result)) == ["tickers"]


def test_a_table_of_chosen_tickers_says_where_they_are_chosen(snowflake: Warehouse) -> None:
    effects.append(lambda _first, _last: REPORT)
    text, _ = failure(run(polygon_symbols, snowflake, one_session(MONDAY), only="open_close"))
    assert "for the tickers in CONNECTOR_TICKERS only" in text


def test_a_dataset_outside_the_plan_fails_its_table_alone(snowflake: Warehouse) -> None:
    skipped = replace(REPORT, skipped=frozenset({"/v3/reference/tickers/types"}))

    def effect(first: str, last: str) -> SyncReport:
        read_again(snowflake, first, last, "ticker_types")
        return skipped

    effects.append(effect)
    result = run(polygon_reference, snowflake, one_session(MONDAY))
    text, named = failure(result)
    assert text.startswith("the vendor's plan does not include the dataset of ticker_types")
    assert named == {}
    assert set(metadata(result)) == set(REFERENCE.streams) - {"ticker_types"}


def test_a_skipped_path_that_nobody_knows_counts_for_the_empty_streams(
    snowflake: Warehouse,
) -> None:
    streams = {name: StreamCounts(read=6) for name in ("financials", "short_volume", "news")}
    report = replace(REPORT, streams=streams, skipped=frozenset({""}))
    effects.append(lambda _first, _last: report)
    result = run(polygon_fundamentals, snowflake, one_session(MONDAY))
    text, _ = failure(result)
    assert "dataset of short_interest" in text
    assert sorted(metadata(result)) == ["financials", "news", "short_volume"]


def test_sparse_tables_may_be_empty(snowflake: Warehouse) -> None:
    result = run(polygon_actions, snowflake, one_session(FRIDAY))
    assert result.success
    counts = {
        table: found["dagster/partition_row_count"] for table, found in metadata(result).items()
    }
    assert counts == {"splits": 0, "dividends": 0, "ipos": 0}
    result = run(polygon_actions, snowflake, one_session(MONDAY))
    assert metadata(result)["splits"]["dagster/partition_row_count"] == 6


def test_news_of_the_weekend_come_with_monday(snowflake: Warehouse) -> None:
    execute(
        snowflake,
        f"INSERT INTO {RAW}NEWS (ID, PUBLISHED_UTC) VALUES ('weekend', '{SATURDAY}T12:00:00Z')",
    )
    found = metadata(run(polygon_fundamentals, snowflake, one_session(MONDAY)))["news"]
    assert windows == [("polygon_fundamentals", "2005-02-05", MONDAY)]
    assert found["read_from"] == "2005-02-05"  # three weeks before Saturday
    assert found["rows_on_closed_days"] == 1
    assert found["dagster/partition_row_count"] == 6


def test_actions_of_the_weekend_come_with_monday(snowflake: Warehouse) -> None:
    assert run(polygon_actions, snowflake, one_session(MONDAY)).success
    assert windows == [("polygon_actions", SATURDAY, MONDAY)]


def test_rejected_values_are_counted(snowflake: Warehouse) -> None:
    changes = """{"field":"v","change":"NULLED"}"""
    execute(
        snowflake,
        f"UPDATE {RAW}DAILY_BARS SET _AIRBYTE_META = {meta(1, changes)} "
        f"WHERE {one_row('daily_bars', 'AAPL')}",
    )
    found = metadata(run(polygon_bars, snowflake, one_session(MONDAY)))["daily_bars"]
    assert found["rejected_rows"] == 1


def test_the_first_sync_makes_the_tables(snowflake: Warehouse) -> None:
    table, away = f"{RAW}DAILY_BARS", f"{RAW}DAILY_BARS_AWAY"
    execute(snowflake, f"ALTER TABLE {table} RENAME TO {away}")

    def effect(_first: str, _last: str) -> SyncReport:
        execute(snowflake, f"ALTER TABLE {away} RENAME TO {table}")
        return REPORT

    effects.append(effect)
    result = run(polygon_bars, snowflake, one_session(MONDAY))
    assert result.success
    assert metadata(result)["daily_bars"]["dagster/partition_row_count"] == 7


@pytest.mark.parametrize("key", ["2005-02-26", "2005-02-21"], ids=["Saturday", "holiday"])
def test_a_day_without_trading_asks_the_vendor_nothing(snowflake: Warehouse, key: str) -> None:
    result = run(polygon_bars, snowflake, one_session(key))
    assert not result.success
    assert windows == []


def test_a_run_without_a_partition_asks_the_vendor_nothing(snowflake: Warehouse) -> None:
    result = run(polygon_bars, snowflake, {})
    assert not result.success
    assert windows == []
