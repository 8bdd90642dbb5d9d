"""What the producer tells about itself on /healthz and /metrics."""

import time
from collections.abc import Iterable

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric

from polygon_stream.market import CLOSED, OPEN, MarketStatus
from polygon_stream.metrics import counter, gauge, labelled
from polygon_stream.publisher import Publisher
from polygon_stream.router import EventRouter
from polygon_stream.settings import StreamSettings

STATES = (
    "starting", "connecting", "authenticating", "subscribing", "streaming", "waiting", "stopping",
)  # fmt: skip


class ProducerFacts:
    """States and counters; written by the event loop, read by the health endpoint's thread.

    Attributes:
        state: One of ``STATES``.
        connected_since: Unix time since when events may come; None while they cannot.
        reconnects: Sessions that ended after they had streamed.
        unacknowledged: Topics that the vendor passed over in silence.
    """

    def __init__(
        self,
        settings: StreamSettings,
        router: EventRouter,
        publisher: Publisher,
        market: MarketStatus,
    ) -> None:
        """Nothing is connected yet."""
        self.state = "starting"
        self.connected_since: float | None = None
        self.reconnects = 0
        self.unacknowledged: list[str] = []
        self._state_since = time.monotonic()
        self._settings, self._router = settings, router
        self._publisher, self._market = publisher, market

    def note_streaming(self, unacknowledged: list[str]) -> None:
        """A session streams."""
        self.connected_since = time.time()
        self._state_since = time.monotonic()
        self.unacknowledged = unacknowledged

    def note_end(self) -> float:
        """A session is over.

        Returns:
            How many seconds it streamed; 0 when it never did.
        """
        self.state = "waiting"
        if self.connected_since is None:
            return 0.0
        lasted = time.time() - self.connected_since
        self.connected_since = None
        self._state_since = time.monotonic()
        self.reconnects += 1
        return lasted

    def silent(self, since: float) -> bool:
        """Whether a stream that had events has none for ``idle_seconds``.

        Before the open there are none, and after the close there are few: a session that had no
        event at all is not silent, nor is one while the vendor says that the market is closed.

        Args:
            since: Unix time from which on events could be read.
        """
        last = self._router.last_event_received_at
        if self._market.state == CLOSED or last is None:
            return False
        return since < last < time.time() - self._settings.idle_seconds

    def problems(self) -> list[str]:
        """What is wrong, in sentences; empty when the producer is healthy."""
        found: list[str] = []
        if self._publisher.fatal is not None:
            found.append(f"Kafka cannot be used any more: {self._publisher.fatal}")
        since = self.connected_since
        away = time.monotonic() - self._state_since
        if since is None and away >= self._settings.unhealthy_seconds:
            found.append(f"no stream for {away:.0f} s")
        limit = self._settings.stale_seconds
        if since is not None and self._market.state == OPEN and limit > 0:
            age = time.time() - max(since, self._router.last_event_received_at or 0)
            if age > limit:
                found.append(f"no event for {age:.0f} s, and the market is open")
        return found

    def report(self) -> tuple[bool, dict[str, object]]:
        """Facts for /healthz."""
        problems = self.problems()
        last_event = self._router.last_event_received_at
        facts: dict[str, object] = {
            "state": self.state,
            "problems": problems,
            "market": self._market.state,
            "connected_since": self.connected_since,
            "last_event_age_seconds": (
                None if last_event is None else round(time.time() - last_event, 3)
            ),
            "events": self._router.events,
            "reconnects": self.reconnects,
            "unacknowledged": self.unacknowledged,
            "dead_letters": self._router.dead_letters,
            "queued": self._publisher.queued(),
            "congested": self._publisher.congested,
            "dropped": self._publisher.overflow_dropped,
            "refused_by_kafka": self._publisher.failed,
        }
        return not problems, facts

    def metrics(self) -> Iterable[Metric]:
        """Metrics for Prometheus."""
        router, publisher = self._router, self._publisher
        last_event = router.last_event_received_at
        age = None if last_event is None else time.time() - last_event
        states = {name: float(name == self.state) for name in STATES}
        return [
            gauge("healthy", "1 when /healthz says 200.", float(not self.problems())),
            labelled(
                CounterMetricFamily, "events", "Events published.", "channel", router.by_channel
            ),
            counter("frames", "WebSocket messages with events.", router.frames),
            counter("received_bytes", "Bytes of these messages.", router.received_bytes),
            counter("reconnects", "Sessions that ended.", self.reconnects),
            counter("dead_letters", "Events not understood.", router.dead_letters),
            counter("dropped", "Events lost: a full overflow.", publisher.overflow_dropped),
            counter("refused", "Events that Kafka refused for good.", publisher.failed),
            counter("pauses", "How often the socket was not read.", publisher.pauses),
            counter("congested_seconds", "Time without reading.", publisher.congested_seconds()),
            gauge("queued", "Events that Kafka has not acknowledged.", publisher.queued()),
            gauge("unacknowledged_topics", "Topics in silence.", len(self.unacknowledged)),
            gauge("last_event_age_seconds", "Since the last event.", age),
            gauge("session_start_seconds", "Unix time of the connection.", self.connected_since),
            labelled(GaugeMetricFamily, "state", "1 for the state it is in.", "state", states),
        ]
