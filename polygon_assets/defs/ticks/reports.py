"""Sensors that report what the stream wrote: how it goes, and that a session is complete."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any

import dagster as dg

from polygon_assets.defs.ticks.assets import BARS_1S, BARS_TOPIC, STREAM_KEYS, TOPIC_KEYS
from polygon_assets.defs.ticks.control import stream_window
from polygon_assets.defs.ticks.facts import session_metadata
from polygon_assets.defs.ticks.figures import stream_figures
from polygon_assets.defs.ticks.tables import SESSION_OF
from polygon_assets.links import topic_link
from polygon_assets.policies import SENSOR_STATUS
from polygon_assets.resources.clickhouse import ClickHouse
from polygon_assets.resources.ecs import StreamServices
from polygon_assets.resources.kafka import Kafka
from polygon_assets.resources.polygon import Polygon
from polygon_assets.sessions import Session, current_or_previous_session, session, sessions_ending
from polygon_assets.settings import StreamHours

OBSERVED_EVERY = timedelta(minutes=5)
"""On the market's clock: some eighty observations of an asset in a session, not eight hundred."""

SESSIONS_LOOKED_BACK = 5
"""A session that was over while no sensor ran is reported later, if it is one of so many."""

END_OFFSET = "end_offset"
"""Metadata of a topic: where it ended when a session was reported, and the next one begins."""


@dg.sensor(
    minimum_interval_seconds=30,
    default_status=SENSOR_STATUS,
    description="Observes lag, rows a minute and latency every five minutes of market time.",
)
def stream_progress(
    context: dg.SensorEvaluationContext,
    polygon: Polygon,
    kafka: Kafka,
    clickhouse: ClickHouse,
    stream_services: StreamServices,
) -> dg.SensorResult | dg.SkipReason:
    """One observation of the topic and of the table, for the time since the last one."""
    now = polygon.now()
    current = current_or_previous_session(now)
    window = stream_window(current, stream_services.hours)
    if not window.contains(now):
        return dg.SkipReason("the stream does not run")
    before = datetime.fromisoformat(context.cursor) if context.cursor else now - OBSERVED_EVERY
    # A clock that went back is another market: a replay that began anew.
    if timedelta() <= now - before < OBSERVED_EVERY:
        return dg.SkipReason(f"observed at {before:%H:%M:%S} UTC")
    first = max(before if before < now else now - OBSERVED_EVERY, window.start)
    figures = stream_figures(clickhouse, kafka.bars_topic, current.session_date, first, now)
    lag = kafka.lag()
    minutes = (now - first) / timedelta(minutes=1)
    clock: dict[str, Any] = {"market_time": now.isoformat(timespec="seconds")}
    by_partition = {f"lag_partition_{number}": one for number, one in sorted(lag.items())}
    rate = {"rows_per_minute": round(figures.rows / minutes, 1) if minutes else 0.0}
    observed = {
        tuple(BARS_TOPIC): clock
        | {"lag": sum(lag.values())}
        | by_partition
        | topic_link(kafka.bars_topic),
        tuple(BARS_1S): clock | {"lag": sum(lag.values())} | rate | figures.metadata(),
    }
    return dg.SensorResult(
        cursor=now.isoformat(),
        asset_events=[
            dg.AssetObservation(
                dg.AssetKey(key), partition=str(current.session_date), metadata=metadata
            )
            for key, metadata in observed.items()
        ],
    )


@dg.sensor(
    minimum_interval_seconds=60,
    default_status=SENSOR_STATUS,
    description="Reports a session of the stream as materialized once, when it is complete.",
)
def stream_complete(
    context: dg.SensorEvaluationContext,
    polygon: Polygon,
    kafka: Kafka,
    clickhouse: ClickHouse,
    stream_services: StreamServices,
) -> dg.SensorResult | dg.SkipReason:
    """One materialization per session for everything that the stream wrote.

    What has been reported is asked of the event log and not remembered, so that a sensor that was
    reset or killed half way reports what is missing, and nothing twice.
    """
    over = sessions_over(polygon.now(), stream_services.hours)
    reported = {
        tuple(key): context.instance.get_materialized_partitions(dg.AssetKey(key))
        for key in [*STREAM_KEYS, *SESSION_OF]
    }
    missing = {
        day.session_date: [key for key in reported if str(day.session_date) not in reported[key]]
        for day in over
    }
    waiting = [day for day in over if missing[day.session_date]]
    written = sessions_written(clickhouse, waiting) if waiting else set[date]()
    due = [day for day in waiting if day.session_date in written]
    if not due:
        said = "the stream wrote nothing in" if over[-1] in waiting else "it is reported:"
        return dg.SkipReason(f"{said} session {over[-1].session_date}")
    if lag := sum(kafka.lag().values()):
        return dg.SkipReason(f"session {due[-1].session_date} is not complete: lag {lag}")
    facts = topic_facts(context.instance, kafka)
    events: list[dg.AssetMaterialization] = []
    for day in due:
        # What the topics got since the last report belongs to the newest session of this one.
        topics = facts if day is due[-1] else {}
        metadata = session_metadata(context.instance, clickhouse, kafka, day, topics)
        events += [
            dg.AssetMaterialization(
                dg.AssetKey(key), partition=str(day.session_date), metadata=metadata.get(key, {})
            )
            for key in missing[day.session_date]
        ]
    return dg.SensorResult(asset_events=events)


def sessions_over(now: datetime, hours: StreamHours) -> list[Session]:
    """The newest few sessions whose last late bar is in, ascending."""
    newest = current_or_previous_session(now).session_date
    days = map(session, sessions_ending(newest, SESSIONS_LOOKED_BACK + 1))
    return [day for day in days if stream_window(day, hours).end <= now][-SESSIONS_LOOKED_BACK:]


def sessions_written(clickhouse: ClickHouse, days: Sequence[Session]) -> set[date]:
    """Which of these sessions, given ascending, have second bars."""
    rows = clickhouse.query(
        "SELECT DISTINCT session_date FROM {ticks}.bars_1s "
        "WHERE session_date BETWEEN {first:Date} AND {last:Date}",
        {"first": days[0].session_date, "last": days[-1].session_date},
    )
    return {row[0] for row in rows}


def topic_facts(instance: dg.DagsterInstance, kafka: Kafka) -> dict[str, dict[str, int]]:
    """Topic asset's name -> messages since the last report, and where the topic ends now."""
    facts: dict[str, dict[str, int]] = {}
    for key in TOPIC_KEYS:
        topic = kafka.topics()[key[-1]]
        end = sum(kafka.end_offsets(topic).values())
        before = _last_end(instance, dg.AssetKey(key))
        known = before is not None and before <= end
        messages = end - before if before is not None and known else kafka.message_count(topic)
        facts[key[-1]] = {"messages": messages, END_OFFSET: end}
    return facts


def _last_end(instance: dg.DagsterInstance, key: dg.AssetKey) -> int | None:
    event = instance.get_latest_materialization_event(key)
    reported = event.asset_materialization if event else None
    value = reported.metadata.get(END_OFFSET) if reported else None
    return value.value if isinstance(value, dg.IntMetadataValue) else None
