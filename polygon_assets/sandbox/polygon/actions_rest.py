"""REST: splits and dividends, in the present and in the deprecated form of the endpoints."""

from datetime import date, timedelta
from functools import lru_cache

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from polygon_assets.sandbox.polygon.actions import Actions, Dividend, identifier
from polygon_assets.sandbox.polygon.clock import Clock
from polygon_assets.sandbox.polygon.paging import Row, matching, ordered, page, parameters
from polygon_assets.sandbox.polygon.universe import Split

ANNOUNCED_AHEAD = timedelta(days=30)
"""How long before it takes effect an action is known."""

_SPLIT_FIELDS = ("ticker", "execution_date")
_DIVIDEND_FIELDS = ("ticker", "ex_dividend_date")


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
        self._dividend_rows = lru_cache(maxsize=2)(self._all_dividends)

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
        rows = matching(self._split_rows(self._clock.today()), params, _SPLIT_FIELDS)
        rows = ordered(rows, params.get("sort", "execution_date.desc"), _SPLIT_FIELDS)
        return page(request, params, rows, 100, 5000)

    def _dividends(self, request: Request) -> Response:
        params = parameters(request)
        rows = matching(self._dividend_rows(self._clock.today()), params, _DIVIDEND_FIELDS)
        rows = ordered(rows, params.get("sort", "ex_dividend_date.desc"), _DIVIDEND_FIELDS)
        return page(request, params, rows, 100, 5000)

    def _deprecated_splits(self, request: Request) -> Response:
        params = parameters(request)
        rows = matching(self._split_rows(self._clock.today()), params, _SPLIT_FIELDS)
        rows = ordered(rows, _sort_and_order(params, "execution_date"), _SPLIT_FIELDS)
        kept = ("id", "execution_date", "split_from", "split_to", "ticker")
        return page(request, params, [{name: row[name] for name in kept} for row in rows], 10, 1000)

    def _deprecated_dividends(self, request: Request) -> Response:
        params = parameters(request)
        rows = matching(self._dividend_rows(self._clock.today()), params, _DIVIDEND_FIELDS)
        rows = ordered(rows, _sort_and_order(params, "ex_dividend_date"), _DIVIDEND_FIELDS)
        return page(request, params, [_deprecated_dividend(row) for row in rows], 10, 1000)

    def _all_splits(self, today: date) -> list[Row]:
        return [
            self._split_row(ticker, split, today)
            for ticker, splits in self._actions.splits.items()
            for split in splits
            if split.execution_date <= today + ANNOUNCED_AHEAD
        ]

    def _split_row(self, ticker: str, split: Split, today: date) -> Row:
        day_before = split.execution_date - timedelta(days=1)
        factor = self._actions.split_factor(ticker, day_before, today)
        forward = split.split_to > split.split_from
        return {
            "id": identifier("split", ticker, split.execution_date),
            "execution_date": split.execution_date.isoformat(),
            "split_from": split.split_from,
            "split_to": split.split_to,
            "ticker": ticker,
            "adjustment_type": "forward_split" if forward else "reverse_split",
            "historical_adjustment_factor": factor if split.execution_date <= today else None,
        }

    def _all_dividends(self, today: date) -> list[Row]:
        rows: list[Row] = []
        for ticker, dividends in self._actions.dividends.items():
            factor = 1.0
            for dividend in reversed(dividends):
                if dividend.ex_date > today + ANNOUNCED_AHEAD:
                    continue
                in_effect = dividend.ex_date <= today
                if in_effect:
                    factor *= self._actions.dividend_factor(ticker, dividend)
                rows.append(
                    self._dividend_row(ticker, dividend, today, factor if in_effect else None)
                )
        return rows

    def _dividend_row(
        self, ticker: str, dividend: Dividend, today: date, factor: float | None
    ) -> Row:
        row: Row = {
            "id": identifier("dividend", ticker, dividend.ex_date),
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


def _sort_and_order(params: dict[str, str], default: str) -> str:
    """The deprecated endpoints' two parameters as one."""
    return f"{params.get('sort', default)}.{params.get('order', 'desc')}"


def _deprecated_dividend(row: Row) -> Row:
    added = {"distribution_type", "historical_adjustment_factor", "split_adjusted_cash_amount"}
    kept = {name: value for name, value in row.items() if name not in added}
    return {**kept, "dividend_type": "SC" if row["distribution_type"] == "special" else "CD"}
