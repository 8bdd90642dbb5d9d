"""Drop what exists of a branch deployment: whole names of one pull request, and nothing else."""

import time
from collections.abc import Callable
from typing import Any

from confluent_kafka import KafkaError, KafkaException

from polygon_assets.defs.platform.inventory import Clone, find_clones
from polygon_assets.env import (
    Deployment,
    DeploymentError,
    Kind,
    Names,
    branch_names,
    pull_request_of,
)
from polygon_assets.preflight import ECS, explained
from polygon_assets.resources.ecs import SERVICES
from polygon_assets.resources.kafka import TIMEOUT_SECONDS
from polygon_assets.resources.platform import Platform

ENDED_WITHIN_SECONDS = 180.0
"""A task has 60 s to end, and a sink that was killed leaves its group a while later."""

LOOK_SECONDS = 0.5

Report = Callable[[Kind, str], None]

# A whole session of quotes is large, and it is meant.
_OF_ANY_SIZE = {"max_table_size_to_drop": 0, "max_partition_size_to_drop": 0}

_STILL_ENDING = (
    "ClusterContainsServicesException",
    "ClusterContainsTasksException",
    "UpdateInProgressException",
)


class StillInUseError(RuntimeError):
    """Something of a branch deployment is still at work."""


def require_may_drop(here: Names, pull_request: int) -> None:
    """Refuse to drop anywhere but in production, or in the branch deployment itself.

    Raises:
        DeploymentError: This deployment may not, or that is no number of a pull request.
    """
    own = here.is_branch and here == branch_names(pull_request)
    if here.deployment is not Deployment.PROD and not own:
        raise DeploymentError(
            f"The deployment {here.label} does not drop the branch deployment of pull request "
            f"{pull_request}: run drop_deployment in the deployment prod."
        )


def drop_deployment(
    systems: Platform, pull_request: int, report: Report = lambda *_: None
) -> list[str]:
    """Drop everything of one pull request. Repeated, or after a crash, it drops what is left.

    Args:
        systems: Where to look.
        pull_request: Its number.
        report: Called with each name when it is gone.

    Returns:
        The names that were dropped.

    Raises:
        StillInUseError: A task or a consumer did not end.
    """
    found = [one for one in find_clones(systems) if one.pull_request == pull_request]
    return [name for clone in found for name in drop_clone(systems, clone, report)]


def drop_clone(systems: Platform, clone: Clone, report: Report = lambda *_: None) -> list[str]:
    """Drop one clone as it was found."""
    names = branch_names(clone.pull_request)
    for kind, name in clone.names:
        names.require_own(kind, name)
        _DROP[kind](systems, names, name)
        report(kind, name)
    return [name for _, name in clone.names]


def _drop_cluster(systems: Platform, names: Names, cluster: str) -> None:
    """Delete the services with their tasks, the task definitions, and the cluster itself."""
    from botocore.exceptions import ClientError

    client: Any = systems.stream_services.client()
    with explained(ECS):
        pages = client.get_paginator("list_services").paginate(cluster=cluster)
        for arn in [arn for page in pages for arn in page["serviceArns"]]:
            client.delete_service(cluster=cluster, service=arn, force=True)
        for service in SERVICES:
            _deregister(client, names, f"{cluster}-{service}")
    _repeat_while_in_use(
        f"the ECS cluster {cluster}",
        lambda: client.delete_cluster(cluster=cluster),
        lambda error: (
            isinstance(error, ClientError) and error.response["Error"]["Code"] in _STILL_ENDING
        ),
    )


def _deregister(client: Any, names: Names, family: str) -> None:
    names.require_own("ecs family", family)
    pages = client.get_paginator("list_task_definitions").paginate(
        familyPrefix=family, status="ACTIVE"
    )
    arns = [arn for page in pages for arn in page["taskDefinitionArns"]]
    for arn in arns:
        if arn.rpartition("/")[2].partition(":")[0] == family:
            client.deregister_task_definition(taskDefinition=arn)


def _drop_group(systems: Platform, _: Names, group: str) -> None:
    admin: Any = systems.kafka.admin()

    def delete() -> None:
        future = admin.delete_consumer_groups([group], request_timeout=TIMEOUT_SECONDS)[group]
        _unless_gone(future, KafkaError.GROUP_ID_NOT_FOUND)

    _repeat_while_in_use(
        f"the consumer group {group}",
        delete,
        lambda error: _code(error) == KafkaError.NON_EMPTY_GROUP,
    )


def _drop_topic(systems: Platform, _: Names, topic: str) -> None:
    admin: Any = systems.kafka.admin()
    future = admin.delete_topics([topic], operation_timeout=TIMEOUT_SECONDS)[topic]
    _unless_gone(future, KafkaError.UNKNOWN_TOPIC_OR_PART)


def _drop_clickhouse_database(systems: Platform, _: Names, database: str) -> None:
    with systems.clickhouse.client() as client:
        client.command(f"DROP DATABASE IF EXISTS {database} SYNC", settings=_OF_ANY_SIZE)


def _drop_snowflake_database(systems: Platform, _: Names, database: str) -> None:
    systems.account.query(f"DROP DATABASE IF EXISTS {database}")


def _drop_connection(systems: Platform, names: Names, connection: str) -> None:
    """Delete the branch's dashboards with charts and datasets, then their connection.

    A dashboard of somebody else that shows such a chart stays, without it.
    """
    with systems.superset.client() as client:
        number = client.connections()[connection]
        found = client.users_of(number)
        own = [
            one["id"]
            for one in found["dashboards"]
            if pull_request_of("dashboard", one["slug"] or "") == names.pull_request
        ]
        client.delete("dashboard", own)
        client.delete("chart", [one["id"] for one in found["charts"]])
        client.delete("dataset", [one["id"] for one in found["datasets"]])
        client.delete_connection(number)


_DROP: dict[Kind, Callable[[Platform, Names, str], None]] = {
    "dashboard connection": _drop_connection,
    "ecs cluster": _drop_cluster,
    "kafka group": _drop_group,
    "kafka topic": _drop_topic,
    "clickhouse database": _drop_clickhouse_database,
    "snowflake database": _drop_snowflake_database,
}


def _unless_gone(future: Any, gone: int) -> None:
    try:
        future.result(TIMEOUT_SECONDS * 2)
    except KafkaException as error:
        if _code(error) != gone:
            raise


def _code(error: Exception) -> int | None:
    return error.args[0].code() if isinstance(error, KafkaException) else None


def _repeat_while_in_use(
    what: str, delete: Callable[[], object], in_use: Callable[[Exception], bool]
) -> None:
    """Delete something as soon as what uses it has ended.

    Raises:
        StillInUseError: It did not end.
    """
    from botocore.exceptions import ClientError

    deadline = time.monotonic() + ENDED_WITHIN_SECONDS
    while True:
        try:
            delete()
        except (ClientError, KafkaException) as error:
            if not in_use(error):
                raise
            if time.monotonic() > deadline:
                raise StillInUseError(
                    f"{what} is still in use after {ENDED_WITHIN_SECONDS:.0f} s ({error}): stop "
                    "what uses it, and drop the deployment once more."
                ) from error
            time.sleep(LOOK_SECONDS)
        else:
            return
