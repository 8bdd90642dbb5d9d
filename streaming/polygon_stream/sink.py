"""The sink: the stream's topics from Kafka into ClickHouse, each message once in effect.

``python -m polygon_stream.sink``. Exit codes: 0 after SIGTERM, 1 when Kafka cannot be used.

A batch is a range of one partition of one topic. Every flush takes one batch of each partition
through four steps, and a crash after any of them loses and doubles nothing:

1. plan: commit the first offset of each batch, with its bounds as metadata;
2. insert: write each batch under a token made of its bounds;
3. report: note when the batches were queryable, and send bad messages to the dead-letter topic;
4. settle: commit the offset after each batch, without metadata.

Whoever gets the partition next reads the metadata. A plan there means that step 4 did not happen:
exactly that range is read and inserted again under the same token, which ClickHouse ignores if the
rows are there already. A sink that lost its partition cannot plan: Kafka refuses its commit. One
that was stopped between plan and insert and wakes up later inserts under the token that its
successor has used or will use, for the same rows.

Inserts run in threads of their own, while the next messages are read; everything that concerns
Kafka, rebalances included, happens in one thread.
"""

import logging
import signal
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from datetime import UTC, datetime
from typing import Any

from confluent_kafka import Consumer, KafkaException, Message, TopicPartition

from polygon_stream.backoff import Backoff
from polygon_stream.batches import Batch, PartitionBuffer, Plan
from polygon_stream.channels import DEAD_LETTER, Channel, channels
from polygon_stream.dead_letters import DeadLetters, UndeliveredError
from polygon_stream.flush import Flush, Key
from polygon_stream.health import serve_health
from polygon_stream.logs import configure_logging
from polygon_stream.settings import (
    ClickHouseSettings,
    KafkaSettings,
    LogSettings,
    SinkSettings,
    TopicSettings,
)
from polygon_stream.sink_facts import SinkFacts
from polygon_stream.tick_writer import TickWriter, WriteError
from polygon_stream.topics import TopicsError, ensure_topics

log = logging.getLogger(__name__)

_POLL_SECONDS = 0.1
_BUSY_POLL_SECONDS = 0.01
_CONSUME_MESSAGES = 5_000
_CLOSE_SECONDS = 30.0


def consumer_config(kafka: KafkaSettings, settings: SinkSettings) -> dict[str, Any]:
    """The librdkafka configuration of the sink: it commits by itself, and only batches.

    Partitions move one by one (cooperative): the others are read on during a rebalance.
    """
    config = kafka.client_config() | {
        "group.id": settings.group,
        "enable.auto.commit": False,
        "enable.auto.offset.store": False,
        "auto.offset.reset": "earliest",
        "partition.assignment.strategy": "cooperative-sticky",
        "session.timeout.ms": settings.session_timeout_ms,
        "heartbeat.interval.ms": settings.session_timeout_ms // 10,
        "queued.max.messages.kbytes": settings.buffer_mb * 1024 // 2,
        "fetch.message.max.bytes": 1_048_576,
        "logger": log,
    }
    if settings.group_instance:
        config["group.instance.id"] = settings.group_instance
    return config


