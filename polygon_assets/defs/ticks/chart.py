"""A session of the stream in two lines: how many events came, and how far behind the sink was."""

from datetime import date, datetime
from typing import Any

import dagster as dg

from polygon_assets.defs.ticks.assets import BARS_1S
from polygon_assets.resources.clickhouse import ClickHouse
from polygon_assets.sessions import NEW_YORK
from polygon_assets.sparkline import Point, markdown_line

# Every version of a bar was an event. A minute without any is a zero, not a hole.
EVENTS = """
SELECT formatDateTime(minute, '%H:%i', 'America/New_York'), events
FROM (
    SELECT toStartOfMinute(bar_start) AS minute, count() AS events FROM {ticks}.bars_1s
    WHERE session_date = {session:Date}
    GROUP BY minute ORDER BY minute WITH FILL STEP toIntervalMinute(1)
)
"""

MOST_OBSERVATIONS = 500
"""More than an extended session has, of which one is every five minutes."""


def session_pictures(
    clickhouse: ClickHouse, instance: dg.DagsterInstance, session: date
) -> dict[str, Any]:
    """Both lines as metadata, each where there are values enough."""
    found = {
        "events_per_minute": markdown_line(
            f"Second bars a minute, {session}", events_per_minute(clickhouse, session)
        ),
        "lag_over_session": markdown_line(
            f"Lag of the sink, messages, {session}", lag_over_session(instance, session)
        ),
    }
    return {name: dg.MetadataValue.md(picture) for name, picture in found.items() if picture}


def events_per_minute(clickhouse: ClickHouse, session: date) -> list[Point]:
    """Second bars that came of each minute of a session, replaced ones included, New York time."""
    rows = clickhouse.query(EVENTS, {"session": session})
    return [Point(str(minute), float(events)) for minute, events in rows]


def lag_over_session(instance: dg.DagsterInstance, session: date) -> list[Point]:
    """Messages that were not settled at each look at the stream, New York time."""
    wanted = dg.AssetRecordsFilter(dg.AssetKey(BARS_1S), asset_partitions=[str(session)])
    records = instance.fetch_observations(wanted, limit=MOST_OBSERVATIONS).records
    looks: dict[datetime, int] = {}
    for record in records:
        metadata = record.asset_observation.metadata if record.asset_observation else {}
        at, lag = metadata.get("market_time"), metadata.get("lag")
        if isinstance(at, dg.TextMetadataValue) and isinstance(lag, dg.IntMetadataValue):
            # The newest comes first: what was seen before the clock was set back does not count.
            looks.setdefault(datetime.fromisoformat(at.value or ""), lag.value or 0)
    return [
        Point(f"{at.astimezone(NEW_YORK):%H:%M}", float(lag)) for at, lag in sorted(looks.items())
    ]
