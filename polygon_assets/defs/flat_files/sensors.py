"""When the flat files are loaded: the day after the session, and again when one is replaced."""

import dagster as dg

from polygon_assets.defs.flat_files.replacements import SESSIONS_LOOKED_AT, replaced_files
from polygon_assets.defs.flat_files.tables import TABLES
from polygon_assets.defs.platform.freshness import newest_session_checks
from polygon_assets.partitions import SESSION_TAG, SessionWindow, request_session
from polygon_assets.policies import SCHEDULE_STATUS, SENSOR_STATUS
from polygon_assets.resources.flat_files import FlatFiles
from polygon_assets.resources.polygon import Polygon
from polygon_assets.resources.snowflake import Warehouse
from polygon_assets.sessions import (
    NEW_YORK,
    current_or_previous_session,
    sessions_ending,
)

FLAT_FILES_JOB = "flat_files"

_KEYS = [dg.AssetKey(table.key) for table in TABLES]

flat_files_job = dg.define_asset_job(
    FLAT_FILES_JOB,
    selection=dg.AssetSelection.assets(*_KEYS) - newest_session_checks(_KEYS),
    description="The flat files of one session.",
)


@dg.sensor(
    job=flat_files_job,
    minimum_interval_seconds=3600,
    default_status=SENSOR_STATUS,
    description="Loads the sessions again whose file the vendor has replaced.",
)
def flat_file_replacements(
    polygon: Polygon, flat_files: FlatFiles, snowflake: Warehouse
) -> list[dg.RunRequest] | dg.SkipReason:
    """Compare the newest loaded files with the bucket, on the market's own clock."""
    last = current_or_previous_session(polygon.now()).session_date
    window = SessionWindow(sessions_ending(last, SESSIONS_LOOKED_AT)[0], last)
    bucket = flat_files.open()
    compared, requests = 0, list[dg.RunRequest]()
    for table in TABLES:
        count, found = replaced_files(bucket, snowflake, table, window)
        compared += count
        requests += [
            dg.RunRequest(
                run_key=one.run_key,
                partition_key=str(one.session),
                asset_selection=[dg.AssetKey(table.key)],
                tags={SESSION_TAG: str(one.session), "flat_files/etag": one.etag},
            )
            for one in found
        ]
    return requests or dg.SkipReason(f"{compared} loaded files are those of the bucket")


@dg.schedule(
    job_name=FLAT_FILES_JOB,
    cron_schedule="30 11 * * *",
    execution_timezone=NEW_YORK.key,
    default_status=SCHEDULE_STATUS,
    description="The session of the day before, half an hour after its files are due.",
)
def flat_files_next_day(
    context: dg.ScheduleEvaluationContext,
) -> dg.RunRequest | dg.SkipReason:
    """Ask for the session of the day before the tick; on Saturdays that is Friday's."""
    return request_session(context, "flat-files", days_before=1)
