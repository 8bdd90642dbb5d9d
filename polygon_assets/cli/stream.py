"""``polygon stream deploy``: the ECS services of producer and sink."""

import os

from polygon_assets.cli.board import console
from polygon_assets.env import Deployment, deployment_names
from polygon_assets.resources.ecs import stream_services
from polygon_assets.stream_tasks import task_variables

NEEDED_IN_PRODUCTION = (
    *("ECS_ENDPOINT_URL", "AWS_REGION"),
    *("STREAM_IMAGE", "STREAM_SUBNETS", "STREAM_EXECUTION_ROLE_ARN", "STREAM_TASK_ROLE_ARN"),
    *("STREAM_SECRETS_PREFIX", "POLYGON_WS_URL", "POLYGON_REST_URL"),
    *("KAFKA_BOOTSTRAP_SERVERS", "KAFKA_SECURITY_PROTOCOL", "CLICKHOUSE_URL"),
)
"""Their defaults are the sandbox's."""


def deploy_stream() -> int:
    """Register the task definitions with what the environment names, and run them.

    A service goes on with as many tasks as before. The producer that runs is stopped first, for the
    vendor allows one connection: what the market sends meanwhile is a gap, and backfilled.

    Returns:
        0.

    Raises:
        ValueError: In production a variable is missing that a task needs.
        StillStoppingError: The producer before does not end.
    """
    names = deployment_names()
    if names.deployment is Deployment.PROD:
        missing = [name for name in NEEDED_IN_PRODUCTION if not os.environ.get(name)]
        if missing:
            raise ValueError(
                f"Not set: {', '.join(missing)}. The tasks would connect to the sandbox."
            )
    variables = task_variables(names)
    services = stream_services(names).process_config_and_initialize()
    services.deploy(variables)
    for name, counts in services.services().items():
        image = variables[name]["image"]
        console.print(f"{name}: {image}, {counts.desired} tasks wanted", soft_wrap=True)
    return 0
