"""The market that one simulator serves: its symbols and their official daily bars."""

from datetime import date
from functools import cached_property, lru_cache
from typing import NamedTuple

from polygon_assets import sessions
from polygon_assets.sandbox.polygon.history import History, history
from polygon_assets.sandbox.polygon.universe import Security, security

DEFAULT_SEED = 1


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


class Market:
    """Listed securities and daily bars.

    The bars of a symbol depend on the seed and on its name only, not on which others are served.

    Args:
        symbols: Tickers to serve, as given by ``universe.choose``.
        seed: Chooses the synthetic universe.
    """

    def __init__(self, symbols: list[str], seed: int = DEFAULT_SEED) -> None:
        self.symbols = tuple(symbols)
        self.seed = seed
        self.history = lru_cache(maxsize=None)(self._history)

    @cached_property
    def securities(self) -> dict[str, Security]:
        """Every security of this market, by ticker, in ascending order of tickers."""
        return {ticker: security(ticker, self.seed) for ticker in sorted(self.symbols)}

    def _history(self, ticker: str) -> History:
        return history(self.securities[ticker], self.seed)

    def daily_bar(self, ticker: str, day: date) -> DailyBar | None:
        """The official bar; None for an unknown ticker or a day without one."""
        if ticker not in self.securities:
            return None
        columns = self.history(ticker)
        row = columns.row(day)
        return None if row is None else _bar(ticker, columns, row)

    def daily_bars(self, ticker: str, first: date, last: date) -> list[DailyBar]:
        """The official bars from ``first`` to ``last``, both included, ascending."""
        if ticker not in self.securities:
            return []
        columns = self.history(ticker)
        begin = int(columns.day.searchsorted(first.toordinal()))
        end = int(columns.day.searchsorted(last.toordinal(), side="right"))
        return [_bar(ticker, columns, row) for row in range(begin, end)]

    def session_bars(self, day: date) -> list[DailyBar]:
        """The official bars of every symbol on one day, ordered by ticker; empty on a holiday."""
        bars = (self.daily_bar(ticker, day) for ticker in self.securities)
        return [bar for bar in bars if bar is not None]


def has_intraday(day: date) -> bool:
    """Whether bars shorter than a day exist: only where the session's hours are known."""
    return sessions.is_session(day)


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
