"""Create what the platform writes to, where it is missing.

Schemas in Snowflake, connections in Airbyte, tables in ClickHouse, topics in Kafka, services in
ECS: the same calls for the sandbox and for production, and safe to repeat.
"""

import sys
from collections.abc import Callable
from importlib.resources.abc import Traversable

from polygon_stream.schema import TICKS, apply, set_retention
from polygon_stream.settings import ClickHouseSettings

from polygon_assets.defs.rollups.live import SCHEMA as ROLLUPS
from polygon_assets.defs.rollups.live import create_rollups, migration_names
from polygon_assets.env import DeploymentError, Names, deployment_names
from polygon_assets.preflight import require_services
from polygon_assets.publish.publish import publish
from polygon_assets.resources.clickhouse import ClickHouse
from polygon_assets.resources.platform import platform
from polygon_assets.stream_tasks import task_variables

Progress = Callable[[str], None]


def bootstrap(names: Names, progress: Progress = lambda _: None) -> None:
    """Create everything that one deployment writes to.

    Args:
        names: The deployment.
        progress: Called with a system's name when it is done.

    Raises:
        DeploymentError: A branch deployment, which is a clone of production.
        ServiceUnreachableError: A service does not answer at its address.
        PublishError: Airbyte refused what was published to it.
    """
    if names.is_branch:
        raise DeploymentError(
            f"The deployment {names.label} is a clone of production: run its job clone_deployment, "
            "which creates everything."
        )
    require_services()
    systems = platform(names)
    systems.snowflake.create_schemas()
    progress("snowflake")
    publish(names)
    progress("airbyte")
    create_stream_tables(systems.clickhouse)
    progress("clickhouse")
    systems.kafka.create_topics()
    progress("kafka")
    systems.stream_services.deploy(task_variables(names))
    progress("ecs")


STEPS = 5


def create_stream_tables(clickhouse: ClickHouse) -> None:
    """Bring the two databases of the stream up to date.

    Raises:
        ChangedMigrationError: A file has changed since it was applied.
    """
    with clickhouse.client() as client:
        apply(client, TICKS, {"database": clickhouse.ticks})
        set_retention(client, clickhouse.ticks, ClickHouseSettings().ticks_ttl_days)
    create_rollups(clickhouse)


def schemas(names: Names) -> list[tuple[Traversable, dict[str, str]]]:
    """The migrations of ClickHouse's databases, in the order in which they are applied.

    Returns:
        For each database the folder of its files, and the names that they contain.
    """
    ticks, rollups = names.clickhouse_ticks, names.clickhouse_rollups
    return [(TICKS, {"database": ticks}), (ROLLUPS, migration_names(ticks, rollups))]


def main() -> int:
    """Prepare the deployment that the environment names."""
    try:
        bootstrap(deployment_names())
    except (ValueError, ConnectionError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
