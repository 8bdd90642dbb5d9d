"""REST: tickers, ticker types, exchanges, trade conditions."""

from datetime import date
from functools import lru_cache
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from polygon_assets.sandbox.polygon.clock import Clock
from polygon_assets.sandbox.polygon.errors import bad_request, not_found, ok
from polygon_assets.sandbox.polygon.history import DATA
from polygon_assets.sandbox.polygon.market import Market
from polygon_assets.sandbox.polygon.paging import (
    Row,
    boolean,
    matching,
    ordered,
    page,
    parameters,
    refuse_filters,
)
from polygon_assets.sandbox.polygon.security import Security

_TICKER_FIELDS = ("ticker", "type", "market", "name", "primary_exchange")
_CONDITION_FIELDS = ("asset_class", "id", "name", "type")


class ReferenceEndpoints:
    """Reference data as of a date: the clock's day, or ``date=``.

    Args:
        market: Its securities.
        clock: Tells the day.
    """

    def __init__(self, market: Market, clock: Clock) -> None:
        self._market, self._clock = market, clock

    def routes(self) -> list[Route]:
        """Routes of this group."""
        return [
            Route("/v3/reference/tickers", self._tickers),
            Route("/v3/reference/tickers/types", _types),
            Route("/v3/reference/tickers/{ticker}", self._details),
            Route("/v3/reference/exchanges", _exchanges),
            Route("/v3/reference/conditions", _conditions),
        ]

    def _tickers(self, request: Request) -> Response:
        params = parameters(request)
        active = boolean(params, "active", default=True)
        refuse_filters(params, ("search", "cusip"))
        day = self._day(params)
        known = [s for s in self._market.securities if s.is_known(day)]
        rows = [ticker_row(s, day) for s in known if s.is_listed(day) == active]
        exchange = {"primary_exchange": params["exchange"]} if "exchange" in params else {}
        rows = matching(rows, {**params, **exchange}, (*_TICKER_FIELDS, "cik"))
        sort = f"{params.get('sort', 'ticker')}.{params.get('order', 'asc')}"
        return page(request, params, ordered(rows, sort, _TICKER_FIELDS), 100, 1000, counted=True)

    def _details(self, request: Request) -> Response:
        params, ticker = parameters(request), request.path_params["ticker"]
        day = self._day(params)
        found = self._market.security(ticker, day)
        if found is None:
            raise not_found(f"Ticker not found: {ticker}.")
        row = ticker_row(found, day)
        del row["last_updated_utc"]
        details = {
            "ticker_root": ticker,
            "list_date": found.list_date.isoformat(),
            "sic_code": found.sic_code,
            "sic_description": found.sic_description,
            "round_lot": 100,
        }
        return ok(results={**row, **details})

    def _day(self, params: dict[str, str]) -> date:
        given = params.get("date")
        try:
            return date.fromisoformat(given) if given else self._clock.today()
        except ValueError:
            raise bad_request(f"date {given!r} must be YYYY-MM-DD") from None


def ticker_row(security: Security, day: date) -> Row:
    """One ticker as of a day; fields that are not known are left out."""
    row: Row = {
        "ticker": security.ticker,
        "name": security.name,
        "market": "stocks",
        "locale": "us",
        "primary_exchange": security.exchange,
        "type": "CS",
        "active": security.is_listed(day),
        "currency_name": "usd",
        "last_updated_utc": f"{day}T00:00:00Z",
    }
    if security.delisting_date is not None and security.delisting_date <= day:
        row["delisted_utc"] = f"{security.delisting_date}T00:00:00Z"
    for name in ("cik", "composite_figi", "share_class_figi"):
        value = getattr(security, name)
        if value is not None:
            row[name] = value
    if security.model is not None:
        row["simulated"] = True
    return row


@lru_cache(maxsize=4)
def _facts(name: str) -> list[dict[str, Any]]:
    return msgspec.json.decode((DATA / f"{name}.json").read_bytes())


def _types(request: Request) -> Response:
    rows = matching(_facts("ticker_types"), parameters(request), ("asset_class", "locale"))
    return ok(results=rows, count=len(rows))


def _exchanges(request: Request) -> Response:
    rows = matching(_facts("exchanges"), parameters(request), ("asset_class", "locale"))
    return ok(results=rows, count=len(rows))


def _conditions(request: Request) -> Response:
    params = parameters(request)
    rows = matching(_facts("conditions"), params, ("asset_class",))
    for name, holds in (
        ("id", lambda row, wanted: str(row["id"]) == wanted),
        ("data_type", lambda row, wanted: wanted in row["data_types"]),
        ("sip", lambda row, wanted: wanted in row["sip_mapping"]),
    ):
        if name in params:
            rows = [row for row in rows if holds(row, params[name])]
    sort = f"{params.get('sort', 'asset_class')}.{params.get('order', 'asc')}"
    return page(request, params, ordered(rows, sort, _CONDITION_FIELDS), 10, 1000, counted=True)
