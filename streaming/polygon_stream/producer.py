"""The producer: every event of the vendor's WebSocket becomes one Kafka record.

``python -m polygon_stream.producer``. Exit codes: 0 after SIGTERM with everything delivered, 1 when
Kafka cannot be used or did not take everything in time, or a setting is wrong, 77 when the vendor
refuses key or plan.
"""

import asyncio
import logging
import signal
import sys
import time
from collections.abc import Sequence
from typing import Any

from polygon_stream.backoff import Backoff
from polygon_stream.gaps import GapLog, last_record_time
from polygon_stream.health import serve_health
from polygon_stream.logs import configure_logging
from polygon_stream.market import MarketStatus
from polygon_stream.producer_facts import ProducerFacts
from polygon_stream.publisher import Publisher, producer_config
from polygon_stream.router import EventRouter
from polygon_stream.settings import (
    KafkaSettings,
    LogSettings,
    PolygonSettings,
    StreamSettings,
    TopicSettings,
)
from polygon_stream.subscriptions import channels_of, load_subscriptions, shown
from polygon_stream.topics import TopicsError, ensure_topics
from polygon_stream.vendor import (
    StreamEnded,
    StreamSilent,
    TooManyConnections,
    VendorRefused,
    VendorSession,
)

log = logging.getLogger(__name__)

EXIT_VENDOR_REFUSED = 77
_SERVE_INTERVAL = 0.02


class KafkaUnusable(RuntimeError):  # noqa: N818
    """The Kafka producer reported a fatal error; only a new process can go on."""


class StreamProducer:
    """Keeps a session with the vendor alive and feeds Kafka from it."""

    def __init__(
        self,
        vendor: PolygonSettings,
        stream: StreamSettings,
        topics: TopicSettings,
        publisher: Publisher,
        gaps: GapLog,
        subscriptions: Sequence[str] | None = None,
    ) -> None:
        """Wire the parts; nothing connects yet.

        Args:
            vendor: Address and key.
            stream: Patience, and the subscriptions if they are not given.
            topics: Where events go.
            publisher: Takes the records.
            gaps: Takes the interruptions.
            subscriptions: The vendor's topics, as ``load_subscriptions`` gives them.
        """
        self._vendor = vendor
        self._settings = stream
        self._subscriptions = subscriptions or load_subscriptions(stream)
        self._publisher = publisher
        self._gaps = gaps
        self._router = EventRouter(topics, publisher)
        self._session: VendorSession | None = None
        self._resumed_at = 0.0
        self._stopping = asyncio.Event()
        self._market = MarketStatus(vendor)
        self.facts = ProducerFacts(stream, self._router, publisher, self._market)
        publisher.on_congestion = self._on_congestion

    async def run(self) -> None:
        """Stream until ``stop`` is called.

        Raises:
            VendorRefused: The vendor refuses the key or the plan.
            KafkaUnusable: The Kafka producer cannot go on.
        """
        serving = asyncio.create_task(self._serve_kafka())
        streaming = asyncio.create_task(self._stream_for_ever())
        stopping = asyncio.create_task(self._stopping.wait())
        asking = asyncio.create_task(self._market.follow())
        tasks: list[asyncio.Task[Any]] = [serving, streaming, stopping, asking]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            self._enter("stopping")
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            self._gaps.finish()

    def stop(self) -> None:
        """End ``run``; safe to call from a signal handler of the event loop."""
        self._stopping.set()

    def report(self) -> tuple[bool, dict[str, object]]:
        """Facts for /healthz."""
        return self.facts.report()

    async def _stream_for_ever(self) -> None:
        backoff = Backoff(self._settings.backoff_initial, self._settings.backoff_maximum)
        while True:
            ended = await self._stream_once()
            if self._leave_stream(ended) >= self._settings.healthy_seconds:
                backoff.reset()
            wait = backoff.next()
            if isinstance(ended, TooManyConnections):
                wait = max(wait, self._settings.max_connections_wait)
            log.warning(
                "%s; next attempt in %.1f s",
                ended,
                wait,
                extra={"reason": str(ended), "wait": wait},
            )
            await asyncio.sleep(wait)
            while self._publisher.congested:
                await asyncio.sleep(_SERVE_INTERVAL)

    async def _stream_once(self) -> StreamEnded:
        """One session, from connecting to its end.

        Returns:
            Why it ended.
        """
        self._router.expect_event(self._gaps.confirm)
        session = self._session = VendorSession(self._router.on_frames)
        streaming = asyncio.create_task(
            session.run(
                self._vendor.ws_url,
                self._vendor.api_key.get_secret_value(),
                self._subscriptions,
                self._settings,
                self._enter,
            )
        )
        watchdog = asyncio.create_task(self._watch_silence())
        tasks: list[asyncio.Task[Any]] = [streaming, watchdog]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        except StreamEnded as ended:
            return ended
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

        raise AssertionError("a session ends by an exception")

    async def _watch_silence(self) -> None:
        """End a session whose events have stopped: a ping may still be answered then."""
        limit = self._settings.idle_seconds
        if limit <= 0:
            await asyncio.Event().wait()
        began = time.time()
        while True:
            await asyncio.sleep(limit / 4)
            if not self._publisher.congested and self.facts.silent(max(began, self._resumed_at)):
                raise StreamSilent(f"no event for {limit:g} s")

    async def _serve_kafka(self) -> None:
        while self._publisher.fatal is None:
            self._publisher.serve()
            await asyncio.sleep(_SERVE_INTERVAL)
        raise KafkaUnusable(self._publisher.fatal)

    def _enter(self, state: str) -> None:
        self.facts.state = state
        if state == "streaming" and self._session is not None:
            self.facts.note_streaming(self._session.unacknowledged)
            self._gaps.close(time.time())
            self._session.pause(self._publisher.congested)
            log.info("streaming %s", shown(self._subscriptions))

    def _leave_stream(self, ended: StreamEnded) -> float:
        """Note the end of a session.

        Returns:
            How many seconds it streamed; 0 when it never did.
        """
        streamed = self.facts.connected_since is not None
        lasted = self.facts.note_end()
        if streamed:
            self._gaps.open(
                time.time(),
                str(ended),
                self._router.last_event_time(),
                needs_event=isinstance(ended, StreamSilent),
            )
        return lasted

    def _on_congestion(self, congested: bool) -> None:
        if not congested:
            self._resumed_at = time.time()
        if self._session is not None:
            self._session.pause(congested)


