"""REST: short interest (twice a month) and short volume (every session). All of it is invented."""

from collections import Counter
from datetime import date, timedelta
from functools import lru_cache
from typing import NamedTuple

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from polygon_assets import sessions
from polygon_assets.sandbox.polygon.buckets import (
    Bucket,
    date_window,
    page_of_buckets,
    sort_order,
)
from polygon_assets.sandbox.polygon.clock import Clock
from polygon_assets.sandbox.polygon.market import DailyBar, Market
from polygon_assets.sandbox.polygon.paging import (
    Row,
    matching_tickers,
    parameters,
    refuse_filters,
)
from polygon_assets.sandbox.polygon.randomness import fractions

PUBLISHED_AFTER_SESSIONS = 8
"""Short interest of a settlement date is known so many sessions later."""

_UNSUPPORTED = ("avg_daily_volume", "days_to_cover", "short_volume_ratio", "total_volume")


class Turnover(NamedTuple):
    """Shares of one symbol traded in the sessions up to a settlement date."""

    ticker: str
    settlement_date: date
    shares: int | float
    days: int


class ShortEndpoints:
    """Short sales in proportion to the official volumes.

    Args:
        market: Its official volumes.
        clock: Hides what is not published yet.
    """

    def __init__(self, market: Market, clock: Clock) -> None:
        self._market, self._clock = market, clock
        self._turnover_of_all = lru_cache(maxsize=4)(self._turnovers)

    def routes(self) -> list[Route]:
        """Routes of this group."""
        return [
            Route("/stocks/v1/short-interest", self._interest),
            Route("/stocks/v1/short-volume", self._volume),
        ]

    def _interest(self, request: Request) -> Response:
        params = parameters(request)
        refuse_filters(params, _UNSUPPORTED)
        published = self._clock.today()
        window = date_window(params, "settlement_date", sessions.first_session(), published)
        days = [day for day in settlement_dates(*window) if _published_on(day) <= published]
        field, descending = sort_order(params, ("ticker", "settlement_date"), "ticker.asc")
        tickers = matching_tickers(self._market.listings, params)

        def of_day(name: str) -> Bucket[Turnover]:
            day = date.fromisoformat(name)
            if len(tickers) == 1:
                return Bucket(self._turnover(tickers[0], day), _interest_row)
            wanted = set(tickers)
            found = [t for t in self._turnover_of_all(day) if t.ticker in wanted]
            return Bucket(found, _interest_row)

        def of_ticker(name: str) -> Bucket[Turnover]:
            found = [turnover for day in days for turnover in self._turnover(name, day)]
            return Bucket(found, _interest_row)

        by_day = field == "settlement_date"
        names = [day.isoformat() for day in days] if by_day else tickers
        names = names[::-1] if descending else names
        return page_of_buckets(request, params, names, of_day if by_day else of_ticker, 10, 50_000)

    def _volume(self, request: Request) -> Response:
        params = parameters(request)
        refuse_filters(params, _UNSUPPORTED)
        first, last = date_window(
            params, "date", sessions.first_session(), _last_closed(self._clock)
        )
        field, descending = sort_order(params, ("ticker", "date"), "ticker.asc")
        tickers = matching_tickers(self._market.listings, params)

        def of_day(name: str) -> Bucket[DailyBar]:
            day = date.fromisoformat(name)
            if len(tickers) == 1:
                return Bucket(self._market.daily_bars(tickers[0], day, day), _volume_row)
            wanted = set(tickers)
            found = [bar for bar in self._market.session_bars(day) if bar.symbol in wanted]
            return Bucket(found, _volume_row)

        def of_ticker(name: str) -> Bucket[DailyBar]:
            return Bucket(self._market.daily_bars(name, first, last), _volume_row)

        by_day = field == "date"
        days = [day.isoformat() for day in sessions.sessions_between(first, last)]
        names = days if by_day else tickers
        names = names[::-1] if descending else names
        return page_of_buckets(request, params, names, of_day if by_day else of_ticker, 10, 50_000)

    def _turnover(self, ticker: str, settlement: date) -> list[Turnover]:
        """Of one symbol: one row, or none where it did not trade.

        What another security traded under the same ticker before does not count.
        """
        holder = self._market.security(ticker, settlement)
        if holder is None:
            return []
        first, last = max(_span(settlement)[0], holder.first_day), settlement
        volumes = [bar.volume for bar in self._market.daily_bars(ticker, first, last)]
        return [Turnover(ticker, settlement, sum(volumes), len(volumes))] if volumes else []

    def _turnovers(self, settlement: date) -> list[Turnover]:
        """Of every symbol that traded."""
        shares: Counter[str] = Counter()
        days: Counter[str] = Counter()
        holders = (self._market.security(name, settlement) for name in self._market.listings)
        held_since = {holder.ticker: holder.first_day for holder in holders if holder is not None}
        for day in _span(settlement):
            for bar in self._market.session_bars(day):
                if day < held_since.get(bar.symbol, date.max):
                    continue
                shares[bar.symbol] += bar.volume  # pyright: ignore[reportArgumentType]
                days[bar.symbol] += 1
        return [
            Turnover(ticker, settlement, shares[ticker], days[ticker]) for ticker in sorted(days)
        ]


