"""Every resource of a deployment, one per outside system."""

from dataclasses import dataclass
from typing import Any

from polygon_assets.env import Names
from polygon_assets.resources.airbyte import airbyte
from polygon_assets.resources.alerts import alerts
from polygon_assets.resources.clickhouse import ClickHouse, clickhouse
from polygon_assets.resources.dbt import dbt
from polygon_assets.resources.ecs import StreamServices, stream_services
from polygon_assets.resources.flat_files import flat_files
from polygon_assets.resources.kafka import Kafka, kafka
from polygon_assets.resources.polygon import polygon
from polygon_assets.resources.snowflake import Warehouse, account, warehouse
from polygon_assets.resources.superset import Superset, superset


def resources(names: Names) -> dict[str, Any]:
    """Every resource of one deployment, by the name under which assets ask for it."""
    return {
        "polygon": polygon(),
        "airbyte": airbyte(names),
        "flat_files": flat_files(),
        "snowflake": warehouse(names),
        "dbt": dbt(names),
        "kafka": kafka(names),
        "clickhouse": clickhouse(names),
        "stream_services": stream_services(names),
        "superset": superset(),
        "alerts": alerts(),
    }


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
