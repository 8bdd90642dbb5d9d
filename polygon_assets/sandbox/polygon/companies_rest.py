"""REST: ticker events (renames), related companies, and IPOs."""

from datetime import date
from itertools import chain, islice

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from polygon_assets import sessions
from polygon_assets.sandbox.polygon.bars import PRICE_SCALE
from polygon_assets.sandbox.polygon.buckets import sort_order
from polygon_assets.sandbox.polygon.clock import Clock
from polygon_assets.sandbox.polygon.errors import not_found, ok
from polygon_assets.sandbox.polygon.market import Market
from polygon_assets.sandbox.polygon.paging import Row, matching, ordered, page, parameters
from polygon_assets.sandbox.polygon.randomness import fractions
from polygon_assets.sandbox.polygon.security import Security

MOST_RELATED = 10

_IPO_FILTERS = ("listing_date", "ticker", "ipo_status", "isin", "us_code")
_IPO_SORTS = ("listing_date", "ticker", "last_updated", "issuer_name")

_REAL_IPOS: dict[str, Row] = {
    "FB": {
        "final_issue_price": 38.0,
        "lowest_offer_price": 34.0,
        "highest_offer_price": 38.0,
        "max_shares_offered": 421_233_615,
        "min_shares_offered": 421_233_615,
        "total_offer_size": 16_006_877_370.0,
        "isin": "US30303M1027",
        "us_code": "30303M102",
    },
    "GOOG": {
        "final_issue_price": 85.0,
        "lowest_offer_price": 85.0,
        "highest_offer_price": 95.0,
        "max_shares_offered": 19_605_052,
        "min_shares_offered": 19_605_052,
        "total_offer_size": 1_666_429_420.0,
        "isin": "US38259P5089",
        "us_code": "38259P508",
    },
}
"""What the prospectuses of the two say."""


class CompanyEndpoints:
    """What is known of companies on the clock's day.

    Args:
        market: Its securities.
        clock: Tells the day.
    """

    def __init__(self, market: Market, clock: Clock) -> None:
        self._market, self._clock = market, clock

    def routes(self) -> list[Route]:
        """Routes of this group."""
        return [
            Route("/vX/reference/tickers/{id}/events", self._events),
            Route("/v1/related-companies/{ticker}", self._related),
            Route("/vX/reference/ipos", self._ipos),
        ]

    def _events(self, request: Request) -> Response:
        params = parameters(request)
        found = self._find(request.path_params["id"])
        today = self._clock.today()
        types = params.get("types")
        wanted = types is None or "ticker_change" in types.split(",")
        results: Row = {"name": found.name}
        for name in ("composite_figi", "cik"):
            if getattr(found, name) is not None:
                results[name] = getattr(found, name)
        same = [s for s in self._market.securities if s.identity == found.identity]
        had = sorted((s for s in same if s.first_day <= today), key=lambda s: s.first_day)
        results["events"] = [_ticker_change(s) for s in reversed(had)] if wanted else []
        if found.model is not None:
            results["simulated"] = True
        return ok(results=results)

    def _find(self, identifier: str) -> Security:
        """By composite FIGI, or by the ticker that it has on the clock's day.

        Raises:
            VendorError: 404 for a security that is not listed yet, or not known.
        """
        today = self._clock.today()
        found = self._market.security(identifier, today)
        if found is None:
            named = (s for s in self._market.securities if s.composite_figi == identifier)
            found = next((s for s in named if s.is_known(today)), None)
        if found is None:
            raise not_found(f"Ticker not found: {identifier}.")
        return found

    def _related(self, request: Request) -> Response:
        found, today = self._find(request.path_params["ticker"]), self._clock.today()
        others = self._market.securities
        place = others.index(found)
        # Each ticker has neighbours of its own, as if it were the first of a circle.
        around = chain(others[place + 1 :], others[:place])
        related = (
            {"ticker": other.ticker}
            for other in around
            if other.is_listed(today) and _sector(other) == _sector(found)
        )
        return ok(results=list(islice(related, MOST_RELATED)), stock_symbol=found.ticker)

    def _ipos(self, request: Request) -> Response:
        params, today = parameters(request), self._clock.today()
        field, descending = sort_order(params, _IPO_SORTS, "listing_date.desc")
        rows = [
            self._ipo(security)
            for security in self._market.securities
            if sessions.first_session() < security.list_date == security.first_day <= today
        ]
        rows = ordered(matching(rows, params, _IPO_FILTERS), "ticker", _IPO_SORTS)
        rows = ordered(rows, f"{field}.{'desc' if descending else 'asc'}", _IPO_SORTS)
        return page(request, params, rows, 10, 1000)

    def _ipo(self, security: Security) -> Row:
        row: Row = {
            "ticker": security.ticker,
            "issuer_name": security.name,
            "listing_date": security.list_date.isoformat(),
            "last_updated": security.list_date.isoformat(),
            "ipo_status": "history",
            "currency_code": "USD",
            "lot_size": 100,
            "primary_exchange": security.exchange,
            "security_type": "CS",
            "security_description": "Ordinary Shares",
        }
        invented = self._invented_offer(security.ticker, security.list_date)
        return {**row, **_REAL_IPOS.get(security.ticker, invented)}

    def _invented_offer(self, ticker: str, listed: date) -> Row:
        """A price near that of the first trade, and numbers of shares to go with it."""
        first = self._market.daily_bar(ticker, listed)
        if first is None:
            return {"simulated": True}
        pop, width, size, sold = fractions(4, "ipo", ticker)
        price = max(round(first.open / PRICE_SCALE / (1 + 0.3 * pop)), 1)
        offered = round(1e6 + 2e7 * size) // 1000 * 1000
        return {
            "final_issue_price": float(price),
            "lowest_offer_price": round(price * (0.8 + 0.15 * width), 2),
            "highest_offer_price": round(price * (1.0 + 0.1 * width), 2),
            "max_shares_offered": offered,
            "min_shares_offered": offered // 2,
            "total_offer_size": float(price * offered),
            "shares_outstanding": round(offered / (0.1 + 0.2 * sold)),
            "simulated": True,
        }


def _ticker_change(security: Security) -> Row:
    """A listing is told like a change: to the first ticker."""
    return {
        "ticker_change": {"ticker": security.ticker},
        "type": "ticker_change",
        "date": security.first_day.isoformat(),
    }


def _sector(security: Security) -> str:
    """The first two digits of the SIC code."""
    return security.sic_code[:2]
