"""REST: quarterly financial statements, known from the day on which they are filed."""

from collections.abc import Iterable
from datetime import date, timedelta

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
from polygon_assets.sandbox.polygon.errors import bad_request
from polygon_assets.sandbox.polygon.financials import (
    FIRST_FILING_DAYS,
    LAST_FILING_DAYS,
    Filing,
    central_index_key,
    filing_of,
    quarter_ends,
    statement,
)
from polygon_assets.sandbox.polygon.market import Market
from polygon_assets.sandbox.polygon.paging import parameters, refuse_filters
from polygon_assets.sandbox.polygon.security import Security

_SORTS = ("filing_date", "period_of_report_date")
_TIMEFRAMES = ("annual", "quarterly", "ttm")


class FinancialEndpoints:
    """Invented statements of every security, for each quarter in which it was listed.

    Args:
        market: Its securities.
        clock: Hides what is not filed yet.
    """

    def __init__(self, market: Market, clock: Clock) -> None:
        self._market, self._clock = market, clock

    def routes(self) -> list[Route]:
        """Routes of this group."""
        return [Route("/vX/reference/financials", self._financials)]

    def _financials(self, request: Request) -> Response:
        params, today = parameters(request), self._clock.today()
        refuse_filters(params, ("include_sources",))
        filed = date_window(params, "filing_date", sessions.first_session(), today)
        period = date_window(params, "period_of_report_date", sessions.first_session(), today)
        # No quarter's reports are filed after those of the next quarter begin to be filed.
        first = max(period[0], filed[0] - timedelta(days=LAST_FILING_DAYS))
        last = min(period[1], filed[1] - timedelta(days=FIRST_FILING_DAYS))
        field, descending = sort_order(params, _SORTS, "period_of_report_date.desc")
        securities = self._chosen(params)

        def of_quarter(name: str) -> Bucket[Filing]:
            filings = _filings(securities, date.fromisoformat(name))
            found = [filing for filing in filings if filed[0] <= filing.filing_date <= filed[1]]
            if field == "filing_date":
                found.sort(key=lambda filing: filing.filing_date, reverse=descending)
            return Bucket(found, statement)

        names = [end.isoformat() for end in quarter_ends(first, last)]
        return page_of_buckets(
            request, params, names[::-1] if descending else names, of_quarter, 10, 100, counted=True
        )

    def _chosen(self, params: dict[str, str]) -> list[Security]:
        """The securities asked for; none for a timeframe that the simulator does not hold."""
        timeframe = params.get("timeframe", "quarterly")
        if timeframe not in _TIMEFRAMES:
            raise bad_request(f"timeframe {timeframe!r} is not one of {', '.join(_TIMEFRAMES)}")
        if timeframe != "quarterly":
            return []
        if any(name.startswith("company_name.") for name in params):
            raise bad_request("company_name is supported by the simulated vendor as a whole only")
        tests = {
            "ticker": lambda s: s.ticker,
            "cik": central_index_key,
            "sic": lambda s: s.sic_code,
            "company_name": lambda s: s.name,
        }
        return [
            security
            for security in self._market.securities
            if all(of(security) == params[name] for name, of in tests.items() if name in params)
        ]


def _filings(securities: Iterable[Security], end: date) -> list[Filing]:
    return [filing_of(security, end) for security in securities if security.is_listed(end)]
