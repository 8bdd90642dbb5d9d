"""Raw tables: a sync that "succeeded" is believed when the rows are there."""

from typing import Any

import dagster as dg
import pytest
from checks_support import MONDAY, QUIET, TUESDAY, one_session, sessions, shared_instance
from checks_warehouse_cases import RAW, execute, fill

from polygon_assets.defs.actions.assets import polygon_actions
from polygon_assets.defs.bars.assets import polygon_bars
from polygon_assets.defs.reference.assets import polygon_reference
from polygon_assets.resources.airbyte import PolygonAirbyte, SyncReport
from polygon_assets.resources.snowflake import Warehouse

pytestmark = pytest.mark.xdist_group("checks_snowflake")

FRIDAY, WEDNESDAY = "2005-02-25", "2005-03-02"


class IdleAirbyte(PolygonAirbyte):
    """Says that a sync succeeded, and does nothing."""

    def sync_window(self, connection_name: str, first: str, last: str) -> SyncReport:
        windows.append((connection_name, first, last))
        return SyncReport(job_id=7, rows=12, bytes=3456, seconds=0.5)


windows: list[tuple[str, str, str]] = []
"""What the idle Airbyte was asked for."""


@pytest.fixture(autouse=True, scope="module")
def filled(snowflake: Warehouse) -> None:
    fill(snowflake)


@pytest.fixture(autouse=True)
def nothing_asked() -> None:
    windows.clear()


def run(
    asset: dg.AssetsDefinition, snowflake: Warehouse, tags: dict[str, str]
) -> dg.ExecuteInProcessResult:
    idle = IdleAirbyte(
        rest_api_base_url="http://127.0.0.1:9",
        configuration_api_base_url="http://127.0.0.1:9",
        workspace_id="idle",
        client_id="idle",
        client_secret="idle",
    )
    definitions = dg.Definitions([asset], resources={"airbyte": idle, "snowflake": snowflake})
    job = definitions.resolve_implicit_global_asset_job_def()
    return job.execute_in_process(
        run_config=QUIET, tags=tags, instance=shared_instance(), raise_on_error=False
    )


def metadata(result: dg.ExecuteInProcessResult) -> dict[str, dict[str, Any]]:
    """Table -> metadata of its materialization."""
    found = {}
    for event in result.get_asset_materialization_events():
        assert event.asset_key is not None
        values = event.materialization.metadata
        found[event.asset_key.path[-1]] = {name: one.value for name, one in values.items()}
    return found


def failure(result: dg.ExecuteInProcessResult) -> tuple[str, list[str]]:
    """What the run's failure says, and the sessions that it names."""
    assert not result.success
    [event] = result.get_step_failure_events()
    user = event.step_failure_data.user_failure_data
    assert user is not None
    missing = user.metadata["missing_sessions"].value
    assert isinstance(missing, list)
    return user.description or "", missing


def test_counts_of_a_session_are_metadata(snowflake: Warehouse) -> None:
    result = run(polygon_bars, snowflake, one_session(TUESDAY))
    assert result.success
    assert windows == [("polygon_bars", TUESDAY, TUESDAY)]
    found = metadata(result)["daily_bars"]
    assert found["dagster/partition_row_count"] == 6
    assert found["dagster/table_name"] == "polygon_local.raw.daily_bars"
    assert found["sessions"] == TUESDAY
    assert (found["rows_synced"], found["bytes_synced"], found["sync_seconds"]) == (12, 3456, 0.5)


def test_a_range_is_one_sync_with_counts_of_each_session(snowflake: Warehouse) -> None:
    result = run(polygon_bars, snowflake, sessions(MONDAY, TUESDAY))
    assert result.success
    assert windows == [("polygon_bars", MONDAY, TUESDAY)]
    event, *others = result.get_asset_materialization_events()
    table = event.materialization.metadata["rows_by_session"]
    assert isinstance(table, dg.TableMetadataValue)
    assert [dict(record.data) for record in table.records] == [
        {"session": MONDAY, "rows": 7},
        {"session": TUESDAY, "rows": 6},
    ]
    # One event per partition of the range.
    assert {one.partition for one in (event, *others)} == {MONDAY, TUESDAY}


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
    assert named == missing
    assert f"daily_bars has no rows for {', '.join(missing)}" in text
    assert MONDAY not in text


def test_every_reference_table_must_have_the_session(snowflake: Warehouse) -> None:
    tables = ["market_holidays", "exchanges", "tickers"]
    found = metadata(run(polygon_reference, snowflake, one_session(MONDAY)))
    assert sorted(found) == sorted(tables)
    # From the one that is counted last on, so that each is the first that lacks the session.
    for table in tables:
        execute(snowflake, f"DELETE FROM {RAW}{table.upper()} WHERE SESSION_DATE = '{MONDAY}'")
        text, named = failure(run(polygon_reference, snowflake, one_session(MONDAY)))
        assert (named, f"{table} has no rows" in text) == ([MONDAY], True)


def test_sparse_tables_may_be_empty(snowflake: Warehouse) -> None:
    result = run(polygon_actions, snowflake, one_session(FRIDAY))
    assert result.success
    counts = {
        table: found["dagster/partition_row_count"] for table, found in metadata(result).items()
    }
    assert counts == {"splits": 0, "dividends": 0}
    result = run(polygon_actions, snowflake, one_session(MONDAY))
    assert metadata(result)["splits"]["dagster/partition_row_count"] == 6


@pytest.mark.parametrize("key", ["2005-02-26", "2005-02-21"], ids=["Saturday", "holiday"])
def test_a_day_without_trading_asks_the_vendor_nothing(snowflake: Warehouse, key: str) -> None:
    result = run(polygon_bars, snowflake, one_session(key))
    assert not result.success
    assert windows == []
