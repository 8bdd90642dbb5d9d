"""Who listens to what: subscriptions, and one bounded buffer per client."""

import asyncio
from collections import deque

from polygon_assets.sandbox.polygon.tape import Moment

ALL = "*"
EVENTS_PER_FRAME = 200


class Subscriber:
    """One connection's subscriptions and the frames that wait for it.

    Args:
        buffer_bytes: The client is too slow once more than this waits.
    """

    def __init__(self, buffer_bytes: int) -> None:
        self.topics: dict[str, set[str]] = {}
        """Symbols by channel; ``*`` stands for all."""
        self.too_slow = False
        self._limit = buffer_bytes
        self._waiting: deque[str] = deque()
        self._bytes = 0
        self._ready = asyncio.Event()

    def subscribe(self, channel: str, symbol: str) -> None:
        """Add a topic."""
        self.topics.setdefault(channel, set()).add(symbol)

    def unsubscribe(self, channel: str, symbol: str) -> None:
        """Remove a topic; a topic that is not there is no error. ``*`` removes the channel."""
        symbols = self.topics.get(channel, set())
        symbols.discard(symbol)
        if symbol == ALL or not symbols:
            self.topics.pop(channel, None)

    def offer(self, frame: str) -> None:
        """Queue a frame, or mark the client as too slow and drop what waits for it."""
        if self.too_slow:
            return
        if self._bytes + len(frame) > self._limit:
            self.too_slow = True
            self._waiting.clear()
        else:
            self._waiting.append(frame)
            self._bytes += len(frame)
        self._ready.set()

    async def next_frame(self) -> str | None:
        """The next frame to send; None when the client was too slow."""
        while not self._waiting:
            if self.too_slow:
                return None
            self._ready.clear()
            await self._ready.wait()
        frame = self._waiting.popleft()
        self._bytes -= len(frame)
        return frame


class Hub:
    """Hands the feed's events to those who subscribed."""

    def __init__(self) -> None:
        self._subscribers: set[Subscriber] = set()
        self._somebody = asyncio.Event()

    def join(self, subscriber: Subscriber) -> None:
        """Take part from the next event on."""
        self._subscribers.add(subscriber)

    def leave(self, subscriber: Subscriber) -> bool:
        """Take part no longer; whether it took part at all."""
        took_part = subscriber in self._subscribers
        self._subscribers.discard(subscriber)
        self.topics_changed()
        return took_part

    def topics_changed(self) -> None:
        """Wake or stop those who wait for a subscription."""
        if any(subscriber.topics for subscriber in self._subscribers):
            self._somebody.set()
        else:
            self._somebody.clear()

    async def wait_for_subscriber(self) -> None:
        """Return when somebody is subscribed to a channel."""
        await self._somebody.wait()

    def wants(self, topic: str) -> bool:
        """Whether anybody is subscribed to a channel (``T``) or to a topic of it (``T.AAPL``)."""
        channel, _, symbol = topic.partition(".")
        wanted = [s.topics[channel] for s in self._subscribers if channel in s.topics]
        if not symbol:
            return bool(wanted)
        return any(ALL in symbols or symbol in symbols for symbols in wanted)

    def publish(self, moment: Moment) -> None:
        """Queue the events of one moment for every subscriber who wants them."""
        everything: list[str] | None = None
        for subscriber in self._subscribers:
            symbols = subscriber.topics.get(moment.channel)
            if symbols is None:
                continue
            if ALL in symbols:
                everything = everything or _frames(moment.events)
                frames = everything
            else:
                pairs = zip(moment.symbols, moment.events, strict=True)
                frames = _frames([event for symbol, event in pairs if symbol in symbols])
            for frame in frames:
                subscriber.offer(frame)


def _frames(events: list[bytes]) -> list[str]:
    """JSON arrays of at most ``EVENTS_PER_FRAME`` events."""
    parts = (events[i : i + EVENTS_PER_FRAME] for i in range(0, len(events), EVENTS_PER_FRAME))
    return [f"[{b','.join(part).decode()}]" for part in parts]
