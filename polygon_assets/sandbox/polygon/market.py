"""The market that one simulator serves: its symbols and their official daily bars."""

from collections.abc import Collection
from datetime import date, timedelta
from functools import cached_property, lru_cache
from itertools import chain, repeat
from threading import Lock
from typing import NamedTuple

import numpy as np

from polygon_assets.sandbox.polygon.history import History, history
from polygon_assets.sandbox.polygon.security import Security
from polygon_assets.sandbox.polygon.universe import securities

DEFAULT_SEED = 1
HISTORIES_IN_MEMORY = 512
"""A third of a megabyte each."""
YEARS_IN_MEMORY = 2
"""18 kB for each symbol and year."""


class DailyBar(NamedTuple):
    """The official bar of one symbol and session, unadjusted; prices in ten-thousandths."""

    symbol: str
    day: date
    open: int
    high: int
    low: int
    close: int
    vwap: int
    volume: int | float
    trades: int
    high_at: float
    """When the high was traded, as a fraction of the session."""
    low_at: float


class YearTable:
    """The official bars of many securities in one calendar year, to be read day by day.

    Args:
        securities: In the order in which a day's bars are listed.
        year: Calendar year of New York dates.
        seed: Of the market.
    """

    _BAR = np.dtype(
        [(name, "i4") for name in ("open", "high", "low", "close", "vwap", "trades")]
        + [(name, "f8") for name in ("volume", "high_at", "low_at")]
    )

    def __init__(self, securities: Collection[Security], year: int, seed: int) -> None:
        first, last = date(year, 1, 1), date(year, 12, 31)
        self._first = first.toordinal()
        self._tickers = np.array([security.ticker for security in securities], dtype=object)
        self._whole = np.ones(len(securities), dtype=np.bool_)
        self._bars = np.zeros((366, len(securities)), dtype=self._BAR)
        for column, listed in enumerate(securities):
            last_day = listed.end_day - timedelta(days=1)
            found = history(listed, seed, max(first, listed.first_day), min(last, last_day))
            self._whole[column] = found.volume.dtype.kind == "i"
            rows = found.day - self._first
            for name in self._BAR.names or ():
                self._bars[name][rows, column] = getattr(found, name)

    def day(self, day: date) -> list[DailyBar]:
        """The bars of one day of the year."""
        bars = self._bars[day.toordinal() - self._first]
        traded = np.flatnonzero(bars["trades"])
        bars, whole = bars[traded], self._whole[traded].tolist()
        volumes = [
            int(volume) if is_whole else volume
            for volume, is_whole in zip(bars["volume"].tolist(), whole, strict=True)
        ]
        return list(
            map(
                DailyBar,
                self._tickers[traded].tolist(),
                repeat(day),
                *(bars[name].tolist() for name in ("open", "high", "low", "close", "vwap")),
                volumes,
                *(bars[name].tolist() for name in ("trades", "high_at", "low_at")),
            )
        )


class Market:
    """Listed securities and daily bars.

    The bars of a symbol depend on the seed and on its name only, not on which others are served.
    A ticker can belong to several securities, one after another.

    Args:
        symbols: Tickers to serve, as given by ``universe.choose``.
        seed: Chooses the synthetic universe.
    """

    def __init__(self, symbols: list[str], seed: int = DEFAULT_SEED) -> None:
        self.symbols = tuple(symbols)
        self.seed = seed
        self.history = lru_cache(maxsize=HISTORIES_IN_MEMORY)(self._history)
        """The daily bars of a security, from its first to its last session, under all tickers."""
        self._year = lru_cache(maxsize=YEARS_IN_MEMORY)(self._year_table)
        self._year_lock = Lock()

    @cached_property
    def listings(self) -> dict[str, tuple[Security, ...]]:
        """Every ticker of this market, ascending, with its securities in order of time."""
        return {ticker: securities(ticker, self.seed) for ticker in sorted(self.symbols)}

    @cached_property
    def securities(self) -> tuple[Security, ...]:
        """Every security of this market, a renamed one once for each of its tickers, by ticker."""
        return tuple(chain.from_iterable(self.listings.values()))

    @cached_property
    def without_vwap(self) -> frozenset[str]:
        """The tickers whose bars carry neither a VWAP nor a number of trades."""
        return frozenset(security.ticker for security in self.securities if security.without_vwap)

    def security(self, ticker: str, day: date) -> Security | None:
        """Whom a ticker names on a day: who trades under it, or else who was delisted last.

        None for an unknown ticker, and for one that nobody has yet or that was given up.
        """
        securities_in_time = self.listings.get(ticker, ())
        return next((found for found in reversed(securities_in_time) if found.is_known(day)), None)

    def _history(self, security: Security) -> History:
        return history(security, self.seed)

    def _year_table(self, year: int) -> YearTable:
        return YearTable(self.securities, year, self.seed)

    def daily_bar(self, ticker: str, day: date) -> DailyBar | None:
        """The official bar; None for an unknown ticker or a day without one."""
        return next(iter(self.daily_bars(ticker, day, day)), None)

    def daily_bars(self, ticker: str, first: date, last: date) -> list[DailyBar]:
        """The official bars from ``first`` to ``last``, both included, ascending."""
        return [
            _bar(ticker, self.history(security), row)
            for security in self.listings.get(ticker, ())
            for row in self._rows(security, first, last)
        ]

    def days(self, ticker: str, first: date, last: date) -> list[date]:
        """The days from ``first`` to ``last``, both included, on which a ticker has a bar."""
        return [
            date.fromordinal(int(self.history(security).day[row]))
            for security in self.listings.get(ticker, ())
            for row in self._rows(security, first, last)
        ]

    def _rows(self, security: Security, first: date, last: date) -> range:
        """The rows of a security's history between two days on which it traded as its ticker."""
        day = self.history(security).day
        begin = day.searchsorted(max(first, security.first_day).toordinal())
        end = day.searchsorted(min(last.toordinal() + 1, security.end_day.toordinal()))
        return range(int(begin), int(end))

    def session_bars(self, day: date) -> list[DailyBar]:
        """The official bars of every symbol on one day, ordered by ticker; empty on a holiday.

        The first day of a year takes longer: the year's bars of all symbols are computed then.
        """
        with self._year_lock:  # else requests at the same time would all compute the year
            year = self._year(day.year)
        return year.day(day)


def _bar(ticker: str, columns: History, row: int) -> DailyBar:
    return DailyBar(
        symbol=ticker,
        day=date.fromordinal(int(columns.day[row])),
        open=int(columns.open[row]),
        high=int(columns.high[row]),
        low=int(columns.low[row]),
        close=int(columns.close[row]),
        vwap=int(columns.vwap[row]),
        volume=columns.volume[row].item(),
        trades=int(columns.trades[row]),
        high_at=float(columns.high_at[row]),
        low_at=float(columns.low_at[row]),
    )
