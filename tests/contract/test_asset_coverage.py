"""Every asset has what every asset must have."""

import io
import json
from collections.abc import Callable
from dataclasses import dataclass

import dagster as dg
import pytest
from dagster._core.definitions.assets.graph.asset_graph import AssetGraph, AssetNode
from dagster._core.definitions.assets.job.asset_layer import AssetLayer
from rich.console import Console
from rich.table import Table

from polygon_assets.defs.platform.freshness import NAME as SESSION_FRESHNESS
from polygon_assets.defs.raw import STREAM_TABLES
from polygon_assets.defs.ticks.tables import SESSION_OF
from polygon_assets.manifest import MANIFEST
from polygon_assets.partitions import NYSE_SESSIONS
from polygon_assets.policies import OWNERS, UNPARTITIONED_REASON
from polygon_assets.raw.table import StreamTable

DBT_LAYERS = ("staging", "intermediate", "marts", "snapshots")
OWN_CHECKS = (SESSION_FRESHNESS, "bars_final")
"""Checks on dbt's models that are not dbt's tests."""


@dataclass(frozen=True)
class Coverage:
    """What one asset has."""

    key: str
    partitions: str
    owner: bool
    kinds: bool
    description: bool
    freshness: bool
    checks: int

    @property
    def complete(self) -> bool:
        return bool(
            self.partitions
            and self.owner
            and self.kinds
            and self.description
            and self.freshness
            and self.checks
        )


def coverage(graph: AssetGraph, key: dg.AssetKey) -> Coverage:
    node = graph.get(key)
    checks = [check for check in graph.asset_check_keys if check.asset_key == key]
    return Coverage(
        key.to_user_string(),
        partitions(node),
        owner=bool(node.owners),
        kinds=bool(node.kinds),
        description=bool(node.description),
        freshness=node.freshness_policy is not None,
        checks=len([check for check in checks if check.name != SESSION_FRESHNESS]),
    )


def partitions(node: AssetNode) -> str:
    """``session``, or the reason why there are none."""
    if node.partitions_def == NYSE_SESSIONS:
        return "session"
    return str(node.metadata.get(UNPARTITIONED_REASON, ""))


@pytest.fixture(scope="module")
def graph(definitions: dg.Definitions) -> AssetGraph:
    return definitions.resolve_asset_graph()


def test_every_asset_is_covered(
    graph: AssetGraph, record_property: Callable[[str, object], None]
) -> None:
    rows = [coverage(graph, key) for key in sorted(graph.get_all_asset_keys())]
    table = Table("asset", "partitions", "owner", "kinds", "description", "freshness", "checks")
    for row in rows:
        flags = (row.owner, row.kinds, row.description, row.freshness)
        table.add_row(
            row.key, row.partitions, *("yes" if flag else "NO" for flag in flags), str(row.checks)
        )
    console = Console(width=130, file=io.StringIO(), record=True)
    console.print(table)
    record_property("coverage of the assets", console.export_text())
    assert [row.key for row in rows if not row.complete] == []
    assert len(rows) == 85


def test_keys_are_layer_schema_table_in_lower_case(graph: AssetGraph) -> None:
    for key in graph.get_all_asset_keys():
        assert len(key.path) == 3
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
        "after_close",
        "freshness_evening",
        "flat_file_replacements",
        "flat_files_next_day",
        "finalize_next_day",
    }
    assert set(statuses.values()) == {"RUNNING"}


def test_a_dbt_test_blocks_unless_it_only_warns(graph: AssetGraph) -> None:
    nodes = json.loads(MANIFEST.read_text())["nodes"].values()
    warning = {node["name"] for node in nodes if node["config"].get("severity") == "warn"}
    checks = {
        key: graph.get(key).blocking
        for key in graph.asset_check_keys
        if key.asset_key.path[0] in DBT_LAYERS and key.name not in OWN_CHECKS
    }
    assert len(checks) > 100
    assert {key.name for key, blocking in checks.items() if not blocking} <= warning
    assert not any(blocking for key, blocking in checks.items() if key.name in warning)


def test_the_reconciled_facts_come_after_the_reconciliation(graph: AssetGraph) -> None:
    facts = dg.AssetKey(["marts", "market", "fct_stream_reconciliation"])
    reconciled = dg.AssetKey(["reconcile", "market", "daily_bars"])
    assert reconciled in graph.get(facts).parent_keys
    assert facts not in graph.get_ancestor_asset_keys(reconciled)
    assert graph.get(facts).pools == {"dbt"}


def test_dashboards_name_models_that_exist() -> None:
    manifest = json.loads(MANIFEST.read_text())
    exposures = {one["label"]: one for one in manifest["exposures"].values()}
    assert exposures.keys() == {"bi/daily_market", "bi/live_market"}
    for one in exposures.values():
        assert one["type"] == "dashboard"
        assert one["owner"]["name"] == "analytics"
        assert set(one["depends_on"]["nodes"]) <= manifest["nodes"].keys()
