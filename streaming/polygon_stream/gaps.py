"""Gap records: when the stream was interrupted, so that the hole can be filled from REST.

The vendor's protocol has no replay. What was sent while nobody listened must be fetched again.
"""

import json
import logging
from datetime import UTC, datetime

from confluent_kafka import Consumer, KafkaException, TopicPartition

from polygon_stream.publisher import Publisher
from polygon_stream.settings import KafkaSettings, TopicSettings

log = logging.getLogger(__name__)

EARLIER_RUN_SECONDS = 12 * 3600.0
"""A pause between two runs counts as a gap up to this length; a longer one is a closed market."""


class GapLog:
    """Remembers an interruption and writes its record when the stream is back.

    A record is JSON: ``disconnected_at``, ``reconnected_at`` (wall clock), ``last_event_at`` (the
    vendor's time of the last event before, or null), all ISO 8601 in UTC, and ``reason``.
    """

    def __init__(self, topics: TopicSettings, publisher: Publisher) -> None:
        """Write to the gaps topic through the publisher."""
        self._topic = topics.gaps
        self._publisher = publisher
        self._open: tuple[float, str, float | None] | None = None

    def open(self, at: float, reason: str, last_event: float | None) -> None:
        """The stream broke.

        Args:
            at: Unix time of the break.
            reason: Why.
            last_event: The vendor's time of the last event, Unix seconds.
        """
        self._open = (at, reason, last_event)

    def open_from_earlier_run(self, last: tuple[float, float | None] | None, now: float) -> None:
        """An earlier process of the producer ended; its last record marks the break.

        Args:
            last: Receive time and event time of the newest record in Kafka, or None.
            now: Unix time.
        """
        if last is not None and now - last[0] < EARLIER_RUN_SECONDS:
            self._open = (last[0], "the producer was restarted", last[1])

    def close(self, at: float) -> None:
        """The stream is back: write the record, if there was a break.

        Args:
            at: Unix time.
        """
        if self._open is None:
            return
        began, reason, last_event = self._open
        self._open = None
        record = {
            "disconnected_at": _iso(began),
            "reconnected_at": _iso(at),
            "last_event_at": None if last_event is None else _iso(last_event),
            "reason": reason,
        }
        log.warning("gap of %.1f s: %s", at - began, reason)
        self._publisher.publish(self._topic, b"", json.dumps(record).encode(), int(at * 1000))


def last_record_time(kafka: KafkaSettings, topic: str) -> tuple[float, float | None] | None:
    """The newest record of a topic.

    Returns:
        Its receive time and the ``e`` of its event, Unix seconds; None for an empty topic or when
        Kafka does not say within a few seconds.
    """
    config = kafka.client_config() | {"group.id": "unused", "enable.auto.commit": False}
    consumer = Consumer(config)
    try:
        tails = [
            TopicPartition(topic, number, high - 1)
            for number in consumer.list_topics(topic, timeout=5).topics[topic].partitions
            for low, high in [_watermarks(consumer, topic, number)]
            if high > low
        ]
        consumer.assign(tails)
        messages = consumer.consume(len(tails), timeout=5) if tails else []
    except KafkaException as error:
        log.warning("could not read the end of %s: %s", topic, error)
        return None
    finally:
        consumer.close()
    times = [
        (message.timestamp()[1] / 1000, _event_time(message.value()))
        for message in messages
        if message.error() is None
    ]
    return max(times, key=lambda pair: pair[0], default=None)


def _watermarks(consumer: Consumer, topic: str, partition: int) -> tuple[int, int]:
    return consumer.get_watermark_offsets(TopicPartition(topic, partition), timeout=5)


def _event_time(value: str | bytes | None) -> float | None:
    try:
        return json.loads(value or b"")["e"] / 1000
    except (ValueError, KeyError, TypeError):
        return None


def _iso(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="milliseconds")
