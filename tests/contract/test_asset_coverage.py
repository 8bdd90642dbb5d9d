"""Every asset has what every asset must have."""

import io
from collections.abc import Callable

import dagster as dg
import pytest
from asset_coverage import README, coverage, coverage_by_layer, is_dashboard, readme_with
from dagster._core.definitions.assets.graph.asset_graph import AssetGraph
from dagster._core.definitions.assets.job.asset_layer import AssetLayer
from definitions_text import RENEW
from rich.console import Console
from rich.table import Table

from polygon_assets.defs.platform.freshness import NAME as SESSION_FRESHNESS
from polygon_assets.defs.raw import STREAM_TABLES
from polygon_assets.defs.ticks.tables import SESSION_OF
from polygon_assets.policies import OWNERS
from polygon_assets.raw.table import StreamTable


def test_every_asset_is_covered(
    graph: AssetGraph, record_property: Callable[[str, object], None]
) -> None:
    rows = [coverage(graph, key) for key in sorted(graph.get_all_asset_keys())]
    table = Table("asset", "partitions", *rows[0].has, "checks")
    for row in rows:
        flags = ("yes" if flag else "NO" for flag in row.has.values())
        table.add_row(row.key, row.partitions, *flags, str(row.checks))
    table.add_section()
    shares = (f"{sum(row.has[name] for row in rows) / len(rows):.0%}" for name in rows[0].has)
    whole = f"{sum(row.complete for row in rows) / len(rows):.0%} of {len(rows)} complete"
    table.add_row(whole, "", *shares, str(sum(row.checks for row in rows)))
    console = Console(width=150, file=io.StringIO(), record=True)
    console.print(table)
    record_property("coverage of the assets", console.export_text())
    assert [row.key for row in rows if not row.complete] == []


def test_the_readme_shows_the_coverage_by_layer(graph: AssetGraph) -> None:
    table = coverage_by_layer(graph)
    assert table in README.read_text(), f"renew it: {RENEW}\nREADME.md lacks:\n{table}"


def test_the_readme_is_renewed_in_its_table_only() -> None:
    old, new = "| layer | a |\n|---|---|\n| raw | 1 |\n", "| layer | a |\n|---|---|\n| raw | 2 |"
    assert readme_with(new, f"# x\n\n{old}\nrest\n| y |\n") == f"# x\n\n{new}\n\nrest\n| y |\n"
    with pytest.raises(AssertionError, match="no table with the head"):
        readme_with(new, "# x\n")


def test_keys_are_layer_schema_table_in_lower_case(graph: AssetGraph) -> None:
    for key in graph.get_all_asset_keys():
        assert len(key.path) == (2 if is_dashboard(key) else 3)
        assert key.path == [part.lower() for part in key.path]
        assert key.path[0] in OWNERS


def test_every_partitioned_asset_has_the_calendar_check(graph: AssetGraph) -> None:
    checked = {key.asset_key for key in graph.asset_check_keys if key.name == SESSION_FRESHNESS}
    partitioned = {
        key for key in graph.get_all_asset_keys() if graph.get(key).partitions_def is not None
    }
    assert checked == partitioned


def test_topic_and_ticks_are_external(graph: AssetGraph) -> None:
    external = {key.to_user_string() for key in graph.external_asset_keys}
    assert external == {
        "kafka/stocks/agg_1s",
        "kafka/stocks/agg_1m",
        "kafka/stocks/trades",
        "kafka/stocks/quotes",
        "kafka/stocks/luld",
        "kafka/stocks/gaps",
        "kafka/stocks/dead_letter",
        "clickhouse/ticks/bars_1s",
        *("/".join(key) for key in SESSION_OF),
    }


def test_what_is_made_here_says_which_code_makes_it(graph: AssetGraph) -> None:
    missing = [key for key in graph.materializable_asset_keys if not graph.get(key).code_version]
    assert missing == []


