"""What the task definitions in ``streaming/ecs`` leave open: one set of values per service."""

from polygon_stream.settings import (
    ClickHouseSettings,
    KafkaSettings,
    PolygonSettings,
    StreamSettings,
)

from polygon_assets.env import Names
from polygon_assets.settings import EcsSettings, StreamTaskSettings


def task_variables(names: Names) -> dict[str, dict[str, str]]:
    """Service -> the values of its task definition's placeholders."""
    tasks = StreamTaskSettings()
    kafka, stream = KafkaSettings(), StreamSettings()
    common = {
        "image": tasks.image,
        "cpu": str(tasks.task_cpu),
        "memory": str(tasks.task_memory),
        "execution_role_arn": tasks.execution_role_arn,
        "region": EcsSettings().aws_region,
        "log_group": tasks.log_group,
        "kafka_bootstrap_servers": kafka.bootstrap_servers,
        "kafka_security_protocol": kafka.security_protocol,
        "topic_prefix": names.topic_prefix,
    }
    producer = {
        "family": f"{names.ecs_cluster}-producer",
        "task_role_arn": tasks.task_role_arn,
        "secret_arn": tasks.producer_secret_arn,
        "health_port": str(tasks.producer_health_port),
        "ws_url": PolygonSettings().ws_url,
        "rest_url": PolygonSettings().rest_url,
        "channels": stream.channels,
        "channels_file": stream.channels_file,
    }
    sink = {
        "family": f"{names.ecs_cluster}-sink",
        "secret_arn": tasks.sink_secret_arn,
        "health_port": str(tasks.sink_health_port),
        "consumer_group": names.consumer_group,
        "clickhouse_url": ClickHouseSettings().url,
        "clickhouse_database": names.clickhouse_ticks,
        "ticks_ttl_days": str(ClickHouseSettings().ticks_ttl_days),
    }
    return {"producer": common | producer, "sink": common | sink}
