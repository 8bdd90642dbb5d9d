"""The stream's day against the official bar, in both engines."""

from typing import Any

import dagster as dg
import pytest
from checks_support import (
    MONDAY,
    QUIET,
    TUESDAY,
    count,
    failed,
    one_session,
    run_checks,
    sample,
    sessions,
    shared_instance,
)
from checks_warehouse_cases import execute

from polygon_assets.defs.reconcile.assets import reconcile_daily_bars
from polygon_assets.defs.reconcile.checks import reconcile_checks
from polygon_assets.resources.clickhouse import ClickHouse
from polygon_assets.resources.snowflake import Warehouse

pytestmark = pytest.mark.xdist_group("checks_snowflake")

OFFICIAL = "{database}.MARTS.FCT_DAILY_BARS"
RECONCILED = "{database}.RECONCILE.DAILY_BARS"
PRICES = "open float, high float, low float, close float, volume float"


@pytest.fixture
def halves(snowflake: Warehouse, ticks: ClickHouse) -> dict[str, Any]:
    """Two sessions on both sides; on Monday each verdict has one symbol."""
    execute(
        snowflake,
        f"CREATE OR REPLACE TABLE {OFFICIAL} (session_date date, symbol varchar, {PRICES})",
        f"DROP TABLE IF EXISTS {RECONCILED}",
        f"INSERT INTO {OFFICIAL} VALUES "
        f"('{MONDAY}', 'AAPL', 44.68, 45.11, 43.96, 44.86, 1000), "
        f"('{MONDAY}', 'MSFT', 25.0, 26.0, 24.0, 25.5, 1000), "
        f"('{MONDAY}', 'IBM', 92.0, 93.0, 91.0, 92.5, 500), "
        f"('{TUESDAY}', 'AAPL', 44.99, 45.11, 44.16, 44.5, 2000)",
    )
    stream(
        ticks,
        f"('{MONDAY}', 'AAPL', 44.68, 45.11, 43.96, 44.90, 800)",
        f"('{MONDAY}', 'MSFT', 25.0, 26.2, 24.0, 25.5, 800)",
        f"('{MONDAY}', 'FB', 10, 11, 9, 10, 5)",
        f"('{TUESDAY}', 'AAPL', 44.99, 45.11, 44.16, 44.5, 1500)",
    )
    return {"snowflake": snowflake, "clickhouse": ticks}


def stream(clickhouse: ClickHouse, *rows: str) -> None:
    table = clickhouse.render("{rollups}.bars_1d")
    columns = "(session_date, symbol, open, high, low, close, volume)"
    with clickhouse.client() as client:
        client.command(f"INSERT INTO {table} {columns} VALUES {', '.join(rows)}")


def reconcile(halves: dict[str, Any], tags: dict[str, str]) -> dict[str, Any]:
    """Run the asset; returns the metadata of its materialization."""
    definitions = dg.Definitions([reconcile_daily_bars], resources=halves)
    result = definitions.resolve_implicit_global_asset_job_def().execute_in_process(
        run_config=QUIET, tags=tags, instance=shared_instance()
    )
    event = result.get_asset_materialization_events()[0]
    return dict(event.materialization.metadata)


def rows(halves: dict[str, Any]) -> list[tuple[Any, ...]]:
    snowflake = halves["snowflake"]
    table = RECONCILED.replace("{database}", snowflake.database)
    return snowflake.query(f"SELECT * FROM {table} ORDER BY SESSION_DATE, SYMBOL")


def test_every_symbol_of_either_side_has_a_verdict(halves: dict[str, Any]) -> None:
    found = reconcile(halves, one_session(MONDAY))
    verdicts = {str(row[1]): row[2] for row in rows(halves)}
    assert verdicts == {
        "AAPL": "ok",
        "FB": "only_stream",
        "IBM": "only_official",
        "MSFT": "outside_bands",
    }
    [apple] = [row for row in rows(halves) if row[1] == "AAPL"]
    assert [float(value) for value in apple[3:]] == pytest.approx([0, 0, 0, 44.9 / 44.86 - 1, 0.8])
    for verdict in ("ok", "only_stream", "only_official", "outside_bands"):
        assert found[verdict].value == 1
    assert found["dagster/partition_row_count"].value == 4
    assert found["mean_volume_share"].value == pytest.approx(0.8)


def test_lineage_has_the_columns_of_the_table(halves: dict[str, Any]) -> None:
    lineage = reconcile(halves, one_session(MONDAY))["dagster/column_lineage"].value
    with halves["snowflake"].cursor() as cursor:
        cursor.execute(f"SELECT * FROM {RECONCILED}".format(database=halves["snowflake"].database))
        assert [column.name.lower() for column in cursor.description] == [*lineage.deps_by_column]


def test_a_second_run_writes_the_same_rows(halves: dict[str, Any]) -> None:
    reconcile(halves, sessions(MONDAY, TUESDAY))
    first = rows(halves)
    assert len(first) == 5
    reconcile(halves, sessions(MONDAY, TUESDAY))
    assert rows(halves) == first
    reconcile(halves, one_session(MONDAY))
    assert rows(halves) == first


def test_a_run_replaces_its_session_and_leaves_the_others(halves: dict[str, Any]) -> None:
    reconcile(halves, sessions(MONDAY, TUESDAY))
    tuesday = [row for row in rows(halves) if str(row[0]) == TUESDAY]
    execute(
        halves["snowflake"],
        f"DELETE FROM {OFFICIAL} WHERE symbol <> 'AAPL'",
        f"UPDATE {OFFICIAL} SET volume = 801",
    )
    reconcile(halves, one_session(MONDAY))
    monday = {row[1]: row[2] for row in rows(halves) if str(row[0]) == MONDAY}
    assert monday == {"AAPL": "ok", "FB": "only_stream", "MSFT": "only_stream"}
    assert [row for row in rows(halves) if str(row[0]) == TUESDAY] == tuesday


def test_checks_read_what_the_asset_wrote(halves: dict[str, Any]) -> None:
    reconcile(halves, sessions(MONDAY, TUESDAY))
    resources = {"snowflake": halves["snowflake"]}
    assert failed(run_checks(reconcile_checks, resources, one_session(TUESDAY))) == set()
    found = run_checks(reconcile_checks, resources, one_session(MONDAY))
    by_name = {name: one for (_, name), one in found.items()}
    assert count(by_name["inside_bands"]) == 1
    assert count(by_name["both_sides_present"]) == 2
    assert [row["symbol"] for row in sample(by_name["inside_bands"])] == ["MSFT"]


def test_session_that_one_side_lacks_fails(halves: dict[str, Any]) -> None:
    reconcile(halves, one_session(str(MONDAY)))
    before = rows(halves)
    with pytest.raises(dg.Failure, match="stream lack session 2005-03-02"):
        reconcile(halves, one_session("2005-03-02"))
    stream(halves["clickhouse"], "('2005-03-02', 'AAPL', 44.9, 45, 44, 44.5, 1500)")
    with pytest.raises(dg.Failure, match="official bars lack session 2005-03-02"):
        reconcile(halves, one_session("2005-03-02"))
    assert rows(halves) == before
