"""The sink: the stream's topics from Kafka into ClickHouse, each message once in effect.

``python -m polygon_stream.sink``. Exit codes: 0 after SIGTERM, 1 when Kafka cannot be used.

Each message counts once because of the steps that a flush takes (``polygon_stream.flush``).

Inserts run in threads of their own, while the next messages are read; everything that concerns
Kafka, rebalances included, happens in one thread.
"""

import logging
import signal
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from concurrent.futures import wait
from operator import methodcaller

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from polygon_stream.backoff import Backoff
from polygon_stream.batches import PartitionBuffer, Plan
from polygon_stream.channels import Channel, channels
from polygon_stream.consumer import consumer_config, usable
from polygon_stream.dead_letters import DeadLetters, UndeliveredError
from polygon_stream.flush import Flush, Flusher, Key
from polygon_stream.health import serve_health
from polygon_stream.logs import configure_logging
from polygon_stream.settings import (
    ClickHouseSettings,
    KafkaSettings,
    LogSettings,
    SinkSettings,
    TopicSettings,
)
from polygon_stream.sink_facts import SinkFacts, known_offsets
from polygon_stream.tick_writer import TickWriter, WriteError
from polygon_stream.topics import TopicsError, ensure_topics

log = logging.getLogger(__name__)

_POLL_SECONDS = 0.1
_BUSY_POLL_SECONDS = 0.01
_QUIET_SECONDS = 0.01
"""The stream pauses when it brings nothing for so long: second bars come in one burst a second."""
_CONSUME_MESSAGES = 5_000
_MESSAGE_SIZE = 1_024
"""Bytes that a message is taken for at least, when what fits into the buffer is reckoned."""
_CLOSE_SECONDS = 30.0

# Called for every message, so in C.
_error: Callable[[Message], KafkaError | None] = methodcaller("error")
_topic: Callable[[Message], str] = methodcaller("topic")
_partition: Callable[[Message], int] = methodcaller("partition")


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
        self._buffers: dict[Key, PartitionBuffer] = {}
        self._flush: Flush | None = None
        self._last_flush = time.monotonic()
        self._waiting_since: float | None = None
        self._quiet = False
        self._message_size = 16 * _MESSAGE_SIZE  # until the first have come
        self._backoff = Backoff(0.2, settings.retry_maximum)
        self._retry_at = 0.0
        self.facts = SinkFacts(settings.unhealthy_seconds)
        self._consumer = Consumer(consumer_config(kafka, settings))
        self._flusher = Flusher(self._consumer, writer, dead_letters, settings.insert_threads)
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
        self._flusher.close()

    def _read(self) -> None:
        room = max(0, (self._settings.buffer_mb << 20) - self._waiting())
        count = min(_CONSUME_MESSAGES, 1 + room // self._message_size)
        messages = self._consumer.consume(count, self._patience())
        self._quiet = not messages
        if messages:
            self._message_size = max(_MESSAGE_SIZE, sum(map(len, messages)) // len(messages))
        if messages and self._waiting_since is None:
            self._waiting_since = time.monotonic()
        if any(map(_error, messages)):
            messages = [message for message in messages if usable(message)]
        received: defaultdict[Key, list[Message]] = defaultdict(list)
        for message, topic, partition in zip(
            messages, map(_topic, messages), map(_partition, messages), strict=True
        ):
            received[topic, partition].append(message)
        for key, run in received.items():
            if key in self._buffers:
                self._buffers[key].extend(run)

    def _patience(self) -> float:
        """How long to wait for messages: not past the next flush or the answer of an insert."""
        if self._flush is not None and not self.facts.failing:
            return _BUSY_POLL_SECONDS
        due_in = self._last_flush + self._settings.flush_ms / 1000 - time.monotonic()
        return min(_POLL_SECONDS, max(due_in, _QUIET_SECONDS))

    def _full(self) -> bool:
        """Whether enough waits to be written, so that reading may wait, too."""
        buffers = self._buffers.values()
        if any(buffer.completing for buffer in buffers):
            return False
        return self._waiting() >= self._settings.buffer_mb << 20 or any(
            len(buffer) >= 2 * self._settings.flush_rows for buffer in buffers
        )

    def _waiting(self) -> int:
        """Bytes of the messages that are not written, those on their way among them."""
        unsent = sum(buffer.size for buffer in self._buffers.values())
        return unsent + (self._flush.size if self._flush is not None else 0)

    def _due(self, now: float) -> bool:
        """Whether to write: enough waits, or it waits for long, or the stream pauses.

        Half of what may wait is enough, so that the other half is read meanwhile. A pause counts
        when the last flush is long enough ago, so that blocks do not get small.
        """
        rows = self._settings.flush_rows
        if self._waiting() >= self._settings.buffer_mb << 19 or any(
            len(buffer) >= rows for buffer in self._buffers.values()
        ):
            return True
        if self._waiting_since is None:
            return False
        since = self._last_flush if self._quiet else self._waiting_since
        return now - since >= self._settings.flush_ms / 1000

    def _form_flush(self) -> Flush | None:
        rows = self._settings.flush_rows
        batches = [batch for buffer in self._buffers.values() if (batch := buffer.take(rows))]
        for batch in batches:
            _, end = known_offsets(self._consumer, batch.topic, batch.partition)
            batch.lag = max(0, end - 1 - batch.plan.last)
        left = any(map(len, self._buffers.values()))
        self._last_flush = time.monotonic()
        self._waiting_since = self._last_flush if left else None
        return Flush(batches) if batches else None

    def _write(self, flush: Flush) -> None:
        """Take a flush as far as it goes now; what fails is tried again."""
        failure = None
        done = False
        try:
            done = self._flusher.advance(flush)
        except (KafkaException, UndeliveredError, *WriteError) as error:
            failure = str(error)
        # Not in the handler: while it holds the error, what that holds cannot be collected.
        if failure is not None:
            self._fail(flush, failure)
        if not done:
            return
        self._flush = None
        if self.facts.failing:
            self._consumer.resume(self._consumer.assignment())
            self._backoff.reset()
            self._retry_at = 0.0
        self.facts.note_flush(list(flush.batches.values()), time.monotonic() - flush.began)

    def _fail(self, flush: Flush, failure: str) -> None:
        flush.fail()
        pause = self._backoff.next()
        self._retry_at = time.monotonic() + pause
        self.facts.note_failure(failure)
        log.warning("flush failed, next attempt in %.1f s: %s", pause, failure)
        # Poll on without reading on: the group membership and its callbacks live in the poll.
        self._consumer.pause(self._consumer.assignment())

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
