"""The two things that can be done to the stream: set how much of it runs, restart a part."""

import dagster as dg

from polygon_assets.defs.ticks.backfill import backfill_gaps
from polygon_assets.resources.ecs import StreamServices

SERVICE_TAG = "stream/service"
"""Tag of a run: the service that it changes."""


class ServiceCount(dg.Config):
    """Tasks that a service should run."""

    service: str
    count: int


class ServiceToRestart(dg.Config):
    """A service whose tasks are to be replaced.

    With a deployment, only that one is replaced: the same request twice is one restart.
    """

    service: str
    deployment: str = ""


@dg.op(pool="stream_control")
def set_count(
    context: dg.OpExecutionContext, config: ServiceCount, stream_services: StreamServices
) -> None:
    """Ask ECS to run this many tasks of a service; asking twice changes nothing."""
    stream_services.set_desired_count(config.service, config.count)
    context.log.info("service %s: desired count %d", config.service, config.count)


@dg.op(pool="stream_control")
def restart(
    context: dg.OpExecutionContext, config: ServiceToRestart, stream_services: StreamServices
) -> None:
    """Replace the tasks of one service."""
    if stream_services.restart(config.service, config.deployment):
        context.log.info("service %s: its tasks were told to stop", config.service)
    else:
        context.log.info("service %s: %s was replaced before", config.service, config.deployment)


@dg.job(description="Set how many producers or sinks run.")
def set_stream_service() -> None:
    """Set how many producers or sinks run."""
    set_count()


@dg.job(description="Replace the tasks of the producer or the sink.")
def restart_stream_service() -> None:
    """Replace the tasks of the producer or the sink."""
    restart()


stream_jobs = [set_stream_service, restart_stream_service, backfill_gaps]
