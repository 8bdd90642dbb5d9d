"""Sensors that keep the stream in step with the market, and report what it wrote."""

from typing import Any

import dagster as dg

from polygon_assets.defs.ticks.assets import BARS_1S, BARS_TOPIC, STREAM_KEYS
from polygon_assets.defs.ticks.control import (
    DesiredCounts,
    desired_counts,
    judge_lag,
    session_complete,
)
from polygon_assets.defs.ticks.jobs import (
    ServiceCounts,
    ServiceToRestart,
    restart_stream_service,
    set_stream_services,
)
from polygon_assets.resources.clickhouse import ClickHouse
from polygon_assets.resources.ecs import PRODUCER, SINK, StreamServices
from polygon_assets.resources.kafka import Kafka
from polygon_assets.resources.polygon import Polygon
from polygon_assets.sessions import Session, current_or_previous_session


@dg.sensor(
    job=set_stream_services,
    minimum_interval_seconds=30,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Starts the stream before the open and stops it after the last late bar, on the "
    "market's own clock.",
)
def market_hours(
    context: dg.SensorEvaluationContext,
    polygon: Polygon,
    kafka: Kafka,
    stream_services: StreamServices,
) -> dg.RunRequest | dg.SkipReason:
    """Compare what should run with what is asked to run, and ask for the difference."""
    now = polygon.now()
    session = current_or_previous_session(now)
    want = desired_counts(now, session, sum(kafka.lag().values()))
    found = stream_services.desired_counts()
    have = DesiredCounts(found[PRODUCER], found[SINK])
    if have == want:
        return dg.SkipReason(f"{want} at {now:%Y-%m-%d %H:%M:%S} UTC is what runs")
    if _in_flight(context, set_stream_services.name):
        return dg.SkipReason("a change of the stream is under way")
    return dg.RunRequest(
        run_config=dg.RunConfig(
            ops={"set_counts": ServiceCounts(producer=want.producer, sink=want.sink)}
        ),
        tags={"market/session": str(session.session_date)},
    )


@dg.sensor(
    job=restart_stream_service,
    minimum_interval_seconds=30,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Observes the sink's lag and restarts a sink that stays behind.",
)
def kafka_lag(
    context: dg.SensorEvaluationContext, kafka: Kafka, stream_services: StreamServices
) -> dg.SensorResult:
    """Record the lag; ask for one restart after several looks in a row with too much of it."""
    by_partition = kafka.lag()
    total = sum(by_partition.values())
    verdict = judge_lag(total, int(context.cursor or 0))
    running = stream_services.desired_counts()[SINK] > 0
    requests = (
        [
            dg.RunRequest(
                run_config=dg.RunConfig(ops={"restart": ServiceToRestart(service=SINK)}),
                tags={"kafka/lag": str(total)},
            )
        ]
        if verdict.restart and running
        else []
    )
    metadata: dict[str, Any] = {"lag": total} | {
        f"lag_partition_{number}": lag for number, lag in sorted(by_partition.items())
    }
    return dg.SensorResult(
        run_requests=requests,
        cursor=str(verdict.breaches),
        asset_events=[dg.AssetObservation(dg.AssetKey(BARS_TOPIC), metadata=metadata)],
        skip_reason=None if requests else f"lag {total}",
    )


@dg.sensor(
    minimum_interval_seconds=60,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Reports a session of the stream as materialized once, when it is complete.",
)
def stream_complete(
    context: dg.SensorEvaluationContext, polygon: Polygon, kafka: Kafka, clickhouse: ClickHouse
) -> dg.SensorResult | dg.SkipReason:
    """One materialization per session for everything that the stream wrote."""
    now = polygon.now()
    session = current_or_previous_session(now)
    key = str(session.session_date)
    if context.cursor == key:
        return dg.SkipReason(f"session {key} is reported")
    if not session_complete(now, session, sum(kafka.lag().values())):
        return dg.SkipReason(f"session {key} is not complete")
    bars = session_bars(clickhouse, session)
    if not bars:
        return dg.SkipReason(f"the stream wrote nothing in session {key}")
    events = [
        dg.AssetMaterialization(dg.AssetKey(asset), partition=key, metadata=_counts(asset, bars))
        for asset in STREAM_KEYS
    ]
    return dg.SensorResult(asset_events=events, cursor=key)


def session_bars(clickhouse: ClickHouse, session: Session) -> int:
    """How many second bars of a session can be queried, each counted once."""
    rows = clickhouse.query(
        "SELECT count() FROM {ticks}.bars_1s FINAL WHERE session_date = {session:Date}",
        {"session": session.session_date},
    )
    return int(rows[0][0])


def _counts(asset: list[str], bars: int) -> dict[str, int]:
    return {"dagster/partition_row_count": bars} if asset == BARS_1S else {}


def _in_flight(context: dg.SensorEvaluationContext, job: str) -> bool:
    pending = dg.RunsFilter(
        job_name=job,
        statuses=[
            dg.DagsterRunStatus.QUEUED,
            dg.DagsterRunStatus.STARTING,
            dg.DagsterRunStatus.STARTED,
        ],
    )
    return context.instance.get_runs_count(pending) > 0
