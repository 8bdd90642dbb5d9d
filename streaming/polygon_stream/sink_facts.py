"""What the sink tells about itself on /healthz."""

import statistics
import time
from collections import deque
from collections.abc import Sequence

from confluent_kafka import Consumer, TopicPartition

from polygon_stream.batches import Batch

_LAG_INTERVAL = 1.0
_RECENT_FLUSHES = 200


class SinkFacts:
    """Counters and the lag; written by the sink's loop, read by the health endpoint's thread.

    Attributes:
        state: ``running``, ``retrying`` or ``stopping``.
        failing: Whether the last attempt to write failed.
    """

    def __init__(self, unhealthy_seconds: float) -> None:
        """Healthy until writing fails for so long."""
        self.state = "running"
        self.failing = False
        self._unhealthy_seconds = unhealthy_seconds
        self._failing_since: float | None = None
        self._last_error: str | None = None
        self._last_step = time.monotonic()
        self._settled: dict[tuple[str, int], int] = {}
        self._lag: dict[tuple[str, int], int] = {}
        self._lag_at = 0.0
        self._rows = 0
        self._dead_letters = 0
        self._flushes = 0
        self._flush_ms: deque[float] = deque(maxlen=_RECENT_FLUSHES)

    def note_assignment(self, starts: Sequence[TopicPartition]) -> None:
        """These partitions are ours, from these offsets on."""
        self._settled |= {(start.topic, start.partition): start.offset for start in starts}

    def note_revocation(self, partitions: Sequence[TopicPartition]) -> None:
        """These partitions are no longer ours."""
        for position in partitions:
            self._settled.pop((position.topic, position.partition), None)
        self._lag_at = 0.0

    def note_flush(self, batches: Sequence[Batch], seconds: float) -> None:
        """A flush is settled."""
        self.state, self.failing = "running", False
        self._failing_since = self._last_error = None
        self._flushes += 1
        self._flush_ms.append(seconds * 1000)
        for batch in batches:
            self._rows += batch.rows
            self._dead_letters += len(batch.rejects)
            self._settled[batch.topic, batch.partition] = batch.plan.last + 1

    def note_failure(self, error: str) -> None:
        """An attempt to write failed."""
        self.state, self.failing = "retrying", True
        self._failing_since = self._failing_since or time.monotonic()
        self._last_error = error

    def note_lag(self, consumer: Consumer) -> None:
        """Compute the lag from what the consumer knows, at most once a second."""
        self._last_step = time.monotonic()
        if self._last_step - self._lag_at < _LAG_INTERVAL:
            return
        self._lag_at = self._last_step
        lag: dict[tuple[str, int], int] = {}
        for (topic, partition), settled in self._settled.items():
            low, high = known_offsets(consumer, topic, partition)
            if high >= 0:
                lag[topic, partition] = max(0, high - max(settled, low, 0))
        self._lag = lag

    def report(self) -> tuple[bool, dict[str, object]]:
        """Facts for /healthz."""
        now = time.monotonic()
        failing = 0.0 if self._failing_since is None else now - self._failing_since
        stuck = now - self._last_step
        recent = sorted(self._flush_ms)
        partitions: dict[str, list[int]] = {}
        for topic, partition in sorted(dict(self._settled)):
            partitions.setdefault(topic, []).append(partition)
        facts: dict[str, object] = {
            "state": self.state,
            "partitions": partitions,
            "lag": sum(self._lag.values()),
            "rows": self._rows,
            "dead_letters": self._dead_letters,
            "flushes": self._flushes,
            "flush_ms_p50": round(statistics.median(recent), 1) if recent else None,
            "flush_ms_max": round(recent[-1], 1) if recent else None,
            "failing_seconds": round(failing, 1),
            "last_error": self._last_error,
        }
        return max(failing, stuck) < self._unhealthy_seconds, facts


def known_offsets(consumer: Consumer, topic: str, partition: int) -> tuple[int, int]:
    """The first offset of a partition and the one after its last, as the last answer of Kafka had
    them; below 0 while Kafka has not told."""
    return consumer.get_watermark_offsets(TopicPartition(topic, partition), cached=True)
