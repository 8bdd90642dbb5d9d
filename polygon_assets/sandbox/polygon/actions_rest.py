"""REST: splits and dividends, in the present and in the deprecated form of the endpoints."""

from collections.abc import Callable, Iterable
from datetime import date, timedelta
from functools import lru_cache
from itertools import groupby

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from polygon_assets.sandbox.polygon.actions import Actions, identifier
from polygon_assets.sandbox.polygon.buckets import (
    Bucket,
    date_window,
    page_of_buckets,
    sort_order,
)
from polygon_assets.sandbox.polygon.clock import Clock
from polygon_assets.sandbox.polygon.paging import (
    Row,
    matching,
    matching_tickers,
    ordered,
    page,
    parameters,
    refuse_filters,
)
from polygon_assets.sandbox.polygon.security import Split

ANNOUNCED_AHEAD = timedelta(days=30)
"""How long before it takes effect an action is known."""

_SPLIT_FIELDS = ("ticker", "execution_date")
_DIVIDEND_FIELDS = ("ticker", "ex_dividend_date")
_UNSUPPORTED = (
    "adjustment_type", "cash_amount", "declaration_date", "distribution_type", "dividend_type",
    "frequency", "pay_date", "record_date", "reverse_split",
)  # fmt: skip

_DividendKey = tuple[str, date, int]
"""Ticker, ex-date, and which of the dividends of that day."""


class ActionEndpoints:
    """Splits and dividends as the vendor knows them on the clock's day.

    Factors take in what has taken effect by then; an announced action has none.

    Args:
        actions: Of the market.
        clock: Tells the day.
    """

    def __init__(self, actions: Actions, clock: Clock) -> None:
        self._actions, self._clock = actions, clock
        self._split_rows = lru_cache(maxsize=2)(self._all_splits)

    def routes(self) -> list[Route]:
        """Routes of both forms."""
        return [
            Route("/stocks/v1/splits", self._splits),
            Route("/stocks/v1/dividends", self._dividends),
            Route("/v3/reference/splits", self._deprecated_splits),
            Route("/v3/reference/dividends", self._deprecated_dividends),
        ]

    def _splits(self, request: Request) -> Response:
        params = parameters(request)
        refuse_filters(params, _UNSUPPORTED)
        rows = matching(self._split_rows(self._clock.today()), params, _SPLIT_FIELDS)
        rows = ordered(rows, params.get("sort", "execution_date.desc"), _SPLIT_FIELDS)
        return page(request, params, rows, 100, 5000)

    def _dividends(self, request: Request) -> Response:
        return self._page_of_dividends(request, (100, 5000), lambda row: row)

    def _deprecated_splits(self, request: Request) -> Response:
        params = parameters(request)
        refuse_filters(params, _UNSUPPORTED)
        rows = matching(self._split_rows(self._clock.today()), params, _SPLIT_FIELDS)
        rows = ordered(rows, _sort_and_order(params, "execution_date"), _SPLIT_FIELDS)
        kept = ("id", "execution_date", "split_from", "split_to", "ticker")
        return page(request, params, [{name: row[name] for name in kept} for row in rows], 10, 1000)

    def _deprecated_dividends(self, request: Request) -> Response:
        return self._page_of_dividends(request, (10, 1000), _deprecated_dividend)

    def _page_of_dividends(
        self, request: Request, limits: tuple[int, int], form: Callable[[Row], Row]
    ) -> Response:
        params, today = parameters(request), self._clock.today()
        first, last = date_window(params, "ex_dividend_date", date.min, today + ANNOUNCED_AHEAD)
        field, descending = sort_order(params, _DIVIDEND_FIELDS, "ex_dividend_date.desc")
        refuse_filters(params, _UNSUPPORTED)
        tickers = matching_tickers(self._actions.splits, params)
        wanted = set(tickers)

        def build(key: _DividendKey) -> Row:
            return form(self._dividend_row(key, today))

        def of_day(name: str) -> Bucket[_DividendKey]:
            day = date.fromisoformat(name)
            tickers = (ticker for ticker in self._actions.ex_dates[day] if ticker in wanted)
            return Bucket(_numbered((ticker, day) for ticker in tickers), build)

        def of_ticker(name: str) -> Bucket[_DividendKey]:
            days = (dividend.ex_date for dividend in self._actions.dividends(name))
            return Bucket(_numbered((name, day) for day in days if first <= day <= last), build)

        by_ticker = field == "ticker"
        days = sorted(day for day in self._actions.ex_dates if first <= day <= last)
        names = tickers if by_ticker else [day.isoformat() for day in days]
        names = names[::-1] if descending else names
        return page_of_buckets(request, params, names, of_ticker if by_ticker else of_day, *limits)

    def _all_splits(self, today: date) -> list[Row]:
        return [
            self._split_row(ticker, split, number, today)
            for ticker, splits in self._actions.splits.items()
            for split in splits
            if split.execution_date <= today + ANNOUNCED_AHEAD
            for number in range(split.entries)
        ]

    def _split_row(self, ticker: str, split: Split, number: int, today: date) -> Row:
        later = self._actions.split_factor(ticker, split.execution_date, today)
        factor = split.price_factor * later
        forward = split.split_to > split.split_from
        return {
            "id": _identifier("split", ticker, split.execution_date, number),
            "execution_date": split.execution_date.isoformat(),
            "split_from": split.split_from,
            "split_to": split.split_to,
            "ticker": ticker,
            "adjustment_type": "forward_split" if forward else "reverse_split",
            "historical_adjustment_factor": factor if split.execution_date <= today else None,
        }

    def _dividend_row(self, key: _DividendKey, today: date) -> Row:
        ticker, ex_date, number = key
        of_day = [d for d in self._actions.dividends(ticker) if d.ex_date == ex_date]
        dividend = of_day[number]
        factor = self._actions.dividend_factor(ticker, ex_date, today) if ex_date <= today else None
        row: Row = {
            "id": _identifier("dividend", ticker, ex_date, number),
            "cash_amount": dividend.cash,
            "currency": "USD",
            "distribution_type": "special" if dividend.is_special else "recurring",
            "ex_dividend_date": dividend.ex_date.isoformat(),
            "frequency": dividend.frequency,
            "historical_adjustment_factor": factor,
            "split_adjusted_cash_amount": dividend.cash
            * self._actions.split_factor(ticker, dividend.ex_date, today),
            "ticker": ticker,
        }
        for name in ("declaration_date", "record_date", "pay_date"):
            known: date | None = getattr(dividend, name)
            if known is not None:
                row[name] = known.isoformat()
        return row


def _numbered(dividends: Iterable[tuple[str, date]]) -> list[_DividendKey]:
    """Tell the dividends of one ticker and day apart, which follow each other."""
    return [
        (*same_day, number)
        for same_day, found in groupby(dividends)
        for number, _ in enumerate(found)
    ]


def _identifier(kind: str, ticker: str, day: date, number: int) -> str:
    """Of the first action of its kind on that day (number 0), or of another one."""
    return identifier(kind, ticker, day, number) if number else identifier(kind, ticker, day)


def _sort_and_order(params: dict[str, str], default: str) -> str:
    """The deprecated endpoints' two parameters as one."""
    return f"{params.get('sort', default)}.{params.get('order', 'desc')}"


def _deprecated_dividend(row: Row) -> Row:
    added = {"distribution_type", "historical_adjustment_factor", "split_adjusted_cash_amount"}
    kept = {name: value for name, value in row.items() if name not in added}
    return {**kept, "dividend_type": "SC" if row["distribution_type"] == "special" else "CD"}
