"""REST: bars. Grouped by day, by ticker over a range, previous day, open and close."""

from datetime import date, timedelta
from typing import Any

import msgspec
import numpy as np
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from polygon_assets import sessions
from polygon_assets.sandbox.polygon.actions import Actions
from polygon_assets.sandbox.polygon.bars import PRICE_SCALE, Bars
from polygon_assets.sandbox.polygon.clock import Clock
from polygon_assets.sandbox.polygon.errors import (
    bad_request,
    before_end_of_day,
    json_response,
    not_found,
    ok,
    outside_timeframe,
)
from polygon_assets.sandbox.polygon.market import DailyBar, Market
from polygon_assets.sandbox.polygon.newyork import date_of, four_pm_ms, midnight_ms
from polygon_assets.sandbox.polygon.paging import boolean, limit, next_url, parameters
from polygon_assets.sandbox.polygon.ranges import SPAN_MS, Range, RangeReader

DEFAULT_BASE_BARS, MOST_BASE_BARS = 5_000, 50_000


class Aggregate(msgspec.Struct, omit_defaults=True):
    """A bar, field by field as the vendor sends it; ``T`` only where symbols are mixed.

    Some symbols have neither ``vw`` nor ``n``.
    """

    v: float
    o: float
    c: float
    h: float
    l: float  # noqa: E741
    t: int
    vw: float | None = None
    n: int | None = None
    T: str | None = None


class AggregateEndpoints:
    """Bars of a market, unadjusted or adjusted for the splits up to the clock's day.

    Args:
        market: Its official bars.
        actions: Its splits.
        clock: Hides what has not happened yet.
    """

    def __init__(self, market: Market, actions: Actions, clock: Clock) -> None:
        self._market, self._actions, self._clock = market, actions, clock
        self._reader = RangeReader(market)

    def routes(self) -> list[Route]:
        """Routes of this group."""
        return [
            Route("/v2/aggs/grouped/locale/us/market/stocks/{date}", self._grouped),
            Route(
                "/v2/aggs/ticker/{ticker}/range/{multiplier}/{timespan}/{first}/{last}", self._range
            ),
            Route("/v2/aggs/ticker/{ticker}/prev", self._previous),
            Route("/v1/open-close/{ticker}/{date}", self._open_close),
        ]

    def _grouped(self, request: Request) -> Response:
        params = parameters(request)
        day, adjusted = _date(request.path_params["date"]), _adjusted(params)
        boolean(params, "include_otc", default=False)  # the market has no OTC symbols
        self._check_is_over(day)
        bars = [self._daily(bar, adjusted, mixed=True) for bar in self._market.session_bars(day)]
        return ok(**_counted(adjusted, bars, len(bars)), count=len(bars))

    def _previous(self, request: Request) -> Response:
        ticker, adjusted = request.path_params["ticker"], _adjusted(parameters(request))
        yesterday = self._clock.today() - timedelta(days=1)
        known = self._market.daily_bars(ticker, yesterday - timedelta(days=14), yesterday)
        bars = [self._daily(bar, adjusted, mixed=True) for bar in known[-1:]]
        return ok(ticker=ticker, **_counted(adjusted, bars, len(bars)), count=len(bars))

    def _open_close(self, request: Request) -> Response:
        ticker, day = request.path_params["ticker"], _date(request.path_params["date"])
        self._check_is_over(day)
        official = self._market.daily_bar(ticker, day)
        if official is None:
            raise not_found("Data not found.")
        bar = self._daily(official, _adjusted(parameters(request)), mixed=False)
        prices = {"open": bar.o, "high": bar.h, "low": bar.l, "close": bar.c, "volume": bar.v}
        return json_response({"status": "OK", "from": day.isoformat(), "symbol": ticker, **prices})

    def _range(self, request: Request) -> Response:
        params = parameters(request)
        wanted, adjusted = _wanted(request.path_params, params), _adjusted(params)
        page = self._reader.read(wanted, self._clock.now_ms())
        bars = [] if page.bars is None else self._adjust(wanted.ticker, page.bars, adjusted)
        body = {"ticker": wanted.ticker, **_counted(adjusted, bars, page.base_count)}
        if wanted.descending:
            bars.reverse()
        if page.resume_ms is not None:
            ends = (wanted.first_ms, page.resume_ms)
            first, last = ends if wanted.descending else (page.resume_ms, wanted.last_ms)
            path = f"/v2/aggs/ticker/{wanted.ticker}/range/{wanted.multiplier}/{wanted.timespan}"
            body["next_url"] = next_url(
                request, f"{path}/{first}/{last}", {"sort": "asc", **params}
            )
        return ok(**body, count=len(bars))

    def _check_is_over(self, day: date) -> None:
        today = self._clock.today()
        if day > today:
            raise outside_timeframe()
        if day == today and sessions.is_session(day):
            close_ms = sessions.session(day).close_at.timestamp() * 1000
            if self._clock.now_ms() < close_ms:
                raise before_end_of_day()

    def _daily(self, bar: DailyBar, adjusted: bool, mixed: bool) -> Aggregate:
        """An official bar, stamped 16:00 in New York."""
        factor = self._factor(bar.symbol, bar.day, adjusted)
        vw, o, c, h, low = (
            price / PRICE_SCALE * factor
            for price in (bar.vwap, bar.open, bar.close, bar.high, bar.low)
        )
        volume = bar.volume if factor == 1 else bar.volume / factor
        found = Aggregate(volume, o, c, h, low, four_pm_ms(bar.day), vw, bar.trades)
        if mixed:
            found.T = bar.symbol
        if bar.symbol in self._market.without_vwap:
            found.vw = found.n = None
        return found

    def _adjust(self, ticker: str, bars: Bars, adjusted: bool) -> list[Aggregate]:
        days = [date_of(start) for start in bars.start.tolist()] if adjusted else []
        factors = {day: self._factor(ticker, day, adjusted) for day in set(days)}
        if all(factor == 1 for factor in factors.values()):
            factor, volume = np.ones(1), bars.volume
        else:
            factor = np.array([factors[day] for day in days])
            volume = bars.volume / factor
        prices = (bars.open, bars.close, bars.high, bars.low)
        columns = [
            volume.tolist(),
            *((price / PRICE_SCALE * factor).tolist() for price in prices),
            bars.start.tolist(),
        ]
        if ticker not in self._market.without_vwap:
            columns += [(bars.vwap / PRICE_SCALE * factor).tolist(), bars.trades.tolist()]
        return list(map(Aggregate, *columns))

    def _factor(self, ticker: str, day: date, adjusted: bool) -> float:
        return self._actions.split_factor(ticker, day, self._clock.today()) if adjusted else 1.0


