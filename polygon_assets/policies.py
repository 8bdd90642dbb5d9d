"""What every asset of a layer has in common: owner, freshness, partitions, columns.

And of every sensor and schedule, whether it runs by itself.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any, Literal

import dagster as dg

from polygon_assets.columns import column_schema
from polygon_assets.env import deployment_names
from polygon_assets.partitions import NYSE_SESSIONS
from polygon_assets.sources import declared_here

OWNERS = {
    "raw": "team:market-data",
    "staging": "team:analytics",
    "intermediate": "team:analytics",
    "marts": "team:analytics",
    "snapshots": "team:analytics",
    "kafka": "team:streaming",
    "clickhouse": "team:streaming",
    "reconcile": "team:market-data",
    "bi": "team:analytics",
}
"""Layer (first part of the asset key) -> who answers for it."""

UNPARTITIONED_REASON = "unpartitioned_reason"
"""Metadata key under which an asset without session partitions says why."""

# The longest closure in the vendor's history is that of hurricane Sandy: from Friday's run to
# Wednesday's are five days, and some hours more until it is late. A window that is longer never
# raises a false alarm; the check `session_freshness` knows the calendar and is exact.
SESSION_FRESHNESS = dg.FreshnessPolicy.time_window(
    fail_window=timedelta(days=5, hours=16), warn_window=timedelta(days=5, hours=8)
)

# Seeds are loaded again on the first of every month.
MONTHLY_FRESHNESS = dg.FreshnessPolicy.time_window(
    fail_window=timedelta(days=33), warn_window=timedelta(days=32)
)

LANE_TAG = "polygon/lane"
"""Tag of runs without a partition, which the instance's limits count (``dagster.yaml``)."""

# A branch computes what it is asked for: its raw tables are clones that no evening adds to, and a
# stream of its own has to be wanted.
_RUNS_BY_ITSELF = not deployment_names().is_branch

SENSOR_STATUS = (
    dg.DefaultSensorStatus.RUNNING if _RUNS_BY_ITSELF else dg.DefaultSensorStatus.STOPPED
)
"""Of every sensor until somebody starts or stops it in the UI."""

SCHEDULE_STATUS = (
    dg.DefaultScheduleStatus.RUNNING if _RUNS_BY_ITSELF else dg.DefaultScheduleStatus.STOPPED
)
"""The same of every schedule."""

Severity = Literal["ERROR", "WARN"]


def check_metadata(asset: Sequence[str], severity: Severity) -> dict[str, str]:
    """What the catalogue shows of a check before it has run.

    Args:
        asset: Key of the asset that it is about, whose owner it has.
        severity: ERROR where a failure is an error, WARN where it is a warning.
    """
    return {"severity": severity, "owner": OWNERS[asset[0]]}


def session_spec(
    key: Sequence[str],
    *,
    description: str,
    kinds: Iterable[str],
    deps: Sequence[dg.AssetDep | dg.AssetKey] = (),
    metadata: Mapping[str, Any] | None = None,
    code_version: str | None = None,
    automation_condition: dg.AutomationCondition[dg.AssetKey] | None = None,
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
        automation_condition=automation_condition,
        deps=list(deps),
        metadata={**column_schema(key), **declared_here(), **(metadata or {})},
        code_version=code_version,
    )
