"""The two things that can be done to the stream: set how much of it runs, restart a part."""

import dagster as dg

from polygon_assets.resources.ecs import PRODUCER, SINK, StreamServices


class ServiceCounts(dg.Config):
    """Tasks that each service should run."""

    producer: int
    sink: int


class ServiceToRestart(dg.Config):
    """A service whose tasks are to be replaced."""

    service: str


@dg.op(pool="stream_control")
def set_counts(
    context: dg.OpExecutionContext, config: ServiceCounts, stream_services: StreamServices
) -> None:
    """Ask ECS to run this many tasks of each service; asking twice changes nothing."""
    for service, count in ((SINK, config.sink), (PRODUCER, config.producer)):
        stream_services.set_desired_count(service, count)
        context.log.info("service %s: desired count %d", service, count)


@dg.op(pool="stream_control")
def restart(
    context: dg.OpExecutionContext, config: ServiceToRestart, stream_services: StreamServices
) -> None:
    """Replace the tasks of one service."""
    stream_services.restart(config.service)
    context.log.info("service %s: tasks are being replaced", config.service)


@dg.job(description="Start or stop the producer and the sink.")
def set_stream_services() -> None:
    """Start or stop the producer and the sink."""
    set_counts()


@dg.job(description="Replace the tasks of the producer or the sink.")
def restart_stream_service() -> None:
    """Replace the tasks of the producer or the sink."""
    restart()
