"""What exists of every branch deployment, in all systems, by name."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from polygon_assets.env import Kind, pull_request_of
from polygon_assets.preflight import ECS, KAFKA, explained
from polygon_assets.resources.ecs import StreamServices
from polygon_assets.resources.kafka import TIMEOUT_SECONDS
from polygon_assets.resources.platform import Platform
from polygon_assets.resources.superset import Superset

FOUND_IN_ORDER: tuple[Kind, ...] = (
    "dashboard connection",
    "ecs cluster",
    "kafka group",
    "kafka topic",
    "clickhouse database",
    "snowflake database",
)
"""What reads or writes comes before what it reads or writes. The warehouse's database is the first
that a clone makes, the last that is looked for and the last that is dropped: as long as anything of
a branch is left, so is its age, unless the drop was interrupted just before its end."""


@dataclass
class Clone:
    """One branch deployment.

    Attributes:
        pull_request: Its number.
        created_on: When its Snowflake database was made (UTC); None where there is none.
        names: What exists, in the order in which it is dropped.
    """

    pull_request: int
    created_on: datetime | None = None
    names: list[tuple[Kind, str]] = field(default_factory=list[tuple[Kind, str]])


def find_clones(systems: Platform) -> list[Clone]:
    """Everything that belongs to a branch deployment, ascending by pull request.

    Raises:
        ServiceUnreachableError: A system does not answer.
    """
    clones: dict[int, Clone] = {}
    for kind in FOUND_IN_ORDER:
        for name, created_on in sorted(_existing(systems, kind).items()):
            number = pull_request_of(kind, name)
            if number is None:
                continue
            clone = clones.setdefault(number, Clone(number))
            clone.names.append((kind, name))
            clone.created_on = created_on or clone.created_on
    return [clones[number] for number in sorted(clones)]


def _existing(systems: Platform, kind: Kind) -> dict[str, datetime | None]:
    """Every name of one kind, whosever it is -> when it was made, where that is known."""
    if kind == "snowflake database":
        rows = systems.account.query("SHOW DATABASES LIKE 'POLYGON%'")
        return {row[1]: row[0] for row in rows}
    if kind == "clickhouse database":
        names = [name for (name,) in systems.clickhouse.query("SELECT name FROM system.databases")]
    elif kind == "kafka topic":
        with explained(KAFKA):
            names = list(systems.kafka.admin().list_topics(timeout=TIMEOUT_SECONDS).topics)
    elif kind == "kafka group":
        names = _groups(systems.kafka.admin())
    elif kind == "dashboard connection":
        names = _connections(systems.superset)
    else:
        names = _clusters(systems.stream_services)
    return dict.fromkeys(names)


def _groups(admin: Any) -> list[str]:
    with explained(KAFKA):
        found = admin.list_consumer_groups(request_timeout=TIMEOUT_SECONDS).result(TIMEOUT_SECONDS)
    if found.errors:
        raise found.errors[0]
    return [group.group_id for group in found.valid]


def _connections(superset: Superset) -> list[str]:
    """Where a machine serves no dashboards, none were pushed."""
    if superset.is_here and not superset.is_reachable():
        return []
    with superset.client() as client:
        return list(client.connections())


def _clusters(services: StreamServices) -> list[str]:
    client: Any = services.client()
    with explained(ECS):
        pages = client.get_paginator("list_clusters").paginate()
        return [arn.rpartition("/")[2] for page in pages for arn in page["clusterArns"]]