class Sink:
    """Consumes the topics and writes them; drive it with ``step`` until done, then ``close``."""

    def __init__(
        self,
        kafka: KafkaSettings,
        topics: TopicSettings,
        settings: SinkSettings,
        writer: TickWriter,
        dead_letters: DeadLetters,
    ) -> None:
        """Join the consumer group; partitions arrive with the first steps."""
        self._channels: dict[str, Channel] = {
            channel.topic(topics): channel for channel in channels(settings.topics)
        }
        self._settings = settings
        self._writer = writer
        self._dead_letters = dead_letters
        self._buffers: dict[Key, PartitionBuffer] = {}
        self._flush: Flush | None = None
        self._last_flush = time.monotonic()
        self._backoff = Backoff(0.2, settings.retry_maximum)
        self._retry_at = 0.0
        self._threads = ThreadPoolExecutor(settings.insert_threads, "insert")
        self.facts = SinkFacts(settings.unhealthy_seconds)
        self._consumer = Consumer(consumer_config(kafka, settings))
        self._consumer.subscribe(
            list(self._channels),
            on_assign=self._on_assign,
            on_revoke=self._on_revoke,
            on_lost=self._on_revoke,
        )

    def step(self) -> None:
        """Read what has come and write what is due; takes about a tenth of a second."""
        if self._full() and self._flush is not None and self._flush.running():
            wait(self._flush.running(), _POLL_SECONDS)
        if not self._full() or self.facts.failing:
            self._read()
        now = time.monotonic()
        if self._flush is None and self._due(now):
            self._flush = self._form_flush()
        if self._flush is not None and now >= self._retry_at:
            self._write(self._flush)
        self.facts.note_lag(self._consumer)

    def close(self) -> None:
        """Write what is here if ClickHouse takes it, and leave the group.

        What cannot be written stays in Kafka for the next run.
        """
        deadline = time.monotonic() + _CLOSE_SECONDS
        while time.monotonic() < deadline:
            flush = self._flush = self._flush or self._form_flush()
            if flush is None:
                break
            self._write(flush)
            if self.facts.failing:
                break
            wait(flush.running(), _POLL_SECONDS)
        self._consumer.close()
        self._threads.shutdown(wait=True, cancel_futures=True)
        self._writer.close()

    def _read(self) -> None:
        received: dict[Key, list[Message]] = {}
        for message in self._consumer.consume(_CONSUME_MESSAGES, self._patience()):
            error = message.error()
            if error is not None:
                if error.fatal():
                    raise KafkaException(error)
                log.warning("Kafka: %s", error)
                continue
            key = (message.topic() or "", message.partition() or 0)
            received.setdefault(key, []).append(message)
        for key, messages in received.items():
            if key in self._buffers:
                self._buffers[key].extend(messages)

    def _patience(self) -> float:
        """How long to wait for messages: not past the next flush or the answer of an insert."""
        if self._flush is not None and not self.facts.failing:
            return _BUSY_POLL_SECONDS
        due_in = self._last_flush + self._settings.flush_ms / 1000 - time.monotonic()
        return min(_POLL_SECONDS, max(due_in, 0.005))

    def _full(self) -> bool:
        """Whether enough waits to be written, so that reading may wait, too."""
        buffers = self._buffers.values()
        if any(buffer.completing for buffer in buffers):
            return False
        waiting = sum(buffer.bytes for buffer in buffers)
        return waiting >= self._settings.buffer_mb << 20 or any(
            len(buffer) >= 2 * self._settings.flush_rows for buffer in buffers
        )

    def _due(self, now: float) -> bool:
        if now - self._last_flush >= self._settings.flush_ms / 1000 or self._full():
            return True
        return any(len(buffer) >= self._settings.flush_rows for buffer in self._buffers.values())

    def _form_flush(self) -> Flush | None:
        self._last_flush = time.monotonic()
        rows = self._settings.flush_rows
        batches = [batch for buffer in self._buffers.values() if (batch := buffer.take(rows))]
        return Flush(batches) if batches else None

    def _write(self, flush: Flush) -> None:
        """Take a flush as far as it goes now; what fails is tried again."""
        try:
            done = self._take_steps(flush)
        except (KafkaException, UndeliveredError, *WriteError) as error:
            self._fail(flush, error)
            return
        if not done:
            return
        self._flush = None
        if self.facts.failing:
            self._consumer.resume(self._consumer.assignment())
            self._backoff.reset()
            self._retry_at = 0.0
        self.facts.note_flush(list(flush.batches.values()), time.monotonic() - flush.began)

    def _fail(self, flush: Flush, error: Exception) -> None:
        flush.planned = False  # plan again: it tells whether the partitions are still ours
        pause = self._backoff.next()
        self._retry_at = time.monotonic() + pause
        self.facts.note_failure(str(error))
        log.warning("flush failed, next attempt in %.1f s: %s", pause, error)
        # Poll on without reading on: the group membership and its callbacks live in the poll.
        self._consumer.pause(self._consumer.assignment())

    def _take_steps(self, flush: Flush) -> bool:
        """Go on with the steps.

        Returns:
            Whether all are done; False while inserts are running.
        """
        if not flush.planned and not flush.running():
            self._plan(flush)
        if flush.running():
            return False
        batches = list(flush.batches.values())
        if not batches:
            return True  # all its partitions were taken away
        for key in flush.batches:
            if key in flush.inserts:
                flush.inserts[key].result()
        if not flush.reported:
            self._report(batches)
            flush.reported = True
        self._commit([self._position(b, b.plan.last + 1, "") for b in batches])
        return True

    def _plan(self, flush: Flush) -> None:
        batches = flush.batches
        if batches:
            self._commit(
                [self._position(b, b.plan.first, b.plan.metadata()) for b in batches.values()]
            )
        flush.inserts = {
            key: self._threads.submit(self._insert, batch)
            for key, batch in batches.items()
            if batch.queryable_at is None
        }
        flush.planned = True

    def _insert(self, batch: Batch) -> None:
        """Write one batch, in a thread."""
        self._writer.insert(batch)
        batch.queryable_at = datetime.now(UTC)

    def _report(self, batches: Sequence[Batch]) -> None:
        rejects = [r for b in batches if b.channel is not DEAD_LETTER for r in b.rejects]
        self._dead_letters.send(rejects)
        for batch in batches:
            if batch.channel is DEAD_LETTER and batch.rejects:
                log.error("dead letters that are no rows: %s", batch.rejects[0].reason)
        self._writer.record(batches)

    def _position(self, batch: Batch, offset: int, metadata: str) -> TopicPartition:
        return TopicPartition(batch.topic, batch.partition, offset, metadata)

    def _commit(self, positions: list[TopicPartition]) -> None:
        """Commit and look at the answer for each partition: the call itself reports only some."""
        for answer in self._consumer.commit(offsets=positions, asynchronous=False):
            if answer.error is not None:
                raise KafkaException(answer.error)

    def _on_assign(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        """Start each new partition at its committed offset, with the plan that may be open."""
        committed = consumer.committed(partitions, timeout=15) if partitions else []
        for position in committed:
            if position.error is not None:
                raise KafkaException(position.error)
            topic, partition = position.topic, position.partition
            plan = Plan.parse(position.metadata)
            if plan is not None:
                log.info("%s partition %d: repeating %s", topic, partition, plan.metadata())
            buffer = PartitionBuffer(self._channels[topic], topic, partition, plan)
            self._buffers[topic, partition] = buffer
        starts = [TopicPartition(p.topic, p.partition, p.offset) for p in committed]
        consumer.incremental_assign(starts)
        self.facts.note_assignment(starts)
        if self.facts.failing:
            consumer.pause(starts)
        else:
            consumer.resume(starts)  # they may have been paused when they were ours before

    def _on_revoke(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        """Forget the partitions: what was not settled is read again by their next owner."""
        for position in partitions:
            key = (position.topic, position.partition)
            self._buffers.pop(key, None)
            if self._flush is not None:
                self._flush.batches.pop(key, None)
        consumer.incremental_unassign(partitions)
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
    names = [channel.topic(topics) for channel in channels(settings.topics)]
    ensure_topics(kafka, list({*names, topics.dead_letter}), topics.partitions)
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
    try:
        configure_logging(LogSettings())
        sink(ClickHouseSettings(), KafkaSettings(), TopicSettings(), SinkSettings())
    except (TopicsError, KafkaException, OSError, ValueError) as error:
        log.error("%s", error)
        sys.exit(1)


if __name__ == "__main__":
    main()
