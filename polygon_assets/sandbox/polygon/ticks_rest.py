"""REST: trades and quotes of one ticker."""

from datetime import date
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from polygon_assets import sessions
from polygon_assets.sandbox.polygon.bars import PRICE_SCALE, Bars
from polygon_assets.sandbox.polygon.buckets import Bucket, page_of_buckets, sort_order
from polygon_assets.sandbox.polygon.clock import Clock
from polygon_assets.sandbox.polygon.errors import bad_request
from polygon_assets.sandbox.polygon.market import Market
from polygon_assets.sandbox.polygon.newyork import date_of, midnight_ms
from polygon_assets.sandbox.polygon.paging import Row, parameters
from polygon_assets.sandbox.polygon.synthesis import second_bars
from polygon_assets.sandbox.polygon.ticks import (
    ODD_LOT,
    ODD_LOT_CONDITION,
    OTHER_TAPE,
    REPORTING_FACILITY,
    TAPES,
    TRF_ID,
    quotes_of,
    trades_of,
)

_NS_PER_MS = 1_000_000
_DAY_NS = 86_400_000 * _NS_PER_MS

Ticks = tuple[npt.NDArray[np.int64], list[Row]]


class TickEndpoints:
    """Trades and quotes that agree with a market's second bars.

    Args:
        market: Its symbols.
        clock: Hides what has not happened yet.
    """

    def __init__(self, market: Market, clock: Clock) -> None:
        self._market, self._clock = market, clock
        self._trades = lru_cache(maxsize=4)(self._trades_of_day)
        self._quotes = lru_cache(maxsize=4)(self._quotes_of_day)

    def routes(self) -> list[Route]:
        """Routes of this group."""
        return [
            Route("/v3/trades/{ticker}", self._list_trades),
            Route("/v3/quotes/{ticker}", self._list_quotes),
        ]

    def _list_trades(self, request: Request) -> Response:
        return self._page(request, is_trades=True)

    def _list_quotes(self, request: Request) -> Response:
        return self._page(request, is_trades=False)

    def _page(self, request: Request, is_trades: bool) -> Response:
        params, ticker = parameters(request), request.path_params["ticker"]
        _, descending = sort_order(params, ("timestamp",), "timestamp.desc")
        first, end = _window(params, int(self._clock.now_ms() * _NS_PER_MS) + 1)
        ticks = self._trades if is_trades else self._quotes

        def of_day(name: str) -> Bucket[Row]:
            times, rows = ticks(ticker, date.fromisoformat(name))
            rows = rows[int(times.searchsorted(first)) : int(times.searchsorted(end))]
            return Bucket(rows[::-1] if descending else rows, dict)

        days = [day.isoformat() for day in self._days(ticker, first, end)]
        return page_of_buckets(
            request, params, days[::-1] if descending else days, of_day, 1000, 50_000
        )

    def _days(self, ticker: str, first: int, end: int) -> list[date]:
        """The sessions of a ticker that the window touches."""
        if first >= end:
            return []
        days = date_of(first / _NS_PER_MS), date_of(end / _NS_PER_MS)
        return [day for day in self._market.days(ticker, *days) if sessions.is_session(day)]

    def _seconds(self, ticker: str, day: date) -> Bars:
        daily, session = self._market.daily_bar(ticker, day), sessions.session(day)
        assert daily is not None, "days come from the history"
        open_ms = int(session.open_at.timestamp() * 1000)
        length = int((session.close_at - session.open_at).total_seconds())
        return second_bars(daily, open_ms, length, self._market.seed).bars

    def _tape(self, ticker: str, day: date) -> int:
        security = self._market.security(ticker, day)
        assert security is not None, "days come from the history"
        return TAPES.get(security.exchange, OTHER_TAPE)

    def _trades_of_day(self, ticker: str, day: date) -> Ticks:
        found = trades_of(ticker, self._seconds(ticker, day), self._market.seed)
        tape = self._tape(ticker, day)
        rows: list[Row] = [
            {
                "exchange": exchange,
                "id": str(number),
                "participant_timestamp": participant,
                "price": price,
                "sequence_number": sequence,
                "sip_timestamp": sip,
                "size": size,
                "tape": tape,
            }
            for number, (sip, participant, price, size, sequence, exchange) in enumerate(
                zip(
                    found.sip.tolist(),
                    found.participant.tolist(),
                    (found.price / PRICE_SCALE).tolist(),
                    found.size.tolist(),
                    found.sequence.tolist(),
                    found.exchange.tolist(),
                    strict=True,
                ),
                start=1,
            )
        ]
        odd_lots = np.flatnonzero((found.size < ODD_LOT) & ~found.sets_price)
        for row in odd_lots.tolist():
            rows[row]["conditions"] = [ODD_LOT_CONDITION]
        for row in np.flatnonzero(found.exchange == REPORTING_FACILITY).tolist():
            rows[row]["trf_id"] = TRF_ID
            rows[row]["trf_timestamp"] = rows[row]["participant_timestamp"]
        return found.sip, rows

    def _quotes_of_day(self, ticker: str, day: date) -> Ticks:
        found = quotes_of(ticker, self._seconds(ticker, day), self._market.seed)
        tape = self._tape(ticker, day)
        rows: list[Row] = [
            {
                "ask_exchange": 12,
                "ask_price": ask,
                "ask_size": ask_size,
                "bid_exchange": 11,
                "bid_price": bid,
                "bid_size": bid_size,
                "participant_timestamp": participant,
                "sequence_number": sequence,
                "sip_timestamp": sip,
                "tape": tape,
            }
            for ask, ask_size, bid, bid_size, participant, sequence, sip in zip(
                (found.ask / PRICE_SCALE).tolist(),
                found.ask_size.tolist(),
                (found.bid / PRICE_SCALE).tolist(),
                found.bid_size.tolist(),
                found.participant.tolist(),
                found.sequence.tolist(),
                found.sip.tolist(),
                strict=True,
            )
        ]
        return found.sip, rows


def _window(params: dict[str, str], now_ns: int) -> tuple[int, int]:
    """First nanosecond and end of what was asked for, up to now.

    A date is its start in New York, except for ``timestamp=``, where it is the whole date.
    """
    first, end = 0, now_ns
    for suffix, shift in (("", 0), (".gte", 0), (".gt", 1)):
        if params.get(f"timestamp{suffix}"):
            first = max(first, _nanoseconds(params[f"timestamp{suffix}"]) + shift)
    for suffix, shift in ((".lte", 1), (".lt", 0)):
        if params.get(f"timestamp{suffix}"):
            end = min(end, _nanoseconds(params[f"timestamp{suffix}"]) + shift)
    moment = params.get("timestamp")
    if moment:
        end = min(end, _nanoseconds(moment) + (1 if moment.isdigit() else _DAY_NS))
    return first, end


def _nanoseconds(text: str) -> int:
    if text.isdigit() and len(text) > len("20050228"):
        return int(text)
    try:
        return midnight_ms(date.fromisoformat(text)) * _NS_PER_MS
    except ValueError:
        raise bad_request(
            f"timestamp {text!r} must be a date or nanoseconds since the epoch"
        ) from None
