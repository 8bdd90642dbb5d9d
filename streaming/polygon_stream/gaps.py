"""Gap records: when the stream was interrupted, so that the hole can be filled from REST.

The vendor's protocol has no replay. What was sent while nobody listened must be fetched again.
"""

import json
import logging
import time
from dataclasses import dataclass
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import msgspec
from confluent_kafka import Consumer, KafkaException, TopicPartition

from polygon_stream.frames import EventTime
from polygon_stream.publisher import Publisher
from polygon_stream.settings import KafkaSettings, TopicSettings

log = logging.getLogger(__name__)

LATE_SECONDS = 20 * 60.0
"""Bars are sent again up to fifteen minutes late: an event this much older is still the same day's
stream, an older one belongs to another run of it."""


EVENTS_TO_WAIT = 1_000
"""Frames after which a gap is written although none of them was newer than the last one before."""


@dataclass
class _Gap:
    began: float
    reason: str
    last_event: float | None
    needs_event: bool
    ended: float | None = None
    waited: int = 0


class GapLog:
    """Remembers an interruption and writes its record with the first event after it.

    A record is JSON: ``disconnected_at``, ``reconnected_at`` (wall clock), ``last_event_at`` and
    ``event_at`` (the vendor's time of the last event before and of the first one after, or null),
    all ISO 8601 in UTC, and ``reason``. Interruptions without an event between them are one gap.

    A bar that is only sent again does not end a gap: it is up to fifteen minutes old.

    Silence and the time between two runs may be a closed market: such a gap is written only if the
    next event is of the same New York day.
    """

    def __init__(self, topics: TopicSettings, publisher: Publisher) -> None:
        """Write to the gaps topic through the publisher."""
        self._topic = topics.gaps
        self._publisher = publisher
        self._gap: _Gap | None = None

    def open(
        self, at: float, reason: str, last_event: float | None, *, needs_event: bool = False
    ) -> None:
        """The stream broke.

        Args:
            at: Unix time of the break.
            reason: Why.
            last_event: The vendor's time of the last event, Unix seconds.
            needs_event: Whether only the next event can tell that something is missing.
        """
        earlier = self._gap
        if earlier is None:
            self._gap = _Gap(at, reason, last_event, needs_event)
            return
        earlier.ended = None
        earlier.needs_event = earlier.needs_event and needs_event
        if needs_event is False:
            earlier.reason = reason

    def close(self, at: float) -> None:
        """The stream is back.

        Args:
            at: Unix time.
        """
        if self._gap is not None:
            self._gap.ended = at

    def confirm(self, event: float | None) -> bool:
        """An event came; it may come a moment before ``close``.

        Args:
            event: Its time on the vendor's clock, Unix seconds; None when unknown.

        Returns:
            Whether the gap is settled; otherwise the next event is asked for, too.
        """
        gap = self._gap
        if gap is None:
            return True
        gap.waited += 1
        late = event is None or (gap.last_event is not None and event <= gap.last_event)
        continues = _continues(gap.last_event, event)
        if late and continues and gap.waited < EVENTS_TO_WAIT:
            return False
        if continues or not gap.needs_event:
            self._write(gap, None if late or not continues else event)
        self._gap = None
        return True

    def finish(self) -> None:
        """No event will come any more: write what is open, unless the market may be closed."""
        if self._gap is not None and not self._gap.needs_event:
            self._write(self._gap, None)
        self._gap = None

    def _write(self, gap: _Gap, event: float | None) -> None:
        ended = gap.ended or time.time()
        record = {
            "disconnected_at": _iso(gap.began),
            "reconnected_at": _iso(ended),
            "last_event_at": None if gap.last_event is None else _iso(gap.last_event),
            "event_at": None if event is None else _iso(event),
            "reason": gap.reason,
        }
        log.warning("gap of %.1f s: %s", ended - gap.began, gap.reason)
        self._publisher.publish(self._topic, b"", json.dumps(record).encode(), int(ended * 1000))


def _continues(last: float | None, event: float | None) -> bool:
    """Whether an event goes on with the same day's stream."""
    if last is None or event is None:
        return True
    same_day = _new_york_date(last) == _new_york_date(event)
    return same_day and event > last - LATE_SECONDS


def _new_york_date(moment: float) -> date:
    return datetime.fromtimestamp(moment, ZoneInfo("America/New_York")).date()


def last_record_time(kafka: KafkaSettings, topic: str) -> tuple[float, float | None] | None:
    """The newest record of a topic.

    Returns:
        Its receive time and the time of its event, Unix seconds; None for an empty topic or when
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
        return msgspec.json.decode(value or b"", type=EventTime).seconds()
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def _iso(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="milliseconds")
