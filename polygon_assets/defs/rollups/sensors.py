"""When a session's rollups are built again: a bar of it was corrected after they were built."""

from datetime import date

import dagster as dg

from polygon_assets.defs.platform.freshness import newest_session_checks
from polygon_assets.defs.rollups.assets import ROLLUPS
from polygon_assets.defs.rollups.drift import sessions_changed_since_rebuild
from polygon_assets.defs.ticks.control import stream_window
from polygon_assets.partitions import SESSION_TAG
from polygon_assets.policies import SENSOR_STATUS
from polygon_assets.resources.clickhouse import ClickHouse
from polygon_assets.resources.ecs import StreamServices
from polygon_assets.resources.polygon import Polygon
from polygon_assets.sessions import is_session, session

_KEYS = [dg.AssetKey(rollup.key) for rollup in ROLLUPS]

late_corrections_job = dg.define_asset_job(
    "late_corrections",
    selection=dg.AssetSelection.assets(*_KEYS) - newest_session_checks(_KEYS),
    description="The rollups of one session, built again after a correction.",
)


@dg.sensor(
    job=late_corrections_job,
    minimum_interval_seconds=300,
    default_status=SENSOR_STATUS,
    description="Rebuilds the rollups of exactly those closed sessions whose second bars changed.",
)
def late_corrections(
    polygon: Polygon, clickhouse: ClickHouse, stream_services: StreamServices
) -> list[dg.RunRequest] | dg.SkipReason:
    """One run for each correction: its key is the session and the receipt of its newest bar."""
    now = polygon.now()
    closed = [
        day
        for day in sessions_changed_since_rebuild(clickhouse)
        if is_session(day) and stream_window(session(day), stream_services.hours).end <= now
    ]
    if not closed:
        return dg.SkipReason("no closed session has changed since its rollups were built")
    received = last_received(clickhouse, closed)
    return [
        dg.RunRequest(
            run_key=f"late-{day}-{received[day]}",
            partition_key=str(day),
            tags={SESSION_TAG: str(day), "rollups/corrected_until": str(received[day])},
        )
        for day in closed
    ]


def last_received(clickhouse: ClickHouse, days: list[date]) -> dict[date, int]:
    """Session -> when the newest version of any of its bars was received, epoch milliseconds."""
    rows = clickhouse.query(
        "SELECT session_date, toUnixTimestamp64Milli(max(received_at)) FROM {ticks}.bars_1s "
        "WHERE session_date IN {days:Array(Date)} GROUP BY session_date",
        {"days": days},
    )
    return {row[0]: int(row[1]) for row in rows}
