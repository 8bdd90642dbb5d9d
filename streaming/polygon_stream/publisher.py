"""Write events to Kafka: keyed, idempotent, in order, and without ever blocking the reader."""

import logging
import time
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from polygon_stream.settings import KafkaSettings

log = logging.getLogger(__name__)

MAX_DEAD_LETTER_BYTES = 900_000
"""Kafka takes a megabyte, headers included."""

Headers = list[tuple[str, str | bytes | None]]
Record = tuple[str, bytes, bytes, int, Headers | None]
"""Topic, key, value, timestamp in milliseconds, headers."""


def producer_config(
    kafka: KafkaSettings, linger_ms: int = 10, queue_records: int = 500_000
) -> dict[str, Any]:
    """The librdkafka configuration of every writer into the stream's topics.

    Whoever writes bars must use it: the partitioner decides which partition a symbol lives in, and
    a symbol must live in one.
    """
    return kafka.client_config() | {
        "enable.idempotence": True,
        "acks": "all",
        "compression.type": "lz4",
        "linger.ms": linger_ms,
        "batch.size": 1_000_000,
        "partitioner": "consistent_random",
        "queue.buffering.max.messages": queue_records,
        "queue.buffering.max.kbytes": 262_144,
        # Kept until delivered: while the brokers are away the queue fills and the reader pauses.
        "message.timeout.ms": 0,
    }


class Publisher:
    """A Kafka producer with an overflow queue in front.

    ``publish`` never blocks. When librdkafka's queue is full, records wait in the overflow queue
    and ``on_congestion(True)`` asks the reader to pause; ``on_congestion(False)`` to go on, once
    librdkafka's queue is half empty, so that the reader does not stop and start at every record.

    Attributes:
        congested: Whether the reader should pause.
        pauses: How many times it was asked to.
        overflow_dropped: Records dropped because even the overflow queue was full.
        failed: Records that Kafka refused for good.
        fatal: Why the producer can no longer write; None while it can.
    """

    def __init__(self, config: dict[str, Any], overflow_records: int) -> None:
        """Create the producer; it connects in the background.

        Args:
            config: See ``producer_config``.
            overflow_records: Size of the overflow queue.
        """
        self.congested = False
        self.pauses = 0
        self.overflow_dropped = 0
        self.failed = 0
        self.fatal: str | None = None
        self.on_congestion: Callable[[bool], None] = lambda congested: None
        self._overflow: deque[Record] = deque()
        self._overflow_records = overflow_records
        self._resume_below = int(config.get("queue.buffering.max.messages", 100_000)) // 2
        self._paused_at = 0.0
        self._paused_seconds = 0.0
        self._producer = Producer(
            config
            | {
                "on_delivery": self._on_delivery,
                "delivery.report.only.error": True,
                "error_cb": self._on_error,
                "logger": log,
            }
        )
        self._hand_over: Callable[..., None] = self._producer.produce

    def publish(
        self, topic: str, key: bytes, value: bytes, timestamp: int, headers: Headers | None = None
    ) -> None:
        """Queue one record.

        Args:
            topic: Topic name.
            key: Symbol; empty for records without one.
            value: The vendor's bytes.
            timestamp: Receive time, milliseconds since 1970.
            headers: Facts about the record.
        """
        if not self._overflow:
            if self._produce(topic, key, value, timestamp, headers):
                return
            self._pause()
        if len(self._overflow) >= self._overflow_records:
            if self.overflow_dropped == 0:
                log.error("the overflow queue is full: records are dropped, and counted")
            self.overflow_dropped += 1
            return
        self._overflow.append((topic, key, value, timestamp, headers))

    def publish_all(
        self, topic: str, records: Iterable[tuple[bytes, bytes]], timestamp: int
    ) -> None:
        """Queue records of one topic, in order; the hot path.

        Args:
            topic: Topic name.
            records: The vendor's bytes of each record, and its symbol, which is not empty.
            timestamp: Receive time of all, milliseconds since 1970.
        """
        rest = iter(records)
        if not self._overflow:
            hand_over = self._hand_over
            for value, key in rest:
                try:
                    # Arguments by position take a third less time than by name.
                    hand_over(topic, value, key, -1, None, None, timestamp)
                except (BufferError, KafkaException):
                    self.publish(topic, key, value, timestamp)
                    break
        for value, key in rest:
            self.publish(topic, key, value, timestamp)

    def publish_dead_letter(
        self, topic: str, key: bytes, value: bytes, timestamp: int, headers: Headers
    ) -> None:
        """Queue a dead letter; a long one is cut and has its length in the header ``bytes``."""
        if len(value) > MAX_DEAD_LETTER_BYTES:
            headers = [*headers, ("bytes", str(len(value)))]
            value = value[:MAX_DEAD_LETTER_BYTES]
        self.publish(topic, key, value, timestamp, headers)

    def serve(self) -> None:
        """Deliver callbacks and move waiting records on. Call often; returns at once."""
        self._producer.poll(0)
        while self._overflow:
            if not self._produce(*self._overflow[0]):
                return
            self._overflow.popleft()
        if self.congested and len(self._producer) <= self._resume_below:
            self._resume()

    def drain(self, seconds: float) -> int:
        """Wait until everything is acknowledged.

        Args:
            seconds: Longest wait.

        Returns:
            How many records were still not acknowledged; 0 = nothing lost.
        """
        remaining = seconds
        while self._overflow and remaining > 0:
            self.serve()
            self._producer.poll(0.1)
            remaining -= 0.1
        return len(self._overflow) + self._producer.flush(max(remaining, 0.1))

    def congested_seconds(self) -> float:
        """How long the reader was paused, in all."""
        now = time.monotonic() - self._paused_at if self.congested else 0.0
        return self._paused_seconds + now

    def queued(self) -> int:
        """Records not acknowledged yet."""
        return len(self._overflow) + len(self._producer)

    def _pause(self) -> None:
        if self.congested:
            return
        self.congested, self._paused_at = True, time.monotonic()
        self.pauses += 1
        log.warning("Kafka's queue is full: the stream is paused until it drains")
        self.on_congestion(True)

    def _resume(self) -> None:
        self._paused_seconds = self.congested_seconds()
        self.congested = False
        log.warning("Kafka's queue has drained: the stream goes on")
        self.on_congestion(False)

    def _produce(
        self, topic: str, key: bytes, value: bytes, timestamp: int, headers: Headers | None
    ) -> bool:
        """Hand a record to librdkafka.

        Returns:
            False when its queue is full; a record that it refuses for good is counted.
        """
        try:
            if headers is None:
                self._producer.produce(topic, value, key or None, timestamp=timestamp)
            else:
                self._producer.produce(
                    topic, value, key or None, timestamp=timestamp, headers=headers
                )
        except BufferError:
            return False
        except KafkaException as error:
            self._refused(topic, error.args[0])
        return True

    def _on_delivery(self, error: KafkaError | None, message: Message) -> None:
        if error is not None:
            self._refused(message.topic() or "", error)

    def _refused(self, topic: str, error: KafkaError) -> None:
        self.failed += 1
        log.error("Kafka refused a record for %s: %s", topic, error)

    def _on_error(self, error: KafkaError) -> None:
        if error.fatal():
            self.fatal = str(error)
        log.warning("Kafka: %s", error)
