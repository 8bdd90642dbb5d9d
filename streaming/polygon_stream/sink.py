"""The sink: second bars from Kafka into ClickHouse, each exactly once in effect.

``python -m polygon_stream.sink``. Exit codes: 0 after SIGTERM, 1 when Kafka cannot be used.

Every flush goes through four steps, and a crash after any of them loses and doubles nothing:

1. plan: commit the first offset of each batch, with its bounds as metadata;
2. insert: write each batch under a token made of its bounds;
3. report: note when the batches were queryable, and send bad messages to the dead-letter topic;
4. settle: commit the offset after each batch, without metadata.

Whoever gets the partition next reads the metadata. A plan there means that step 4 did not happen:
exactly that range is read and inserted again under the same token, which ClickHouse ignores if the
rows are there already. A sink that lost its partition cannot plan: Kafka refuses its commit.
"""

import logging
import signal
import sys
import time
from datetime import UTC, datetime
from typing import Any

from confluent_kafka import Consumer, KafkaException, Message, TopicPartition

from polygon_stream.backoff import Backoff
from polygon_stream.batches import Batch, PartitionBuffer, Plan
from polygon_stream.dead_letters import DeadLetters, UndeliveredError
from polygon_stream.health import serve_health
from polygon_stream.settings import (
    ClickHouseSettings,
    KafkaSettings,
    SinkSettings,
    TopicSettings,
)
from polygon_stream.sink_facts import SinkFacts
from polygon_stream.tick_writer import TickWriter, WriteError
from polygon_stream.topics import TopicsError, ensure_topics

log = logging.getLogger(__name__)

_POLL_SECONDS = 0.1
_CONSUME_MESSAGES = 5_000


def consumer_config(kafka: KafkaSettings, settings: SinkSettings) -> dict[str, Any]:
    """The librdkafka configuration of the sink: it commits by itself, and only batches."""
    config = kafka.client_config() | {
        "group.id": settings.group,
        "enable.auto.commit": False,
        "auto.offset.reset": "earliest",
        "partition.assignment.strategy": "range",
        "session.timeout.ms": settings.session_timeout_ms,
        "heartbeat.interval.ms": settings.session_timeout_ms // 10,
        "logger": log,
    }
    if settings.group_instance:
        config["group.instance.id"] = settings.group_instance
    return config


class Flush:
    """Batches of one flush, and how far they have come."""

    def __init__(self, batches: list[Batch]) -> None:
        """Nothing is done yet."""
        self.batches = {batch.partition: batch for batch in batches}
        self.planned = False
        self.reported = False
        self.began = time.monotonic()


