"""One session's events in the order in which the vendor sends them.

Ticks are sent when their second is over, and a bar when its second or minute is. A bar that is
still incomplete then is sent again, final, fifteen minutes later. Events are rendered a minute of
market time ahead, so memory holds the session's columns and one minute of text, not the text of a
whole session.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import repeat
from typing import NamedTuple, Protocol

import msgspec
import numpy as np
import numpy.typing as npt

from polygon_assets.sandbox.polygon.bars import PRICE_SCALE, Bars, Volumes, aggregate, round_shares
from polygon_assets.sandbox.polygon.synthesis import SessionBars
from polygon_assets.sandbox.polygon.tick_tape import (
    BANDS,
    QUOTES,
    TRADES,
    QuoteTrack,
    TradeTrack,
    bands_of,
    sent_at,
)
from polygon_assets.sandbox.polygon.ticks import OTHER_TAPE, quotes_of, trades_of

SECOND_BARS, MINUTE_BARS = "A", "AM"
SPAN_MS = {SECOND_BARS: 1_000, MINUTE_BARS: 60_000}
"""Length of the bars of each channel."""

REVISION_SECONDS = 900
_CHUNK_SECONDS = 60


class BarEvent(msgspec.Struct, gc=False):
    """An aggregate event, field by field as the vendor sends it."""

    ev: str
    sym: str
    v: int | float
    av: int | float
    op: float
    vw: float
    o: float
    c: float
    h: float
    l: float  # noqa: E741
    a: float
    z: int
    s: int
    e: int


class Moment(NamedTuple):
    """The events of one channel in one second of the clock."""

    at: int
    """Seconds since the opening."""
    channel: str
    symbols: list[str]
    events: list[bytes]
    """JSON objects, one for each of the symbols."""


class AnyTrack(Protocol):
    """Events of one symbol and channel."""

    @property
    def symbol(self) -> str:
        """Ticker."""
        ...

    @property
    def at(self) -> npt.NDArray[np.int64]:
        """When each is sent: seconds since the opening, ascending."""
        ...

    def render(self, channel: str, rows: slice) -> list[bytes]:
        """These rows as JSON objects."""
        ...


@dataclass(frozen=True)
class Track:
    """Bars of one symbol and channel, ascending by the second in which they are sent."""

    symbol: str
    official_open: int
    at: npt.NDArray[np.int64]
    bars: Bars
    accumulated: Volumes
    day_vwap: npt.NDArray[np.int32]

    def render(self, channel: str, rows: slice) -> list[bytes]:
        """These rows as JSON objects."""
        bars = self.bars.take(rows)
        average = np.maximum(bars.volume // bars.trades, 1).astype(np.int64)
        events = map(
            BarEvent,
            repeat(channel),
            repeat(self.symbol),
            bars.volume.tolist(),
            self.accumulated[rows].tolist(),
            repeat(self.official_open / PRICE_SCALE),
            *(
                (prices / PRICE_SCALE).tolist()
                for prices in (
                    bars.vwap,
                    bars.open,
                    bars.close,
                    bars.high,
                    bars.low,
                    self.day_vwap[rows],
                )
            ),
            average.tolist(),
            bars.start.tolist(),
            (bars.start + SPAN_MS[channel]).tolist(),
        )
        return list(map(msgspec.json.encode, events))


class Tape:
    """A session ready to be sent.

    Args:
        sessions: Second bars of every symbol.
        open_ms: Opening of the session, UTC epoch milliseconds.
        seconds: Length of the session.
        seed: Of the market; chooses the ticks.
        tape_of: The tape that carries a symbol's ticks.
    """

    def __init__(
        self,
        sessions: Iterable[SessionBars],
        open_ms: int,
        seconds: int,
        seed: int = 1,
        tape_of: Callable[[str], int] = lambda _symbol: OTHER_TAPE,
    ) -> None:
        self.open_ms = open_ms
        self._seed, self._tape_of = seed, tape_of
        self._ticks: dict[tuple[str, str], AnyTrack] = {}
        self.end = seconds + REVISION_SECONDS
        """The last second, since the opening, in which an event is sent."""
        self._seconds: list[Track] = [
            track for session in sessions for track in _second_tracks(session, open_ms)
        ]

    @property
    def events(self) -> int:
        """Number of second bars that are sent, revisions included."""
        return sum(len(track.at) for track in self._seconds)

    @cached_property
    def _minutes(self) -> list[Track]:
        pairs = zip(self._seconds[::2], self._seconds[1::2], strict=True)
        return [
            track for first, late in pairs for track in _minute_tracks(first, late, self.open_ms)
        ]

    def moments(self, after: int, wants: Callable[[str], bool]) -> Iterator[Moment]:
        """Everything sent after a second of the session, in order.

        Args:
            after: Seconds since the opening; -1 for the whole session.
            wants: Whether anybody wants a channel (``T``) or a topic (``T.AAPL``) now; asked once
                a minute for all but second bars.
        """
        while after < self.end:
            until = min(after + _CHUNK_SECONDS, self.end)
            moments: list[Moment] = []
            for channel in (BANDS, QUOTES, TRADES):
                if wants(channel):
                    moments += _render(channel, self._wanted(channel, wants), after, until)
            moments += _render(SECOND_BARS, self._seconds, after, until)
            if wants(MINUTE_BARS):
                moments += _render(MINUTE_BARS, self._minutes, after, until)
            moments.sort(key=lambda moment: moment.at)
            yield from moments
            after = until

    def _wanted(self, channel: str, wants: Callable[[str], bool]) -> Iterator[AnyTrack]:
        """The ticks of the wanted symbols; kept for the next minute."""
        for first, late in zip(self._seconds[::2], self._seconds[1::2], strict=True):
            key = channel, first.symbol
            if key not in self._ticks and wants(".".join(key)):
                self._ticks[key] = self._tick_track(channel, first, late)
            if key in self._ticks:
                yield self._ticks[key]

    def _tick_track(self, channel: str, first: Track, late: Track) -> AnyTrack:
        symbol, tape = first.symbol, self._tape_of(first.symbol)
        bars = first.bars.replaced(np.searchsorted(first.bars.start, late.bars.start), late.bars)
        if channel == TRADES:
            trades = trades_of(symbol, bars, self._seed)
            return TradeTrack(symbol, tape, sent_at(trades.sip, self.open_ms), trades)
        if channel == QUOTES:
            quotes = quotes_of(symbol, bars, self._seed)
            return QuoteTrack(symbol, tape, sent_at(quotes.sip, self.open_ms), quotes)
        return bands_of(symbol, tape, bars, first.official_open, self.open_ms, self._seed)


def _render(channel: str, tracks: Iterable[AnyTrack], after: int, until: int) -> list[Moment]:
    """The moments of one channel after a second (excluded) until another (included)."""
    symbols: list[str] = []
    events: list[bytes] = []
    times: list[npt.NDArray[np.int64]] = [np.empty(0, dtype=np.int64)]
    for track in tracks:
        first, last = np.searchsorted(track.at, (after, until), side="right")
        rows = slice(int(first), int(last))
        if rows.start < rows.stop:
            times.append(track.at[rows])
            symbols += [track.symbol] * (rows.stop - rows.start)
            events += track.render(channel, rows)
    at = np.concatenate(times)
    order = np.argsort(at, kind="stable")
    seconds, starts = np.unique(at[order], return_index=True)
    rows_of = np.split(order, starts[1:])
    return [
        Moment(second, channel, [symbols[i] for i in rows], [events[i] for i in rows])
        for second, rows in zip(seconds.tolist(), map(np.ndarray.tolist, rows_of), strict=False)
    ]


def _second_tracks(session: SessionBars, open_ms: int) -> tuple[Track, Track]:
    """What is sent when a second is over, and what is sent again."""
    rows = session.revised
    at = (session.bars.start - open_ms) // 1000 + 1
    first = session.bars.replaced(rows, session.incomplete)
    accumulated = session.accumulated.copy()
    accumulated[rows] = round_shares(
        accumulated[rows] - session.bars.volume[rows] + first.volume[rows]
    )
    name, price = session.symbol, session.official_open
    return (
        Track(name, price, at, first, accumulated, session.day_vwap),
        Track(
            name, price, at[rows] + REVISION_SECONDS, session.bars.take(rows),
            session.accumulated[rows], session.day_vwap[rows],
        ),
    )  # fmt: skip


def _minute_tracks(first: Track, late: Track, open_ms: int) -> tuple[Track, Track]:
    """Minute bars from the seconds as first sent, and again those that late seconds change."""
    span = SPAN_MS[MINUTE_BARS]
    minute = open_ms + (first.bars.start - open_ms) // span * span
    last_row = np.flatnonzero(np.r_[minute[1:] != minute[:-1], True])
    accumulated = first.accumulated.copy()
    rows = np.searchsorted(first.bars.start, late.bars.start)
    final = first.bars.replaced(rows, late.bars)
    accumulated[rows] = late.accumulated
    changed = np.isin(minute[last_row], minute[rows])

    def track(bars: Bars, total: Volumes, delay: int) -> Track:
        minutes = aggregate(bars, minute)
        at = (minutes.start + span - open_ms) // 1000 + delay
        return Track(
            first.symbol,
            first.official_open,
            at,
            minutes,
            total[last_row],
            first.day_vwap[last_row],
        )

    again = track(final, accumulated, REVISION_SECONDS)
    return track(first.bars, first.accumulated, 0), Track(
        again.symbol, again.official_open, again.at[changed], again.bars.take(changed),
        again.accumulated[changed], again.day_vwap[changed],
    )  # fmt: skip
