"""The calendar-aware half of freshness: is the session that is due present?

Dagster's own policy looks at the time of the last materialization only, so a backfill of an old
session makes a table look fresh, and a holiday makes a daily deadline look missed.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta

import dagster as dg

from polygon_assets.defs.platform.due import Cadence
from polygon_assets.policies import check_metadata
from polygon_assets.resources.polygon import Polygon

NAME = "session_freshness"


def session_freshness_checks(
    keys: Sequence[dg.AssetKey], cadence: Cadence
) -> dg.AssetChecksDefinition:
    """One check per asset: the newest session that is due has been materialized.

    Args:
        keys: The assets.
        cadence: When their sessions are due.
    """
    specs = [
        dg.AssetCheckSpec(
            NAME,
            asset=key,
            description=f"The newest session that closed {_hours(cadence.grace)} ago is present.",
            metadata=check_metadata(key.path, "ERROR"),
        )
        for key in keys
    ]

    @dg.multi_asset_check(specs=specs, can_subset=True, name=f"{NAME}_{cadence.name}")
    def check(
        context: dg.AssetCheckExecutionContext, polygon: Polygon
    ) -> Iterator[dg.AssetCheckResult]:
        due = str(cadence.due(polygon.now()).session_date)
        selected = {key.asset_key: key.name for key in context.selected_asset_check_keys}
        missing = set(missing_of(context.instance, selected, due))
        for key, name in selected.items():
            found = "missing" if key in missing else "present"
            yield dg.AssetCheckResult(
                asset_key=key,
                check_name=name,
                passed=key not in missing,
                description=f"Session {due} is due and {found}.",
                metadata={"due_session": due},
            )

    return check


def missing_of(
    instance: dg.DagsterInstance, keys: Iterable[dg.AssetKey], session: str
) -> list[dg.AssetKey]:
    """The assets that have never been materialized for a session; observations do not count."""
    return [key for key in keys if not _is_materialized(instance, key, session)]


def _hours(grace: timedelta) -> str:
    return f"{grace / timedelta(hours=1):g} hours"


def _is_materialized(instance: dg.DagsterInstance, key: dg.AssetKey, session: str) -> bool:
    wanted = dg.AssetRecordsFilter(asset_key=key, asset_partitions=[session])
    return bool(instance.fetch_materializations(wanted, limit=1).records)


def newest_session_checks(keys: Iterable[dg.AssetKey]) -> dg.AssetSelection:
    """Checks that ask for the newest session: a run that may be about another leaves them out."""
    return dg.AssetSelection.checks(*(dg.AssetCheckKey(key, NAME) for key in keys))
