"""Every resource of a deployment, one per outside system."""

from typing import Any

from polygon_assets.env import Names
from polygon_assets.resources.airbyte import airbyte
from polygon_assets.resources.alerts import alerts
from polygon_assets.resources.clickhouse import clickhouse
from polygon_assets.resources.dbt import dbt
from polygon_assets.resources.ecs import stream_services
from polygon_assets.resources.flat_files import flat_files
from polygon_assets.resources.kafka import kafka
from polygon_assets.resources.polygon import polygon
from polygon_assets.resources.snowflake import warehouse
from polygon_assets.resources.superset import superset


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
