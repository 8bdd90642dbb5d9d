"""The jobs that make and drop a branch deployment.

``clone_deployment`` runs in the branch deployment itself, after each deploy. ``drop_deployment``
runs in production: a branch deployment is shut down when its pull request is closed, and what drops
things should be the code that was reviewed. What clones is imported when it runs, since it needs
the clients of Snowflake and ClickHouse.
"""

import dagster as dg
from dagster_dbt import DbtCliResource
from pydantic import Field

from polygon_assets.defs.platform.drop import drop_deployment as drop
from polygon_assets.defs.platform.drop import require_may_drop
from polygon_assets.env import deployment_names
from polygon_assets.operation_settings import BranchSettings
from polygon_assets.policies import LANE_TAG
from polygon_assets.resources.platform import platform
from polygon_assets.stream_tasks import task_variables


class CloneConfig(dg.Config):
    """How to clone."""

    refresh: bool = Field(
        default=False,
        description="Start anew from production; what the branch built is lost. By default only "
        "what is missing is made",
    )


class BranchToDrop(dg.Config):
    """Which branch deployment."""

    pull_request: int = Field(description="Number of the pull request")


@dg.op(name="clone_warehouse")
def warehouse_step(context: dg.OpExecutionContext, config: CloneConfig) -> bool:
    """Clone production's Snowflake database; tells whether to start anew."""
    from polygon_assets.defs.platform.clone import clone_warehouse

    names = deployment_names()
    names.require_own("snowflake database", names.snowflake_database)
    systems = platform(names)
    context.add_output_metadata(clone_warehouse(names, systems.account, refresh=config.refresh))
    return config.refresh


@dg.op(name="write_views", pool="dbt")
def views_step(context: dg.OpExecutionContext, dbt: DbtCliResource, refresh: bool) -> bool:
    """Write the cloned views again: their text names the database that they read."""
    from polygon_assets.defs.platform.clone import cloned_views

    names = deployment_names()
    views = cloned_views(names, platform(names).account)
    if views:
        chosen = " ".join(f"config.materialized:view,{one}" for one in views)
        dbt.cli(["run", "--select", chosen]).wait()
    context.add_output_metadata({"views": views})
    return refresh


@dg.op(name="clone_stream_tables")
def stream_tables_step(context: dg.OpExecutionContext, refresh: bool) -> None:
    """Make the ClickHouse databases, with production's newest final sessions."""
    from polygon_assets.defs.platform.clone import clone_stream_tables

    names = deployment_names()
    told = clone_stream_tables(
        names, platform(names).clickhouse, sessions=BranchSettings().sessions, refresh=refresh
    )
    context.add_output_metadata(told)


@dg.op(name="create_stream", ins={"after": dg.In(dg.Nothing)})
def stream_step(context: dg.OpExecutionContext) -> None:
    """Make the topics, and the ECS services with nothing running: a branch has no producer."""
    names = deployment_names()
    names.require_own("ecs cluster", names.ecs_cluster)
    systems = platform(names)
    topics = systems.kafka.create_topics()
    systems.stream_services.deploy(task_variables(names))
    context.add_output_metadata({"created_topics": topics, "ecs_cluster": names.ecs_cluster})


@dg.job(
    description="Make this branch deployment a clone of production; again, it makes what is "
    "missing. In a branch deployment only.",
    tags={LANE_TAG: "clone_deployment"},
)
def clone_deployment() -> None:
    """Make this branch deployment a clone of production."""
    stream_step(stream_tables_step(views_step(warehouse_step())))


@dg.op(name="drop_everything")
def drop_step(context: dg.OpExecutionContext, config: BranchToDrop) -> None:
    """Drop everything of one pull request."""
    here = deployment_names()
    require_may_drop(here, config.pull_request)
    dropped = drop(
        platform(here),
        config.pull_request,
        lambda kind, name: context.log.info("dropped the %s %s", kind, name),
    )
    context.add_output_metadata({"dropped": dropped})


@dg.job(
    description="Drop everything of a closed pull request's branch deployment: databases, topics, "
    "consumer group, ECS cluster. In production only.",
    tags={LANE_TAG: "drop_deployment"},
)
def drop_deployment() -> None:
    """Drop everything of a closed pull request's branch deployment."""
    drop_step()


branch_jobs = [clone_deployment, drop_deployment]