def test_lineage_runs_from_both_sources_to_the_reconciliation(graph: AssetGraph) -> None:
    reconciled = dg.AssetKey(["reconcile", "market", "daily_bars"])
    upstream = {key.to_user_string() for key in graph.get_ancestor_asset_keys(reconciled)}
    assert {"raw/polygon/daily_bars", "kafka/stocks/agg_1s"} <= upstream


def names_of_checks(layer: AssetLayer) -> set[str]:
    """Names of the checks that a job executes."""
    return {key.name for data in layer.data for key in data.assets_def.check_keys}


def test_session_job_leaves_the_calendar_check_to_the_evening(
    definitions: dg.Definitions,
) -> None:
    session = definitions.resolve_job_def("session").asset_layer
    evening = definitions.resolve_job_def("session_freshness").asset_layer
    assert session.executable_asset_keys
    assert not evening.executable_asset_keys
    assert SESSION_FRESHNESS not in names_of_checks(session)
    assert {"sink_keeps_up", "no_gaps", "session_of_bar"} <= names_of_checks(session), (
        "the stream's"
    )
    assert names_of_checks(evening) == {SESSION_FRESHNESS}


def test_session_job_leaves_the_flat_files_to_the_next_day(definitions: dg.Definitions) -> None:
    session = definitions.resolve_job_def("session").asset_layer.executable_asset_keys
    next_day = definitions.resolve_job_def("flat_files").asset_layer.executable_asset_keys
    names = {key.to_user_string() for key in next_day}
    assert names == {"raw/polygon/minute_bars", "raw/polygon/flat_daily_bars"}
    assert not session & next_day


RAW_CHECKS = {"key_unique", "nothing_rejected", "schema_drift"}
"""What every table has that Airbyte fills; others depend on what the table says of itself."""


@pytest.mark.parametrize("table", STREAM_TABLES, ids=lambda table: table.name)
def test_every_raw_table_has_the_checks_of_its_kind(graph: AssetGraph, table: StreamTable) -> None:
    wanted = RAW_CHECKS | {SESSION_FRESHNESS}
    wanted |= {"complete"} if table.every_session else set()
    wanted |= {"row_count_band"} if table.band else set()
    wanted |= {"nothing_vanished"} if table.whole_sessions else set()
    key = dg.AssetKey(table.key)
    found = {check.name for check in graph.asset_check_keys if check.asset_key == key}
    assert wanted <= found


def test_schedules_and_sensors_run_by_default(definitions: dg.Definitions) -> None:
    repository = definitions.get_repository_def()
    statuses = {one.name: one.default_status.value for one in repository.sensor_defs}
    statuses |= {one.name: one.default_status.value for one in repository.schedule_defs}
    assert set(statuses) == {
        "market_hours",
        "kafka_lag",
        "stream_progress",
        "stream_complete",
        "late_corrections",
        "automation",
        "after_close",
        "late_data",
        "freshness",
        "flat_file_replacements",
        "dashboards",
        "flat_files_next_day",
        "finalize_next_day",
        "alerts",
        "janitor_nightly",
    }
    # In production only: what it finds belongs to other deployments.
    assert statuses.pop("janitor_nightly") == "STOPPED"
    assert set(statuses.values()) == {"RUNNING"}


def test_the_reconciled_facts_come_after_the_reconciliation(graph: AssetGraph) -> None:
    facts = dg.AssetKey(["marts", "market", "fct_stream_reconciliation"])
    reconciled = dg.AssetKey(["reconcile", "market", "daily_bars"])
    assert reconciled in graph.get(facts).parent_keys
    assert facts not in graph.get_ancestor_asset_keys(reconciled)
    assert graph.get(facts).pools == {"dbt"}


def test_a_backfill_of_any_range_is_one_run(graph: AssetGraph) -> None:
    for key in graph.executable_asset_keys:
        assert graph.get(key).backfill_policy == dg.BackfillPolicy.single_run(), key
