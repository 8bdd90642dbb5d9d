"""Kafka: topics, offsets and the sink's lag."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import dagster as dg
from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec  # pyright: ignore[reportPrivateImportUsage]
from polygon_stream.settings import KafkaSettings, TopicSettings
from pydantic import Field, PrivateAttr, SecretStr

from polygon_assets.env import Names
from polygon_assets.preflight import KAFKA, explained
from polygon_assets.settings import from_env
from polygon_assets.topics import create_missing, declared

TIMEOUT_SECONDS = 10.0
LOOK_SECONDS = 0.1
NOT_YET_COORDINATED = (
    KafkaError.NOT_COORDINATOR,
    KafkaError.COORDINATOR_NOT_AVAILABLE,
    KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
)
"""What a group is answered with until the cluster has found or loaded its coordinator."""


Place = tuple[str, int]
"""Topic and partition."""


class PartitionProgress(NamedTuple):
    """One partition: the offset up to which the sink is done, and that of the next message."""

    settled: int
    end: int

    @property
    def lag(self) -> int:
        """Messages that are not settled."""
        return self.end - self.settled


class Kafka(dg.ConfigurableResource[Any]):
    """A Kafka cluster and the topics of one deployment."""

    bootstrap_servers: str = Field(description="Brokers to ask first, comma separated")
    security_protocol: str = Field(description="PLAINTEXT or SASL_SSL")
    api_key: str = Field(default="", description="SASL user")
    api_secret: str = Field(repr=False, default="", description="SASL password")
    bars_topic: str = Field(description="Topic of the second bars")
    gaps_topic: str = Field(description="Topic of the gap records")
    dead_letter_topic: str = Field(description="Topic of what could not be understood")
    consumer_group: str = Field(description="Consumer group of the sink")

    _admin: AdminClient | None = PrivateAttr(default=None)

    def admin(self) -> AdminClient:
        """The admin client, made at the first call."""
        if self._admin is None:
            self._admin = kafka_admin(self._settings())
        return self._admin

    def _settings(self) -> KafkaSettings:
        return KafkaSettings(
            bootstrap_servers=self.bootstrap_servers,
            security_protocol=self.security_protocol,
            api_key=self.api_key,
            api_secret=SecretStr(self.api_secret),
        )

    def topics(self) -> dict[str, str]:
        """Last part of a topic's asset key -> name of the topic."""
        names = TopicSettings(prefix=self.prefix)
        return {
            "agg_1s": names.agg_1s,
            "agg_1m": names.agg_1m,
            "trades": names.trades,
            "quotes": names.quotes,
            "luld": names.luld,
            "gaps": names.gaps,
            "dead_letter": names.dead_letter,
        }

    @property
    def prefix(self) -> str:
        """In front of the name of each of the deployment's topics."""
        return self.bars_topic.removesuffix(TopicSettings(prefix="").agg_1s)

    def create_topics(self, replication_factor: int | None = None) -> list[str]:
        """Create the deployment's topics where they are missing.

        Args:
            replication_factor: -1 leaves it to the cluster, None to the settings.

        Returns:
            The names of the topics that were created.
        """
        return create_missing(self.admin(), declared(self.prefix), replication_factor)

    def partitions(self, topic: str) -> list[TopicPartition]:
        """The partitions of a topic.

        Raises:
            LookupError: The topic does not exist.
        """
        with explained(KAFKA):
            metadata = self.admin().list_topics(topic, timeout=TIMEOUT_SECONDS).topics[topic]
        if metadata.error is not None:
            raise LookupError(
                f"Kafka topic {topic!r} does not exist at {self.bootstrap_servers}: "
                "run `polygon topics apply`."
            )
        return [TopicPartition(topic, number) for number in sorted(metadata.partitions)]

    def end_offsets(self, topic: str) -> dict[int, int]:
        """Partition -> the offset that the next message will get."""
        ends = self._offsets(self.partitions(topic), OffsetSpec.latest())
        return {number: end for (_, number), end in ends.items()}

    def message_count(self, topic: str) -> int:
        """How many messages the topic holds now (retention removes old ones)."""
        partitions = self.partitions(topic)
        first = self._offsets(partitions, OffsetSpec.earliest())
        last = self._offsets(partitions, OffsetSpec.latest())
        return sum(last[number] - first[number] for number in last)

    def lag(self, topic: str = "") -> dict[int, int]:
        """Partition -> messages of a topic that the sink has not settled yet."""
        return {number: one.lag for number, one in self.progress(topic).items()}

    def progress(self, topic: str = "") -> dict[int, PartitionProgress]:
        """Partition of a topic -> how far the sink is.

        A partition for which the sink never committed counts from its first message.

        Args:
            topic: Name of the topic; empty = the second bars'.
        """
        partitions = self.partitions(topic or self.bars_topic)
        committed = self._committed(partitions)
        found = self._progress(partitions, committed)
        return {number: progress for (_, number), progress in found.items()}

    def stream_progress(self) -> dict[str, PartitionProgress]:
        """Partition of any of the stream's topics, as in ``stocks.trades/0`` -> its progress.

        Of the second bars every partition is there, of the other topics only those that the sink
        has committed: it may be told to leave a topic alone.

        Raises:
            LookupError: The topic of the second bars does not exist.
        """
        bars = self.partitions(self.bars_topic)
        with explained(KAFKA):
            known = self.admin().list_topics(timeout=TIMEOUT_SECONDS).topics
        others = [
            TopicPartition(topic, number)
            for topic in self.topics().values()
            if topic in known and topic != self.bars_topic
            for number in sorted(known[topic].partitions)
        ]
        committed = self._committed([*bars, *others])
        read = [part for part in others if committed[part.topic, part.partition] >= 0]
        found = self._progress([*bars, *read], committed)
        return {
            f"{topic.removeprefix(self.prefix)}/{number}": progress
            for (topic, number), progress in found.items()
        }

    def _progress(
        self, partitions: Sequence[TopicPartition], committed: Mapping[Place, int]
    ) -> dict[Place, PartitionProgress]:
        ends = self._offsets(partitions, OffsetSpec.latest())
        never = [part for part in partitions if committed[part.topic, part.partition] < 0]
        settled = {**committed, **(self._offsets(never, OffsetSpec.earliest()) if never else {})}
        return {place: PartitionProgress(settled[place], end) for place, end in ends.items()}

    def _committed(self, partitions: Sequence[TopicPartition]) -> dict[Place, int]:
        """The sink's commit of each partition; negative where it has none."""
        # The admin client's call for this kills the process (librdkafka 2.16) where a group has no
        # coordinator yet, as on a new cluster. A consumer that subscribes to nothing is no member.
        config = {**self._settings().client_config(), "group.id": self.consumer_group}
        consumer = Consumer({**config, "enable.auto.commit": False, "log_level": 0})
        try:
            answer = _when_coordinated(
                lambda: consumer.committed(list(partitions), TIMEOUT_SECONDS)
            )
        finally:
            consumer.close()
        found = {(part.topic, part.partition): part.offset for part in answer}
        return {(p.topic, p.partition): found.get((p.topic, p.partition), -1) for p in partitions}

    def _offsets(self, partitions: Iterable[TopicPartition], spec: Any) -> dict[Place, int]:
        wanted: dict[TopicPartition, Any] = dict.fromkeys(partitions, spec)
        futures = self.admin().list_offsets(wanted)
        return {
            (part.topic, part.partition): future.result(TIMEOUT_SECONDS).offset
            for part, future in futures.items()
        }


