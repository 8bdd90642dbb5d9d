"""Which assets a dashboard is made from: the tables that its datasets read."""

import re

import dagster as dg

from polygon_assets.columns import columns
from polygon_assets.defs.dashboards.bundle import Bundle, BundleError, Object

LAYERS = {
    "SNOWFLAKE_MARTS": ("marts", "market"),
    "CLICKHOUSE_ROLLUPS": ("clickhouse", "rollups"),
    "CLICKHOUSE_TICKS": ("clickhouse", "ticks"),
}
"""What the files write for a schema -> the first parts of the asset keys in it."""

HELPERS = {("clickhouse", "rollups", "live_sessions"): ("clickhouse", "ticks", "bars_1s")}
"""A view that is no asset -> the asset that it looks at."""

_TABLE = re.compile(r"\{\{ env\[\"([A-Z_]+)\"\] \}\}\.(\w+)")
"""A table in the SQL of a dataset. None goes without its schema: a test parses the SQL."""

Key = tuple[str, str, str]


def assets_of(bundle: Bundle, dashboard: str) -> list[dg.AssetKey]:
    """The assets that a dashboard reads, in the order of their keys.

    Args:
        bundle: Not rendered: the files tell the layers apart by their placeholders.
        dashboard: Key of the dashboard.

    Raises:
        BundleError: A dataset reads a table that is no asset.
    """
    found = {key for one in bundle.datasets_of(dashboard).values() for key in tables(one)}
    return [dg.AssetKey(list(key)) for key in sorted(found)]


def tables(dataset: Object) -> list[Key]:
    """The asset keys of the tables that a dataset reads.

    Raises:
        BundleError: It reads none, or one that is no asset.
    """
    text = dataset.get("sql") or f"{dataset['schema']}.{dataset['table_name']}"
    found = sorted({_key(dataset, schema, table) for schema, table in _TABLE.findall(text)})
    if not found:
        wanted = ", ".join(f'{{{{ env["{name}"] }}}}' for name in LAYERS)
        raise BundleError(
            f"The dataset {dataset['table_name']} reads no table of ours: write one of {wanted} "
            "in front of each."
        )
    return found


def _key(dataset: Object, schema: str, table: str) -> Key:
    if schema not in LAYERS:
        raise BundleError(f"The dataset {dataset['table_name']} reads {schema}, which is no layer.")
    key = (*LAYERS[schema], table.lower())
    key = HELPERS.get(key, key)
    # The models of dbt are known to its manifest, which is read when the check is.
    if key[0] == "clickhouse" and "/".join(key) not in columns():
        raise BundleError(
            f"The dataset {dataset['table_name']} reads {'/'.join(key)}, which is no asset."
        )
    return key
