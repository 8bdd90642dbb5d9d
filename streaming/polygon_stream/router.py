"""From frame to topic: which record each event becomes."""

import logging
import time
from collections.abc import Callable, Sequence
from itertools import groupby
from operator import itemgetter

import msgspec

from polygon_stream.frames import (
    KIND_BYTES,
    EventTime,
    FrameError,
    channel_and_symbol,
    cut,
    slice_frame,
)
from polygon_stream.publisher import Headers, Publisher
from polygon_stream.settings import TopicSettings

log = logging.getLogger(__name__)

_kind = itemgetter(slice(0, KIND_BYTES))


class EventRouter:
    """Publishes each event under its symbol; what it does not know goes to the dead letters.

    Attributes:
        by_channel: Events published, by channel.
        frames: WebSocket messages but for pure statuses; their bytes are ``received_bytes``.
        dead_letters: Events or frames sent to the dead-letter topic.
    """

    def __init__(self, topics: TopicSettings, publisher: Publisher) -> None:
        """Route into these topics."""
        self.frames = 0
        self.received_bytes = 0
        self.dead_letters = 0
        self._last_received: int | None = None
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

    @property
    def last_event_received_at(self) -> float | None:
        """Unix time in seconds of the last event; None before the first."""
        return None if self._last_received is None else self._last_received / 1000

    def on_frames(self, frames: Sequence[bytes]) -> list[bytes]:
        """Publish the events of WebSocket messages; never raises for what the vendor sent.

        Args:
            frames: Messages that came together, in order.

        Returns:
            Those of them that hold a status.
        """
        received = time.time_ns() // 1_000_000
        with_status: list[bytes] = []
        for _, run in groupby(frames, _kind):
            alike = list(run)
            if not self._route_alike(alike, received):
                with_status += [frame for frame in alike if not self._route_frame(frame, received)]
        return with_status

    def expect_event(self, callback: Callable[[float | None], bool]) -> None:
        """Call back with the vendor's time of the next events, in Unix seconds, until it is true.

        One event of those that come together is told.
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

    def _route_alike(self, frames: list[bytes], received: int) -> bool:
        """Publish the events of frames that begin alike, if they can be cut."""
        found = cut(frames)
        if found is None:
            return False
        channel, events = found
        self._publisher.publish_all(self._topics[channel], events, received)
        self.by_channel[channel] += len(events)
        self._count(*frames)
        self._note_event(events[-1][0], received)
        return True

    def _note_event(self, event: bytes, received: int) -> None:
        """Remember the last event; whoever expects one is told."""
        self._last_event = event
        self._last_received = received
        if self._expecting is not None and self._expecting(self.last_event_time()):
            self._expecting = None

    def _route_frame(self, frame: bytes, received: int) -> bool:
        """Publish the events of a frame of any shape.

        Returns:
            Whether none of them is a status.
        """
        if self._route_alike([frame], received):
            return True
        try:
            events = slice_frame(frame)
        except FrameError as error:
            self._count(frame)
            self._dead_letter(frame, str(error), received)
            return True
        routed = [event for event in events if self._route(event, received)]
        if routed:
            self._count(frame)
            self._note_event(routed[-1], received)
        return len(routed) == len(events)

    def _count(self, *frames: bytes) -> None:
        self.frames += len(frames)
        self.received_bytes += sum(map(len, frames))

    def _route(self, event: bytes, received: int) -> bool:
        """Publish an event of any shape, or send it to the dead letters.

        Returns:
            False for a status, which is the session's affair.
        """
        try:
            channel, symbol = channel_and_symbol(event)
        except FrameError as error:
            self._dead_letter(event, str(error), received)
            return True
        if channel == "status":
            return False
        topic = self._topics.get(channel)
        if topic is None or not symbol:
            what = f"unknown channel {channel!r}" if topic is None else "event without a symbol"
            self._dead_letter(event, what, received)
            return True
        self._publisher.publish(topic, symbol, event, received)
        self.by_channel[channel] += 1
        return True

    def _dead_letter(self, value: bytes, reason: str, received: int) -> None:
        self.dead_letters += 1
        log.warning("dead letter: %s", reason)
        headers: Headers = [
            ("reason", reason),
            ("source", "producer"),
        ]
        self._publisher.publish_dead_letter(self._dead_letter_topic, b"", value, received, headers)
