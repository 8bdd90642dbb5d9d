"""From frame to topic: which record each event becomes."""

import logging
import time
from collections.abc import Callable

import msgspec

from polygon_stream.frames import FrameError, channel_and_symbol, slice_frame
from polygon_stream.publisher import Headers, Publisher
from polygon_stream.settings import TopicSettings

log = logging.getLogger(__name__)


class EventTime(msgspec.Struct):
    """When an event happened: end of a bar, or time of a trade; milliseconds since 1970."""

    e: int | None = None
    t: int | None = None


class EventRouter:
    """Publishes each event under its symbol; what it does not know goes to the dead letters.

    Attributes:
        events: Events published.
        dead_letters: Events or frames sent to the dead-letter topic.
        last_event_received_at: Unix time in seconds of the last event; None before the first.
    """

    def __init__(self, topics: TopicSettings, publisher: Publisher) -> None:
        """Route into these topics."""
        self.events = 0
        self.dead_letters = 0
        self.last_event_received_at: float | None = None
        self._last_event: bytes | None = None
        self._expecting: Callable[[float | None], None] | None = None
        self._publisher = publisher
        self._dead_letter_topic = topics.dead_letter
        self._topics = {"A": topics.agg_1s, "AM": topics.agg_1m}

    def on_frame(self, frame: bytes) -> None:
        """Publish the events of one WebSocket message; never raises for what the vendor sent."""
        now = time.time()
        received = int(now * 1000)
        try:
            events = slice_frame(frame)
        except FrameError as error:
            self._dead_letter(frame, str(error), received)
            return
        for event in events:
            self._route(event, received)
        if not events:
            return
        self._last_event = events[-1]
        self.last_event_received_at = now
        if self._expecting is not None:
            expecting, self._expecting = self._expecting, None
            expecting(self.last_event_time())

    def expect_event(self, callback: Callable[[float | None], None]) -> None:
        """Call back once, with the vendor's time of the next event in Unix seconds."""
        self._expecting = callback

    def last_event_time(self) -> float | None:
        """The vendor's time of the last event in Unix seconds; None when unknown."""
        if self._last_event is None:
            return None
        try:
            event = msgspec.json.decode(self._last_event, type=EventTime)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return None
        moment = event.e if event.e is not None else event.t
        return None if moment is None else moment / 1000

    def _route(self, event: bytes, received: int) -> None:
        try:
            channel, symbol = channel_and_symbol(event)
        except FrameError as error:
            self._dead_letter(event, str(error), received)
            return
        if channel == "status":
            return  # the session's affair, sent in the same frame as events
        topic = self._topics.get(channel)
        if topic is None or not symbol:
            what = f"unknown channel {channel!r}" if topic is None else "event without a symbol"
            self._dead_letter(event, what, received)
            return
        self._publisher.publish(topic, symbol, event, received)
        self.events += 1

    def _dead_letter(self, value: bytes, reason: str, received: int) -> None:
        self.dead_letters += 1
        log.warning("dead letter: %s", reason)
        headers: Headers = [
            ("reason", reason),
            ("source", "producer"),
        ]
        self._publisher.publish_dead_letter(self._dead_letter_topic, b"", value, received, headers)
