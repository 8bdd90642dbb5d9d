"""The systems that a deployment's commands and jobs ask directly, outside of Dagster's assets.

Apart from `assemble`, since dagster-dbt takes longer to import than all other resources, and no
command needs it.
"""

from dataclasses import dataclass

from polygon_assets.env import Names
from polygon_assets.resources.clickhouse import ClickHouse, clickhouse
from polygon_assets.resources.ecs import StreamServices, stream_services
from polygon_assets.resources.kafka import Kafka, kafka
from polygon_assets.resources.snowflake import Warehouse, account, warehouse
from polygon_assets.resources.superset import Superset, superset


@dataclass(frozen=True)
class Platform:
    """The resources that are also used outside of Dagster's runs, ready to use."""

    snowflake: Warehouse
    account: Warehouse
    """Snowflake without a current database."""
    clickhouse: ClickHouse
    kafka: Kafka
    stream_services: StreamServices
    superset: Superset


def platform(names: Names) -> Platform:
    """The resources of one deployment, with the values of their variables."""
    return Platform(
        warehouse(names).process_config_and_initialize(),
        account(names).process_config_and_initialize(),
        clickhouse(names).process_config_and_initialize(),
        kafka(names).process_config_and_initialize(),
        stream_services(names).process_config_and_initialize(),
        superset().process_config_and_initialize(),
    )
