"""Every check says what it is: severity, owner, the code that it is, and why it blocks."""

import io
import json
from collections.abc import Callable

import dagster as dg
from dagster._core.definitions.assets.graph.asset_graph import AssetGraph
from rich.console import Console
from rich.table import Table

from polygon_assets.code_versions import METADATA_KEY
from polygon_assets.defs.platform.freshness import NAME as SESSION_FRESHNESS
from polygon_assets.gate.dbt_state import UNIQUE_ID
from polygon_assets.gate.facts import CODE_VERSION
from polygon_assets.manifest import MANIFEST
from polygon_assets.policies import OWNERS

DBT_LAYERS = ("staging", "intermediate", "marts", "snapshots")
OWN_CHECKS = (SESSION_FRESHNESS, "bars_final")
"""Checks on dbt's models that are not dbt's tests."""

READ_OUTSIDE = {
    "raw": "people read it in the warehouse: a failed run tells them",
    "staging": "people read it in the warehouse: a failed run tells them",
    "marts": "dashboards and notebooks read it",
    "snapshots": "it is the history of a dimension, which cannot be made again",
    "clickhouse": "dashboards read it while the session is open",
}
"""Layer -> why a blocking check is right where nothing here is made from the table."""


def test_every_check_tells_severity_and_owner(graph: AssetGraph) -> None:
    for key in graph.asset_check_keys:
        told = graph.get_check_spec(key).metadata
        assert told["owner"] == OWNERS[key.asset_key.path[0]], key
        assert told["severity"] in ("ERROR", "WARN"), key
        assert graph.get_check_spec(key).description or key.asset_key.path[0] in DBT_LAYERS, key


def test_only_errors_block_and_what_blocks_keeps_something_from_being_wrong(
    graph: AssetGraph, record_property: Callable[[str, object], None]
) -> None:
    table = Table("checks", "ERROR, blocking", "ERROR", "WARN", "blocks for")
    counted: dict[tuple[str, str], dict[str, int]] = {}
    for key in graph.asset_check_keys:
        node, layer = graph.get(key), key.asset_key.path[0]
        severity = graph.get_check_spec(key).metadata["severity"]
        assert severity == "ERROR" or not node.blocking, key
        downstream = bool(graph.get(key.asset_key).child_keys)
        assert downstream or not node.blocking or layer in READ_OUTSIDE, key
        why = "what is made from it" if downstream else READ_OUTSIDE.get(layer, "-")
        row = counted.setdefault((layer, why), {"blocking": 0, "ERROR": 0, "WARN": 0})
        row["blocking" if node.blocking else severity] += 1
    for (layer, why), row in sorted(counted.items()):
        table.add_row(layer, *(str(number) for number in row.values()), why)
    console = Console(width=130, file=io.StringIO(), record=True)
    console.print(table)
    record_property("catalogue of the checks", console.export_text())


def test_the_streams_checks_come_before_what_is_rolled_up(definitions: dg.Definitions) -> None:
    """A blocking check on second bars that Dagster does not compute holds the rollups back."""
    job = definitions.resolve_job_def("session")
    plan = {
        node.name: {dep.node for deps in inputs.values() for dep in deps.get_node_dependencies()}
        for node, inputs in job.dependencies.items()
    }
    rollup = next(names for node, names in plan.items() if "rollup_bars_1m" in node)
    assert any("bars_1s" in name for name in rollup), rollup


def test_every_check_says_which_code_it_is(graph: AssetGraph) -> None:
    """dbt compares its own tests; the calendar check is no part of a gate."""
    found = {key: set(graph.get_check_spec(key).metadata or {}) for key in graph.asset_check_keys}
    assert METADATA_KEY == CODE_VERSION
    assert [
        key
        for key, metadata in found.items()
        if key.name != SESSION_FRESHNESS and not metadata & {METADATA_KEY, UNIQUE_ID}
    ] == []


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
