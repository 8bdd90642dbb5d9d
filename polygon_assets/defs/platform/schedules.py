"""What runs after every session: the session's assets, then the question whether they came."""

from collections.abc import Sequence

import dagster as dg

from polygon_assets.defs.platform.freshness import (
    NAME,
    NEXT_DAY_GRACE,
    session_freshness_checks,
)
from polygon_assets.partitions import request_session
from polygon_assets.sessions import NEW_YORK

SESSION_JOB = "session"
FRESHNESS_JOB = "session_freshness"


def platform_definitions(
    assets: Sequence[dg.AssetsDefinition | dg.AssetSpec],
    next_day: Sequence[dg.AssetsDefinition] = (),
) -> dg.Definitions:
    """Jobs, schedules and freshness checks for every asset with session partitions.

    Args:
        assets: What a session has on its own evening.
        next_day: What the vendor publishes on the next day only; it has a schedule of its own.
    """
    evening, later = _session_keys(assets), _session_keys(next_day)
    keys = [*evening, *later]
    computed = _session_keys([one for one in assets if isinstance(one, dg.AssetsDefinition)])
    freshness = dg.AssetSelection.checks(*(dg.AssetCheckKey(key, NAME) for key in keys))
    session_job = dg.define_asset_job(
        SESSION_JOB,
        selection=dg.AssetSelection.assets(*computed) - freshness,
        description="One session through both halves: raw tables, models, rollups, reconciliation.",
    )
    freshness_job = dg.define_asset_job(
        FRESHNESS_JOB,
        selection=freshness,
        description="Whether the newest session that is due is present everywhere.",
    )
    return dg.Definitions(
        asset_checks=[
            session_freshness_checks(evening),
            session_freshness_checks(later, NEXT_DAY_GRACE, f"{NAME}_next_day_checks"),
        ],
        jobs=[session_job, freshness_job],
        schedules=[after_close, freshness_evening],
    )


def _session_keys(assets: Sequence[dg.AssetsDefinition | dg.AssetSpec]) -> list[dg.AssetKey]:
    """The keys of the assets that have session partitions."""
    specs = [
        spec
        for asset in assets
        for spec in ([asset] if isinstance(asset, dg.AssetSpec) else asset.specs)
    ]
    return [spec.key for spec in specs if spec.partitions_def is not None]


@dg.schedule(
    job_name=SESSION_JOB,
    cron_schedule="30 17 * * 1-5",
    execution_timezone=NEW_YORK.key,
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="The session of the day, an hour and a half after a full day's close.",
)
def after_close(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
    """Ask for the session of the tick's New York date; the calendar says whether there is one.

    A vendor plan with end-of-day data publishes the official bar after midnight only. The run then
    fails and names the missing session: move the schedule to the next morning.
    """
    return request_session(context, "session")


freshness_evening = dg.ScheduleDefinition(
    name="freshness_evening",
    job_name=FRESHNESS_JOB,
    cron_schedule="0 20 * * *",
    execution_timezone=NEW_YORK.key,
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Every evening, on closed days too: the answer follows the calendar.",
)
