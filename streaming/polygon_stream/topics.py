"""The stream's topics: what each is made of, and that they exist before anything is written."""

from concurrent.futures import Future
from dataclasses import dataclass

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from polygon_stream.settings import KafkaSettings, TopicSettings

_DAY_MS = 24 * 3600 * 1000

RETENTION_DAYS = {
    "stocks.agg.1s": 7,
    "stocks.agg.1m": 7,
    "stocks.trades": 3,
    "stocks.quotes": 3,
    "stocks.luld": 7,
    "stocks.gaps": 30,
    "stocks.dead_letter": 30,
}
"""How long a record can be read again, by topic without its prefix: the market's for as long as a
sink may be behind, the stream's own findings for as long as somebody may ask."""


class TopicsError(RuntimeError):
    """A topic is missing and could not be created, or the brokers did not answer."""


@dataclass(frozen=True, slots=True)
class TopicDefinition:
    """One topic as it should be.

    Attributes:
        name: With the deployment's prefix.
        partitions: Fixed for the topic's life: a symbol's partition follows from their number.
        configs: Kafka's topic configurations that are not left to the cluster. Compression is:
            the producers compress, and Confluent Cloud refuses to set ``compression.type``.
    """

    name: str
    partitions: int
    configs: dict[str, str]


def definitions(topics: TopicSettings) -> list[TopicDefinition]:
    """Every topic of a deployment."""
    return [define(f"{topics.prefix}{name}", topics.partitions) for name in RETENTION_DAYS]


def define(name: str, partitions: int) -> TopicDefinition:
    """One topic as it should be.

    Args:
        name: With or without a prefix; one that is none of ours gets the cluster's defaults.
        partitions: Of the topic.
    """
    days = next((days for base, days in RETENTION_DAYS.items() if name.endswith(base)), None)
    if days is None:
        return TopicDefinition(name, partitions, {})
    retention = str(days * _DAY_MS)
    return TopicDefinition(
        name, partitions, {"cleanup.policy": "delete", "retention.ms": retention}
    )


def ensure_topics(kafka: KafkaSettings, names: list[str], partitions: int) -> None:
    """Create the topics that do not exist. Existing ones are left as they are.

    Args:
        kafka: Where the brokers are.
        names: Topics that must exist.
        partitions: For topics that are created; replicas are the brokers' default.

    Raises:
        TopicsError: The brokers do not answer or refuse.
    """
    admin = AdminClient(kafka.client_config())
    try:
        existing = admin.list_topics(timeout=15).topics
        missing = [define(name, partitions) for name in names if name not in existing]
        create_topics(admin, missing)
    except KafkaException as error:
        raise TopicsError(
            f"Kafka at {kafka.bootstrap_servers} did not provide the topics {', '.join(names)}: "
            f"{error}. Is it running, and may this account create topics?"
        ) from error


def create_topics(
    admin: AdminClient, missing: list[TopicDefinition], replication_factor: int = -1
) -> None:
    """Create topics; that somebody else was first is no error.

    Args:
        admin: A client of the cluster.
        missing: What to create.
        replication_factor: Copies of each partition; -1 leaves it to the cluster.

    Raises:
        KafkaException: The brokers do not answer or refuse.
    """
    if not missing:
        return
    new = [NewTopic(t.name, t.partitions, replication_factor, config=t.configs) for t in missing]
    for name, future in admin.create_topics(new).items():
        _await_creation(admin, name, future)


def _await_creation(admin: AdminClient, name: str, creation: Future[None]) -> None:
    try:
        creation.result(15)
    except KafkaException:
        # Producer and sink start together: the other one may have been first.
        if name not in admin.list_topics(timeout=15).topics:
            raise
