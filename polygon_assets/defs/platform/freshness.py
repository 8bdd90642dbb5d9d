"""The calendar-aware half of freshness: is the session that is due present?

Dagster's own policy looks at the time of the last materialization only, so a backfill of an old
session makes a table look fresh, and a holiday makes a daily deadline look missed.
"""

from collections.abc import Iterator, Sequence
from datetime import timedelta

import dagster as dg

from polygon_assets.resources.polygon import Polygon
from polygon_assets.sessions import due_session

NAME = "session_freshness"

GRACE = timedelta(hours=2, minutes=30)
"""After the close, until a session's tables must be complete."""

NEXT_DAY_GRACE = timedelta(hours=24)
"""The same for tables whose data the vendor publishes at 11:00 New York on the next day."""


def session_freshness_checks(
    keys: Sequence[dg.AssetKey], grace: timedelta = GRACE, name: str = f"{NAME}_checks"
) -> dg.AssetChecksDefinition:
    """One check per asset: the newest session that is due has been materialized.

    Args:
        keys: The assets.
        grace: After the close, until the session is due.
        name: Name of the op.
    """
    specs = [
        dg.AssetCheckSpec(
            NAME,
            asset=key,
            description=f"The newest session whose close is {_hours(grace)} ago is present.",
        )
        for key in keys
    ]

    @dg.multi_asset_check(specs=specs, can_subset=True, name=name)
    def check(
        context: dg.AssetCheckExecutionContext, polygon: Polygon
    ) -> Iterator[dg.AssetCheckResult]:
        due = str(due_session(polygon.now(), grace).session_date)
        for selected in context.selected_asset_check_keys:
            present = _is_materialized(context.instance, selected.asset_key, due)
            yield dg.AssetCheckResult(
                asset_key=selected.asset_key,
                check_name=selected.name,
                passed=present,
                description=f"Session {due} is due and {'present' if present else 'missing'}.",
                metadata={"due_session": due},
            )

    return check


def _hours(grace: timedelta) -> str:
    return f"{grace / timedelta(hours=1):g} hours"


def _is_materialized(instance: dg.DagsterInstance, key: dg.AssetKey, session: str) -> bool:
    wanted = dg.AssetRecordsFilter(asset_key=key, asset_partitions=[session])
    return bool(instance.fetch_materializations(wanted, limit=1).records)