@lru_cache(maxsize=1)
def _all_settlement_dates() -> list[date]:
    """The last session up to the 15th, and the last one of each month."""
    halves: dict[tuple[int, int, bool], date] = {}
    for day in sessions.all_sessions():
        halves[day.year, day.month, day.day > 15] = day
    return sorted(halves.values())


def settlement_dates(first: date, last: date) -> list[date]:
    """The settlement dates from ``first`` to ``last``, both included."""
    return [day for day in _all_settlement_dates() if first <= day <= last]


def _published_on(settlement: date) -> date:
    later = sessions.sessions_between(settlement, settlement + timedelta(days=30))
    return later[min(PUBLISHED_AFTER_SESSIONS, len(later) - 1)]


def _span(settlement: date) -> list[date]:
    """The sessions from the settlement date before, which is not included, up to this one."""
    dates = _all_settlement_dates()
    place = dates.index(settlement)
    first = dates[place - 1] + timedelta(days=1) if place else sessions.first_session()
    return sessions.sessions_between(first, settlement)


def _last_closed(clock: Clock) -> date:
    """The last day whose session, if it has one, is over."""
    now = clock.now()
    day = now.date()
    is_open = sessions.is_session(day) and now < sessions.session(day).close_at
    return day - timedelta(days=1) if is_open else day


def _interest_row(turnover: Turnover) -> Row:
    ticker, settlement, shares, days = turnover
    average = max(round(shares / days), 1)
    (usual,) = fractions(1, "short interest", ticker)
    (now,) = fractions(1, "short interest", ticker, settlement)
    short = round(average * (0.5 + 8 * usual) * (0.9 + 0.2 * now))
    return {
        "ticker": ticker,
        "settlement_date": settlement.isoformat(),
        "short_interest": short,
        "avg_daily_volume": average,
        "days_to_cover": max(round(short / average, 2), 1.0),
        "simulated": True,
    }


def _volume_row(bar: DailyBar) -> Row:
    """Off the exchanges and on three of the reporting facilities, of which one is idle."""
    total_share, short_share, exempt_share, carteret = fractions(
        4, "short volume", bar.symbol, bar.day
    )
    total = round(float(bar.volume) * (0.3 + 0.2 * total_share))
    short = round(total * (0.25 + 0.4 * short_share))
    exempt = round(short * 0.02 * exempt_share)
    at_carteret = round(short * (0.8 + 0.15 * carteret))
    exempt_at_carteret = min(exempt, at_carteret)
    return {
        "ticker": bar.symbol,
        "date": bar.day.isoformat(),
        "total_volume": total,
        "short_volume": short,
        "exempt_volume": exempt,
        "non_exempt_volume": short - exempt,
        "short_volume_ratio": round(100 * short / total, 2) if total else 0.0,
        "nasdaq_carteret_short_volume": at_carteret,
        "nasdaq_carteret_short_volume_exempt": exempt_at_carteret,
        "nasdaq_chicago_short_volume": 0,
        "nasdaq_chicago_short_volume_exempt": 0,
        "nyse_short_volume": short - at_carteret,
        "nyse_short_volume_exempt": exempt - exempt_at_carteret,
        "adf_short_volume": 0,
        "adf_short_volume_exempt": 0,
        "simulated": True,
    }
