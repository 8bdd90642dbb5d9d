"""Sensors that keep the stream in step with the market: one owner for each service.

``market_hours`` alone changes the number of producers, ``kafka_lag`` alone that of the sinks, so
the two never disagree about a count.
"""

from datetime import UTC, date, datetime, timedelta

import dagster as dg

from polygon_assets.defs.ticks.assets import BARS_TOPIC
from polygon_assets.defs.ticks.control import producer_step, stream_window
from polygon_assets.defs.ticks.jobs import (
    SERVICE_TAG,
    ServiceCount,
    ServiceToRestart,
    restart_stream_service,
    set_stream_service,
)
from polygon_assets.defs.ticks.lag import MOST_RESTARTS, Decision, Look, Memory, decide
from polygon_assets.partitions import SESSION_TAG
from polygon_assets.policies import SENSOR_STATUS
from polygon_assets.resources.ecs import PRODUCER, SINK, StreamServices
from polygon_assets.resources.kafka import Kafka
from polygon_assets.resources.polygon import Polygon
from polygon_assets.sessions import current_or_previous_session

URGENT = {"dagster/priority": "10", "dagster/max_retries": "0"}
"""Before everything else in Dagster's queue: the market does not wait. A run that died is not
repeated later: the sensor looks again, and asks for what is then right."""

KEEPS_UP = "sink_keeps_up"
"""The check that says whether the sink keeps up; it also fails when restarts were given up."""

# A change is one call to ECS, plus at most three minutes of waiting for a producer to end.
CHANGE_TAKES = timedelta(minutes=5)


class SinkStuckError(RuntimeError):
    """The sinks settle nothing, and restarting them did not help."""


@dg.sensor(
    job=set_stream_service,
    minimum_interval_seconds=30,
    default_status=SENSOR_STATUS,
    description="Starts the producer before the open and stops it after the last late bar, on the "
    "market's own clock. Never starts one beside another.",
)
def market_hours(
    context: dg.SensorEvaluationContext, polygon: Polygon, stream_services: StreamServices
) -> dg.RunRequest | dg.SkipReason:
    """Compare what should run with what is asked to run, and ask for the difference."""
    if not stream_services.producers_maximum:
        return dg.SkipReason("this deployment runs no producer: the vendor allows an account one")
    now = polygon.now()
    session = current_or_previous_session(now)
    wanted = stream_window(session, stream_services.hours).contains(now)
    desired = stream_services.desired_counts()[PRODUCER]
    stopping = stream_services.stopping(PRODUCER) if wanted > desired else 0
    step = producer_step(wanted, desired, stopping)
    if step.count is None:
        return dg.SkipReason(f"{step.reason} at {now:%Y-%m-%d %H:%M:%S} UTC")
    if change_under_way(context.instance, PRODUCER):
        return dg.SkipReason("a change of the producer is under way")
    return _set(PRODUCER, step.count, {SESSION_TAG: str(session.session_date)})


@dg.sensor(
    jobs=[set_stream_service, restart_stream_service],
    minimum_interval_seconds=30,
    default_status=SENSOR_STATUS,
    description="Starts, scales and stops the sinks by their lag; restarts sinks whose offsets "
    "stand still, and fails when that does not help.",
)
def kafka_lag(
    context: dg.SensorEvaluationContext,
    polygon: Polygon,
    kafka: Kafka,
    stream_services: StreamServices,
) -> dg.SensorResult:
    """Decide about the sinks from how far they are.

    Raises:
        SinkStuckError: At every look after restarts were given up, until the offsets move again.
    """
    now = polygon.now()
    session = current_or_previous_session(now)
    window = stream_window(session, stream_services.hours)
    services = stream_services.services()
    # A producer that is told to stop still sends what it has.
    needed = window.contains(now) or services[PRODUCER].desired > 0
    look = Look(
        progress=kafka.stream_progress(),
        needed=needed or stream_services.stopping(PRODUCER) > 0,
        sinks=services[SINK].desired,
        most=stream_services.sinks_maximum,
        busy=change_under_way(context.instance, SINK),
    )
    before = Memory.load(context.cursor)
    decision = decide(look, before)
    requests = _requests(look, decision, services[SINK].deployment, session.session_date)
    if before.gave_up and decision.memory.gave_up and not requests:
        raise SinkStuckError(_stuck_text(look))
    return dg.SensorResult(
        run_requests=requests,
        cursor=decision.memory.dump(),
        asset_events=_alarm(look, before, decision.memory),
        skip_reason=None if requests else decision.reason,
    )


def _requests(
    look: Look, decision: Decision, deployment: str, session: date
) -> list[dg.RunRequest]:
    tags = {
        SESSION_TAG: str(session),
        "kafka/lag": str(look.lag),
        "stream/reason": decision.reason,
    }
    if decision.restart:
        config = ServiceToRestart(service=SINK, deployment=deployment)
        return [
            dg.RunRequest(
                job_name=restart_stream_service.name,
                # One restart of a deployment at each attempt, whoever asks for it twice.
                run_key=f"restart-{deployment}-{decision.memory.restarts}",
                run_config=dg.RunConfig(ops={"restart": config}),
                tags={SERVICE_TAG: SINK, **URGENT, **tags},
            )
        ]
    return [_set(SINK, decision.sinks, tags)] if decision.sinks != look.sinks else []


def _set(service: str, count: int, tags: dict[str, str]) -> dg.RunRequest:
    return dg.RunRequest(
        job_name=set_stream_service.name,
        run_config=dg.RunConfig(ops={"set_count": ServiceCount(service=service, count=count)}),
        tags={SERVICE_TAG: service, **URGENT, **tags},
    )


def _alarm(look: Look, before: Memory, after: Memory) -> list[dg.AssetCheckEvaluation]:
    """A result of the check when restarting is given up, and when the sinks have recovered."""
    if before.gave_up == after.gave_up:
        return []
    return [
        dg.AssetCheckEvaluation(
            asset_key=dg.AssetKey(BARS_TOPIC),
            check_name=KEEPS_UP,
            passed=not after.gave_up,
            description=_stuck_text(look) if after.gave_up else "The sinks settle messages again.",
            metadata={"lag": look.lag},
        )
    ]


def _stuck_text(look: Look) -> str:
    return (
        f"The sinks settle nothing: {look.lag} messages wait, and {MOST_RESTARTS} restarts did not "
        "help. Read the log of the sink's tasks and look at ClickHouse; nothing is lost while "
        "Kafka keeps the messages, and the sinks go on by themselves."
    )


def change_under_way(instance: dg.DagsterInstance, service: str) -> bool:
    """Whether a run that changes this service is queued or running.

    A run whose process was killed says for ever that it is running, and keeps its place in the
    pool: it is closed, so that the next one can act.
    """
    status = dg.DagsterRunStatus
    tags = {SERVICE_TAG: service}
    killed = dg.RunsFilter(
        tags=tags,
        statuses=[status.STARTING, status.STARTED],
        created_before=datetime.now(UTC) - CHANGE_TAKES,
    )
    for run in instance.get_runs(killed):
        instance.report_run_failed(run, f"It took more than {CHANGE_TAKES}: it was killed.")
        instance.event_log_storage.free_concurrency_slots_for_run(run.run_id)
    pending = dg.RunsFilter(tags=tags, statuses=[status.QUEUED, status.STARTING, status.STARTED])
    return instance.get_runs_count(pending) > 0