def _when_coordinated(ask: Callable[[], list[TopicPartition]]) -> list[TopicPartition]:
    """The answer about a group, which may have to wait until a broker is in charge of it."""
    deadline = time.monotonic() + TIMEOUT_SECONDS
    while True:
        try:
            return ask()
        except KafkaException as error:
            if error.args[0].code() not in NOT_YET_COORDINATED or time.monotonic() > deadline:
                raise
        time.sleep(LOOK_SECONDS)


def kafka_admin(settings: KafkaSettings | None = None) -> AdminClient:
    """An admin client of the cluster in the settings, by default those of the environment."""
    # Its failures are exceptions here; what librdkafka prints besides is noise.
    config = (settings or KafkaSettings()).client_config()
    return AdminClient({**config, "log_level": 0})


def kafka(names: Names) -> Kafka:
    """The Kafka of one deployment, at the address in the environment."""
    settings = KafkaSettings()
    return Kafka(
        bootstrap_servers=settings.bootstrap_servers,
        security_protocol=settings.security_protocol,
        api_key=from_env("KAFKA_API_KEY", ""),
        api_secret=from_env("KAFKA_API_SECRET", ""),
        bars_topic=names.bars_topic,
        gaps_topic=names.gaps_topic,
        dead_letter_topic=names.dead_letter_topic,
        consumer_group=names.consumer_group,
    )
