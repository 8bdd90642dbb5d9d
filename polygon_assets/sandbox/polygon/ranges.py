"""Bars of one ticker over a range: which bars there are, and which of them fit on a page."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from polygon_assets import sessions
from polygon_assets.sandbox.polygon.bars import Bars, aggregate, concatenate
from polygon_assets.sandbox.polygon.market import DailyBar, Market
from polygon_assets.sandbox.polygon.newyork import date_of, midnight_ms
from polygon_assets.sandbox.polygon.synthesis import session_bars

SPAN_MS = {"second": 1_000, "minute": 60_000, "hour": 3_600_000, "day": 86_400_000}
"""Timespans that the simulator serves."""


@dataclass(frozen=True)
class Range:
    """What was asked for.

    Attributes:
        timespan: A key of ``SPAN_MS``; with ``multiplier`` at most one day.
        first_ms: Snapped down to the start of its bar, UTC epoch milliseconds.
        last_ms: The last moment at which a bar may start.
        limit: Most *base* bars to read: seconds, minutes for minutes and hours, days.
    """

    ticker: str
    multiplier: int
    timespan: str
    first_ms: int
    last_ms: int
    descending: bool
    limit: int

    @property
    def bar_ms(self) -> int:
        """Length of one bar."""
        return self.multiplier * SPAN_MS[self.timespan]

    def bar_start(self, day: date, start: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """Start of the bar that each moment of a New York date belongs to."""
        midnight = midnight_ms(day)
        return midnight + (start - midnight) // self.bar_ms * self.bar_ms


@dataclass(frozen=True)
class Page:
    """Bars in ascending order, and where the next page begins (None on the last one)."""

    bars: Bars | None
    base_count: int
    resume_ms: int | None
    """Ascending: the first bar of the next page. Descending: the last moment of the next page."""


class RangeReader:
    """Reads ranges of a market's final bars.

    Args:
        market: Its symbols.
    """

    def __init__(self, market: Market) -> None:
        self._market = market
        self._seconds = lru_cache(maxsize=32)(self._synthesize)

    def read(self, wanted: Range, now_ms: float) -> Page:
        """One page of bars that were over by ``now_ms``."""
        parts: list[tuple[Bars, npt.NDArray[np.int64]]] = []
        count = 0
        for day in self._days(wanted):
            base = self._base(wanted, day)
            bucket = wanted.bar_start(day, base.start)
            first_ms = wanted.first_ms if wanted.timespan == "day" else _snap(wanted, day)
            span = SPAN_MS["minute" if wanted.timespan == "hour" else wanted.timespan]
            over = (
                _close_ms(day) <= now_ms
                if wanted.timespan == "day"
                else base.start + span <= now_ms
            )
            rows = (bucket >= first_ms) & (bucket <= wanted.last_ms) & over
            if rows.any():
                parts.append((base.take(rows), bucket[rows]))
                count += int(rows.sum())
            if count > wanted.limit:
                break
        if not parts:
            return Page(None, 0, None)
        if wanted.descending:
            parts.reverse()
        bars = concatenate([bars for bars, _ in parts])
        return _cut(bars, np.concatenate([bucket for _, bucket in parts]), wanted)

    def _days(self, wanted: Range) -> Iterable[date]:
        first, last = date_of(wanted.first_ms), date_of(wanted.last_ms)
        days = self._market.days(wanted.ticker, first, last)
        return reversed(days) if wanted.descending else days

    def _base(self, wanted: Range, day: date) -> Bars:
        if wanted.timespan == "day":
            return day_bar(self._official(wanted.ticker, day))
        if not sessions.is_session(day):  # hours of sessions before the calendar are not known
            return day_bar(self._official(wanted.ticker, day)).take(slice(0, 0))
        seconds = self._seconds(wanted.ticker, day)
        return seconds if wanted.timespan == "second" else minute_bars(seconds)

    def _official(self, ticker: str, day: date) -> DailyBar:
        bar = self._market.daily_bar(ticker, day)
        assert bar is not None, "days come from the history"
        return bar

    def _synthesize(self, ticker: str, day: date) -> Bars:
        return session_bars(self._official(ticker, day), self._market.seed).bars


def day_bar(bar: DailyBar) -> Bars:
    """An official bar as a bar of a range: it starts at midnight in New York."""
    prices = ("open", "high", "low", "close", "vwap")
    return Bars(
        start=np.array([midnight_ms(bar.day)], dtype=np.int64),
        volume=np.array([bar.volume]),
        trades=np.array([bar.trades], dtype=np.int32),
        **{name: np.array([getattr(bar, name)], dtype=np.int32) for name in prices},
    )


def minute_bars(seconds: Bars) -> Bars:
    """Bars of one minute from those of one second."""
    minute = SPAN_MS["minute"]
    return aggregate(seconds, seconds.start // minute * minute)


def _close_ms(day: date) -> int:
    if sessions.is_session(day):
        return int(sessions.session(day).close_at.timestamp() * 1000)
    return midnight_ms(day) + SPAN_MS["day"]


def _snap(wanted: Range, day: date) -> int:
    """Start of the bar that holds the range's first moment, on the range's first day."""
    if date_of(wanted.first_ms) != day:
        return wanted.first_ms
    return int(wanted.bar_start(day, np.array([wanted.first_ms]))[0])


def _cut(base: Bars, bucket: npt.NDArray[np.int64], wanted: Range) -> Page:
    """Whole bars made of at most ``limit`` base bars; one bar at least."""
    starts = np.flatnonzero(np.r_[True, bucket[1:] != bucket[:-1]])
    edges = np.r_[starts, len(bucket)]
    if wanted.descending:
        fits = np.flatnonzero(len(bucket) - starts <= wanted.limit)
        begin = int(starts[fits[0]]) if len(fits) else int(starts[-1])
        end, resume = len(bucket), int(bucket[begin]) - 1 if begin else None
    else:
        fits = np.flatnonzero(edges[1:] <= wanted.limit)
        end = int(edges[fits[-1] + 1]) if len(fits) else int(edges[1])
        begin, resume = 0, int(bucket[end]) if end < len(bucket) else None
    rows = slice(begin, end)
    return Page(aggregate(base.take(rows), bucket[rows]), end - begin, resume)
