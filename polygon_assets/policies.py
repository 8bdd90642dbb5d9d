"""What every asset of a layer has in common: owner, freshness, partitions."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any

import dagster as dg

from polygon_assets.partitions import NYSE_SESSIONS

OWNERS = {
    "raw": "team:market-data",
    "staging": "team:analytics",
    "intermediate": "team:analytics",
    "marts": "team:analytics",
    "snapshots": "team:analytics",
    "kafka": "team:streaming",
    "clickhouse": "team:streaming",
    "reconcile": "team:market-data",
}
"""Layer (first part of the asset key) -> who answers for it."""

UNPARTITIONED_REASON = "unpartitioned_reason"
"""Metadata key under which an asset without session partitions says why."""

# The longest pause between two NYSE sessions is four days. A window that is longer never raises
# a false alarm over a long weekend; the check `session_freshness` knows the calendar and is exact.
SESSION_FRESHNESS = dg.FreshnessPolicy.time_window(
    fail_window=timedelta(days=4, hours=12), warn_window=timedelta(days=4, hours=3)
)

# The calendar changes once a year, when the exchange publishes the next one.
CALENDAR_FRESHNESS = dg.FreshnessPolicy.time_window(fail_window=timedelta(days=400))


def session_spec(
    key: Sequence[str],
    *,
    description: str,
    kinds: Iterable[str],
    deps: Sequence[dg.AssetKey] = (),
    metadata: Mapping[str, Any] | None = None,
    code_version: str | None = None,
) -> dg.AssetSpec:
    """The spec of a session-partitioned asset ``[layer, schema, table]``."""
    layer, schema, _ = key
    return dg.AssetSpec(
        dg.AssetKey(list(key)),
        description=description,
        kinds=set(kinds),
        group_name=f"{layer}_{schema}",
        owners=[OWNERS[layer]],
        partitions_def=NYSE_SESSIONS,
        freshness_policy=SESSION_FRESHNESS,
        deps=list(deps),
        metadata=dict(metadata or {}),
        code_version=code_version,
    )