def _restarted(last: tuple[float, float | None]) -> tuple[float, str, float | None]:
    """The gap between the last record of an earlier run and this one."""
    received, event = last
    return received, "the producer was restarted", event


async def produce(
    vendor: PolygonSettings, kafka: KafkaSettings, topics: TopicSettings, stream: StreamSettings
) -> int:
    """Run the producer until SIGTERM or SIGINT.

    Returns:
        The exit code.
    """
    subscriptions = load_subscriptions(stream)
    by_channel = topics.by_channel()
    written = [by_channel[channel] for channel in channels_of(subscriptions)]
    names = dict.fromkeys([*written, topics.agg_1s, topics.gaps, topics.dead_letter])
    ensure_topics(kafka, list(names), topics.partitions)
    config = producer_config(kafka, stream.linger_ms, stream.queue_events)
    publisher = Publisher(config, stream.overflow_events)
    gaps = GapLog(topics, publisher)
    earlier = [last for topic in written if (last := last_record_time(kafka, topic)) is not None]
    if earlier:
        gaps.open(*_restarted(max(earlier, key=lambda last: last[0])), needs_event=True)
    producer = StreamProducer(vendor, stream, topics, publisher, gaps, subscriptions)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, producer.stop)
    stop_health = serve_health(stream.health_port, producer.report, producer.facts.metrics)
    code = 0
    try:
        await producer.run()
    except VendorRefused as error:
        log.error("%s", error)
        code = EXIT_VENDOR_REFUSED
    except KafkaUnusable as error:
        log.error("Kafka cannot be used any more: %s", error)
        code = 1
    left = publisher.drain(stream.drain_seconds)
    stop_health()
    if left or publisher.overflow_dropped or publisher.failed:
        log.error(
            "%d records not delivered, %d dropped, %d refused by Kafka",
            left,
            publisher.overflow_dropped,
            publisher.failed,
        )
        code = code or 1
    return code


def main() -> None:
    """Entry point."""
    try:
        configure_logging(LogSettings())
        code = asyncio.run(
            produce(PolygonSettings(), KafkaSettings(), TopicSettings(), StreamSettings())
        )
    except (TopicsError, OSError, ValueError) as error:
        log.error("%s", error)
        code = 1
    sys.exit(code)


if __name__ == "__main__":
    main()