class Sink:
    """Consumes one topic and writes it; drive it with ``step`` until done, then ``close``."""

    def __init__(
        self,
        kafka: KafkaSettings,
        topics: TopicSettings,
        settings: SinkSettings,
        writer: TickWriter,
        dead_letters: DeadLetters,
    ) -> None:
        """Join the consumer group; partitions arrive with the first steps."""
        self._topic = topics.agg_1s
        self._settings = settings
        self._writer = writer
        self._dead_letters = dead_letters
        self._buffers: dict[int, PartitionBuffer] = {}
        self._flush: Flush | None = None
        self._last_flush = time.monotonic()
        self._backoff = Backoff(0.2, settings.retry_maximum)
        self._retry_at = 0.0
        self.facts = SinkFacts(settings.unhealthy_seconds)
        self._consumer = Consumer(consumer_config(kafka, settings))
        self._consumer.subscribe(
            [self._topic],
            on_assign=self._on_assign,
            on_revoke=self._on_revoke,
            on_lost=self._on_revoke,
        )

    def step(self) -> None:
        """Read what has come and write what is due; takes about a tenth of a second."""
        self._read()
        now = time.monotonic()
        if self._flush is None and self._due(now):
            self._flush = self._form_flush()
        if self._flush is not None and now >= self._retry_at:
            self._write(self._flush)
        self.facts.note_lag(self._consumer, self._topic)

    def close(self) -> None:
        """Write what is here if ClickHouse takes it, and leave the group.

        What cannot be written stays in Kafka for the next run.
        """
        if self._flush is None:
            self._flush = self._form_flush()
        if self._flush is not None:
            self._write(self._flush)
        self._consumer.close()
        self._writer.close()

    def _read(self) -> None:
        by_partition: dict[int, list[Message]] = {}
        for message in self._consumer.consume(_CONSUME_MESSAGES, self._patience()):
            error = message.error()
            if error is not None:
                if error.fatal():
                    raise KafkaException(error)
                log.warning("Kafka: %s", error)
                continue
            by_partition.setdefault(message.partition() or 0, []).append(message)
        for partition, messages in by_partition.items():
            if partition in self._buffers:
                self._buffers[partition].extend(messages)

    def _patience(self) -> float:
        """How long to wait for messages: not past the next flush."""
        due_in = self._last_flush + self._settings.flush_ms / 1000 - time.monotonic()
        return min(_POLL_SECONDS, max(due_in, 0.005))

    def _due(self, now: float) -> bool:
        if now - self._last_flush >= self._settings.flush_ms / 1000:
            return True
        return any(len(buffer) >= self._settings.flush_rows for buffer in self._buffers.values())

    def _form_flush(self) -> Flush | None:
        self._last_flush = time.monotonic()
        batches = [batch for buffer in self._buffers.values() if (batch := buffer.take())]
        for batch in batches:
            batch.encode()
        return Flush(batches) if batches else None

    def _write(self, flush: Flush) -> None:
        """Take a flush as far as it goes; what fails is tried again from that step."""
        try:
            self._take_steps(flush)
        except (KafkaException, UndeliveredError, *WriteError) as error:
            wait = self._backoff.next()
            self._retry_at = time.monotonic() + wait
            self.facts.note_failure(str(error))
            log.warning("flush failed, next attempt in %.1f s: %s", wait, error)
            # Poll on without reading on: the group membership and its callbacks live in the poll.
            self._consumer.pause(self._consumer.assignment())
            return
        self._flush = None
        if self.facts.failing:
            self._consumer.resume(self._consumer.assignment())
            self._backoff.reset()
            self._retry_at = 0.0
        self.facts.note_flush(list(flush.batches.values()), time.monotonic() - flush.began)

    def _take_steps(self, flush: Flush) -> None:
        batches = list(flush.batches.values())
        if not batches:
            return  # all its partitions were taken away
        if not flush.planned:
            self._commit([self._position(b, b.plan.first, b.plan.metadata()) for b in batches])
            flush.planned = True
        for batch in batches:
            if batch.queryable_at is None:
                self._writer.insert_bars(batch)
                batch.queryable_at = datetime.now(UTC)
        if not flush.reported:
            self._dead_letters.send([reject for batch in batches for reject in batch.rejects])
            self._writer.record(batches)
            flush.reported = True
        self._commit([self._position(b, b.plan.last + 1, "") for b in batches])

    def _position(self, batch: Batch, offset: int, metadata: str) -> TopicPartition:
        return TopicPartition(self._topic, batch.partition, offset, metadata)

    def _commit(self, positions: list[TopicPartition]) -> None:
        """Commit and look at the answer for each partition: the call itself reports only some."""
        for answer in self._consumer.commit(offsets=positions, asynchronous=False):
            if answer.error is not None:
                raise KafkaException(answer.error)

    def _on_assign(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        """Start each partition at its committed offset, with the plan that may be open there."""
        committed = consumer.committed(partitions, timeout=15)
        for position in committed:
            if position.error is not None:
                raise KafkaException(position.error)
            plan = Plan.parse(position.metadata)
            if plan is not None:
                log.info("partition %d: repeating %s", position.partition, plan.metadata())
            self._buffers[position.partition] = PartitionBuffer(
                self._topic, position.partition, plan
            )
        starts = [TopicPartition(p.topic, p.partition, p.offset) for p in committed]
        consumer.assign(starts)
        self.facts.note_assignment(starts)
        if self.facts.failing:
            consumer.pause(starts)
        else:
            # librdkafka remembers the pause of a partition that was taken away meanwhile.
            consumer.resume(starts)

    def _on_revoke(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        """Forget the partitions: what was not settled is read again by their next owner."""
        for position in partitions:
            self._buffers.pop(position.partition, None)
            if self._flush is not None:
                self._flush.batches.pop(position.partition, None)
        self.facts.note_revocation(partitions)


def sink(
    clickhouse: ClickHouseSettings,
    kafka: KafkaSettings,
    topics: TopicSettings,
    settings: SinkSettings,
) -> None:
    """Run the sink until SIGTERM or SIGINT.

    Raises:
        TopicsError: The topics are missing and cannot be created.
        KafkaException: Kafka cannot be used any more.
    """
    stopping: list[int] = []
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda signum, _frame: stopping.append(signum))
    ensure_topics(kafka, [topics.agg_1s, topics.dead_letter], topics.partitions)
    writer = TickWriter(clickhouse, settings.database)
    running = Sink(kafka, topics, settings, writer, DeadLetters(kafka, topics.dead_letter))
    stop_health = serve_health(settings.health_port, running.facts.report)
    try:
        while not stopping:
            running.step()
        running.facts.state = "stopping"
    finally:
        running.close()
        stop_health()


def main() -> None:
    """Entry point."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    try:
        sink(ClickHouseSettings(), KafkaSettings(), TopicSettings(), SinkSettings())
    except (TopicsError, KafkaException, OSError, ValueError) as error:
        log.error("%s", error)
        sys.exit(1)


if __name__ == "__main__":
    main()