def _counted(adjusted: bool, bars: list[Aggregate], base_count: int) -> dict[str, Any]:
    """The common part of the answers; without bars there is no ``results`` key."""
    counts = {"queryCount": base_count, "resultsCount": len(bars), "adjusted": adjusted}
    return {**counts, "results": bars} if bars else counts


def _adjusted(params: dict[str, str]) -> bool:
    return boolean(params, "adjusted", default=True)


def _date(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise bad_request(f"date {text!r} must be YYYY-MM-DD") from None


def _moment(text: str, end_of_day: bool) -> int:
    """Epoch milliseconds of a date (its start or end in New York) or of milliseconds."""
    if text.isdigit() and len(text) > len("20050228"):
        return int(text)
    day = _date(text)
    return midnight_ms(day + timedelta(days=1)) - 1 if end_of_day else midnight_ms(day)


def _wanted(path: dict[str, str], params: dict[str, str]) -> Range:
    multiplier, timespan = path["multiplier"], path["timespan"]
    if timespan not in SPAN_MS:
        raise bad_request(f"timespan {timespan!r} is not supported: one of {', '.join(SPAN_MS)}")
    if not multiplier.isdigit() or not 0 < int(multiplier) * SPAN_MS[timespan] <= SPAN_MS["day"]:
        raise bad_request(
            f"multiplier {multiplier!r} is not supported: a bar is at most one day long"
        )
    sort = params.get("sort", "asc")
    if sort not in {"asc", "desc"}:
        raise bad_request(f"sort {sort!r} must be asc or desc")
    wanted = Range(
        ticker=path["ticker"],
        multiplier=int(multiplier),
        timespan=timespan,
        first_ms=_moment(path["first"], end_of_day=False),
        last_ms=_moment(path["last"], end_of_day=True),
        descending=sort == "desc",
        limit=limit(params, DEFAULT_BASE_BARS, MOST_BASE_BARS),
    )
    if wanted.first_ms > wanted.last_ms:
        raise bad_request(f"from {path['first']} is after to {path['last']}")
    return wanted
