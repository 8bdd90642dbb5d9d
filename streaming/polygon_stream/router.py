"""From frame to topic: which record each event becomes."""

import logging
import time
from collections.abc import Callable

import msgspec

from polygon_stream.frames import (
    EventTime,
    FrameError,
    channel_and_symbol,
    cut_uniform,
    slice_frame,
)
from polygon_stream.publisher import Headers, Publisher
from polygon_stream.settings import TopicSettings

log = logging.getLogger(__name__)


class EventRouter:
    """Publishes each event under its symbol; what it does not know goes to the dead letters.

    Attributes:
        by_channel: Events published, by channel.
        frames: WebSocket messages with events, and their bytes in ``received_bytes``.
        dead_letters: Events or frames sent to the dead-letter topic.
        last_event_received_at: Unix time in seconds of the last event; None before the first.
    """

    def __init__(self, topics: TopicSettings, publisher: Publisher) -> None:
        """Route into these topics."""
        self.frames = 0
        self.received_bytes = 0
        self.dead_letters = 0
        self.last_event_received_at: float | None = None
        self._last_event: bytes | None = None
        self._expecting: Callable[[float | None], bool] | None = None
        self._publisher = publisher
        self._dead_letter_topic = topics.dead_letter
        self._topics = topics.by_channel()
        self.by_channel = dict.fromkeys(self._topics, 0)

    @property
    def events(self) -> int:
        """Events published, of all channels."""
        return sum(self.by_channel.values())

    def on_frame(self, frame: bytes) -> None:
        """Publish the events of one WebSocket message; never raises for what the vendor sent."""
        now = time.time()
        received = int(now * 1000)
        self.frames += 1
        self.received_bytes += len(frame)
        uniform = cut_uniform(frame)
        if uniform is None:
            events = self._route_each(frame, received)
        else:
            channel, symbols, events = uniform
            self._publisher.publish_all(self._topics[channel], symbols, events, received)
            self.by_channel[channel] += len(events)
        if not events:
            return
        self._last_event = events[-1]
        self.last_event_received_at = now
        if self._expecting is not None and self._expecting(self.last_event_time()):
            self._expecting = None

    def expect_event(self, callback: Callable[[float | None], bool]) -> None:
        """Call back with the vendor's time of the next events, in Unix seconds, until it is true.

        One event of each frame is told.
        """
        self._expecting = callback

    def last_event_time(self) -> float | None:
        """The vendor's time of the last event in Unix seconds; None when unknown."""
        if self._last_event is None:
            return None
        try:
            event = msgspec.json.decode(self._last_event, type=EventTime)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return None
        return event.seconds()

    def _route_each(self, frame: bytes, received: int) -> list[bytes]:
        """Publish the events of a frame of any shape; returns them."""
        try:
            events = slice_frame(frame)
        except FrameError as error:
            self._dead_letter(frame, str(error), received)
            return []
        for event in events:
            self._route(event, received)
        return events

    def _route(self, event: bytes, received: int) -> None:
        """Publish an event of any shape, or send it to the dead letters."""
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
        self.by_channel[channel] += 1

    def _dead_letter(self, value: bytes, reason: str, received: int) -> None:
        self.dead_letters += 1
        log.warning("dead letter: %s", reason)
        headers: Headers = [
            ("reason", reason),
            ("source", "producer"),
        ]
        self._publisher.publish_dead_letter(self._dead_letter_topic, b"", value, received, headers)
