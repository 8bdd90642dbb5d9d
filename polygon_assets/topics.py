"""Bring a cluster's topics to their definition: create, and set what differs. Nothing is deleted.

The definitions are those of :mod:`polygon_stream.topics`. The number of partitions decides which
one a symbol is in, so a topic never grows unasked: records of a symbol would lie in two partitions
and lose their order, and the sink's plan of a partition its meaning.
"""

import time
from dataclasses import dataclass, replace
from typing import Literal

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._config import AlterConfigOpType, ConfigEntry
from confluent_kafka.admin._config import ConfigResource as Resource
from confluent_kafka.cimpl import NewPartitions
from polygon_stream.settings import TopicSettings
from polygon_stream.topics import TopicDefinition, create_topics, definitions

from polygon_assets.preflight import KAFKA, explained
from polygon_assets.settings import TopicAdminSettings

TIMEOUT_SECONDS = 10.0
VISIBLE_SECONDS = 30.0

Action = Literal["create", "update", "unchanged", "differs"]


class TopicsRefusedError(ConnectionError):
    """The cluster refused a request about topics."""


@dataclass(frozen=True, slots=True)
class TopicChange:
    """What is to be done about one topic.

    Attributes:
        topic: As it should be.
        partitions: How many it has; 0 where it does not exist.
        action: ``differs`` is a number of partitions that is left as it is.
        configs: Configurations to set: those that differ.
        details: What differs, in words.
    """

    topic: TopicDefinition
    partitions: int
    action: Action
    configs: dict[str, str]
    details: tuple[str, ...] = ()


def declared(prefix: str) -> list[TopicDefinition]:
    """Every topic of a deployment as it should be.

    Args:
        prefix: The deployment's, in front of every name.
    """
    replicas = TopicAdminSettings().min_insync_replicas
    more = {"min.insync.replicas": str(replicas)} if replicas else {}
    return [
        replace(topic, configs=topic.configs | more)
        for topic in definitions(TopicSettings(prefix=prefix))
    ]


def create_missing(
    admin: AdminClient, topics: list[TopicDefinition], replication_factor: int | None = None
) -> list[str]:
    """Create the topics that do not exist; leave the others as they are.

    Args:
        admin: A client of the cluster.
        topics: As they should be.
        replication_factor: Copies of each partition; -1 leaves it to the cluster, None to the
            settings.

    Returns:
        The names of the topics that were created.
    """
    with explained(KAFKA):
        present = admin.list_topics(timeout=TIMEOUT_SECONDS).topics
    missing = [topic for topic in topics if topic.name not in present]
    if replication_factor is None:
        replication_factor = TopicAdminSettings().replication_factor
    create_topics(admin, missing, replication_factor)
    return [topic.name for topic in missing]


def plan(admin: AdminClient, topics: list[TopicDefinition], *, grow: bool) -> list[TopicChange]:
    """Compare the cluster's topics with their definition.

    Args:
        admin: A client of the cluster.
        topics: As they should be.
        grow: Add partitions where there are fewer.

    Raises:
        ServiceUnreachableError: The cluster does not answer.
        TopicsRefusedError: This account may not look.
    """
    with explained(KAFKA):
        present = admin.list_topics(timeout=TIMEOUT_SECONDS).topics
    counts = {t.name: len(present[t.name].partitions) for t in topics if t.name in present}
    configs = _configs_of(admin, list(counts))
    return [
        _compared(topic, counts.get(topic.name, 0), configs.get(topic.name, {}), grow=grow)
        for topic in topics
    ]


def apply(admin: AdminClient, change: TopicChange) -> None:
    """Do what was planned for one topic.

    Raises:
        TopicsRefusedError: The cluster refused it.
    """
    name = change.topic.name
    try:
        if change.action == "create":
            create_topics(admin, [change.topic], TopicAdminSettings().replication_factor)
            return
        if change.configs:
            resource = Resource(Resource.Type.TOPIC, name)
            for key, value in change.configs.items():
                entry = ConfigEntry(key, value, incremental_operation=AlterConfigOpType.SET)
                resource.add_incremental_config(entry)
            admin.incremental_alter_configs([resource])[resource].result(TIMEOUT_SECONDS)
        if change.action == "update" and change.partitions < change.topic.partitions:
            more = NewPartitions(name, change.topic.partitions)
            admin.create_partitions([more])[name].result(TIMEOUT_SECONDS)
    except KafkaException as error:
        raise _refused(f"change topic {name!r}", error) from error


def await_visible(admin: AdminClient, topics: list[TopicDefinition], *, grow: bool) -> None:
    """Wait until the brokers show what their controller has accepted.

    Raises:
        TopicsRefusedError: They do not in time.
    """
    deadline = time.monotonic() + VISIBLE_SECONDS
    while True:
        changes = plan(admin, topics, grow=grow)
        hidden = [c for c in changes if c.configs or c.action in ("create", "update")]
        if not hidden:
            return
        if time.monotonic() > deadline:
            found = "; ".join(f"{c.topic.name}: {', '.join(c.details)}" for c in hidden)
            raise TopicsRefusedError(
                f"Kafka accepted what it does not show after {VISIBLE_SECONDS:.0f} s ({found}): "
                "repeat `polygon topics apply`, or look whether the cluster overrides it."
            )
        time.sleep(0.1)


def _configs_of(admin: AdminClient, names: list[str]) -> dict[str, dict[str, str]]:
    resources = [Resource(Resource.Type.TOPIC, name) for name in names]
    if not resources:
        return {}
    try:
        return {
            resource.name: {
                key: str(entry.value) for key, entry in future.result(TIMEOUT_SECONDS).items()
            }
            for resource, future in admin.describe_configs(resources).items()
        }
    except KafkaException as error:
        raise _refused("read the topics' configurations", error) from error


def _refused(what: str, error: KafkaException) -> TopicsRefusedError:
    reason = error.args[0].str()
    return TopicsRefusedError(
        f"Kafka did not {what}: {reason.rstrip('.')}. May this account do that "
        "(.github/PRODUCTION.md, Kafka)?"
    )


def _compared(
    topic: TopicDefinition, partitions: int, present: dict[str, str], *, grow: bool
) -> TopicChange:
    if not partitions:
        return TopicChange(topic, 0, "create", {})
    different = {k: v for k, v in topic.configs.items() if present.get(k) != v}
    details = [f"{key} {present.get(key)} → {value}" for key, value in different.items()]
    action: Action = "update" if different else "unchanged"
    if partitions < topic.partitions and grow:
        action = "update"
        details.append(f"partitions {partitions} → {topic.partitions}: symbols move")
    elif partitions < topic.partitions:
        action = "differs"
        details.append(
            f"{partitions} partitions, {topic.partitions} wanted: left, because symbols would "
            "move; --grow does it"
        )
    elif partitions > topic.partitions:
        action = "differs"
        details.append(f"{partitions} partitions, {topic.partitions} wanted: none can be taken")
    return TopicChange(topic, partitions, action, different, tuple(details))
