"""The morning after: the session's bars are read again, now final, with late corporate actions."""

import dagster as dg

from polygon_assets.defs.actions.assets import DIVIDENDS, SPLITS
from polygon_assets.defs.bars.assets import DAILY_BARS
from polygon_assets.defs.marts.assets import market_models
from polygon_assets.defs.platform.freshness import newest_session_checks
from polygon_assets.partitions import request_session
from polygon_assets.policies import SCHEDULE_STATUS
from polygon_assets.sessions import NEW_YORK

FINALIZE_JOB = "finalize"

_READ_AGAIN = [dg.AssetKey(table.key) for table in (DAILY_BARS, SPLITS, DIVIDENDS)]
_MADE_FROM_THEM = dg.AssetSelection.assets(*_READ_AGAIN).downstream()
# The seeds have no sessions, and are made from nothing.
_KEYS = [*_READ_AGAIN, *(spec.key for spec in market_models.specs if spec.partitions_def)]

finalize_job = dg.define_asset_job(
    FINALIZE_JOB,
    selection=(dg.AssetSelection.assets(*_KEYS) & _MADE_FROM_THEM) - newest_session_checks(_KEYS),
    description="One session's bars, splits and dividends again, and every model made from them.",
)


@dg.schedule(
    job_name=FINALIZE_JOB,
    cron_schedule="30 11 * * 2-6",
    execution_timezone=NEW_YORK.key,
    default_status=SCHEDULE_STATUS,
    description="The session of the day before, half an hour after its bars are final.",
)
def finalize_next_day(
    context: dg.ScheduleEvaluationContext,
) -> dg.RunRequest | dg.SkipReason:
    """Ask for the session of the day before the tick; on Saturdays that is Friday's."""
    return request_session(context, "finalize", days_before=1)
