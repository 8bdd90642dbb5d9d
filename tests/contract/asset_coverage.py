"""What each asset has of what every asset must have, and the README's table of it."""

from dataclasses import dataclass
from pathlib import Path

import dagster as dg
from dagster._core.definitions.assets.graph.asset_graph import AssetGraph, AssetNode
from dagster._core.definitions.metadata.metadata_set import TableMetadataSet
from dagster._core.definitions.metadata.source_code import CodeReferencesMetadataSet

from polygon_assets.defs.platform.freshness import NAME as SESSION_FRESHNESS
from polygon_assets.env import PROJECT_ROOT
from polygon_assets.partitions import NYSE_SESSIONS
from polygon_assets.policies import UNPARTITIONED_REASON

README = PROJECT_ROOT / "README.md"

LAYERS = (
    "raw",
    "staging",
    "intermediate",
    "snapshots",
    "marts",
    "kafka",
    "clickhouse",
    "reconcile",
    "bi",
)


@dataclass(frozen=True)
class Coverage:
    """What one asset has."""

    key: str
    partitions: str
    has: dict[str, bool]
    checks: int

    @property
    def complete(self) -> bool:
        return bool(self.partitions and all(self.has.values()) and self.checks)


def coverage(graph: AssetGraph, key: dg.AssetKey) -> Coverage:
    node = graph.get(key)
    checks = [check for check in graph.asset_check_keys if check.asset_key == key]
    return Coverage(
        key.to_user_string(),
        partitions(node),
        {
            "owner": bool(node.owners),
            "group": node.group_name == group_of(key),
            "kinds": bool(node.kinds),
            "description": bool(node.description),
            "freshness": node.freshness_policy is not None,
            "columns": bool(columns(node)) or is_dashboard(key),
            "code": points_into_the_project(node),
        },
        checks=len([check for check in checks if check.name != SESSION_FRESHNESS]),
    )


def is_dashboard(key: dg.AssetKey) -> bool:
    """Whether an asset is no table, and so has neither a schema nor columns."""
    return key.path[0] == "bi"


def group_of(key: dg.AssetKey) -> str:
    return "bi_dashboards" if is_dashboard(key) else "_".join(key.path[:2])


def partitions(node: AssetNode) -> str:
    """``session``, or the reason why there are none."""
    if node.partitions_def == NYSE_SESSIONS:
        return "session"
    return str(node.metadata.get(UNPARTITIONED_REASON, ""))


def columns(node: AssetNode) -> list[str]:
    """Names of the columns, as the UI shows them before anything has run."""
    schema = TableMetadataSet.extract(node.metadata).column_schema
    return [column.name for column in schema.columns] if schema else []


def points_into_the_project(node: AssetNode) -> bool:
    """Whether the link to the code is a file of ours that exists."""
    found = CodeReferencesMetadataSet.extract(node.metadata).code_references
    references = found.code_references if found else []
    files = [one for one in references if isinstance(one, dg.LocalFileCodeReference)]
    paths = [Path(one.file_path) for one in files]
    return bool(paths) and all(
        path.is_relative_to(PROJECT_ROOT) and path.is_file() for path in paths
    )


def coverage_by_layer(graph: AssetGraph) -> str:
    """The README's table: layers in the order in which data flows."""
    rows = [coverage(graph, key) for key in graph.get_all_asset_keys()]
    head = ["assets", "session partitions", *rows[0].has, "a check or more", "checks"]
    lines = [f"| layer | {' | '.join(head)} |", f"|{'---|' * (len(head) + 1)}"]
    for layer in (*LAYERS, ""):
        of_layer = [row for row in rows if row.key.startswith(layer)]
        cells = [
            len(of_layer),
            sum(row.partitions == "session" for row in of_layer),
            *(sum(row.has[name] for row in of_layer) for name in rows[0].has),
            sum(row.checks > 0 for row in of_layer),
            sum(row.checks for row in of_layer),
        ]
        lines.append(f"| {layer or 'all'} | {' | '.join(map(str, cells))} |")
    return "\n".join(lines)


def readme_with(table: str, text: str) -> str:
    """The README's text with another table in the place of its own."""
    head = table.splitlines()[0]
    before, found, rest = text.partition(head)
    assert found, f"{README.name} has no table with the head {head}"
    lines = rest.splitlines(keepends=True)
    own = next(n for n, line in enumerate(lines[1:], 1) if not line.startswith("|"))
    return "".join([before, table, "\n", *lines[own:]])
