"""What all REST endpoints have in common: the key, and refusals."""

import httpx
import pytest
from polygon import RESTClient
from polygon.exceptions import BadResponse
from polygon_vendor import Vendor

pytestmark = pytest.mark.xdist_group("polygon_rest")
GROUPED = "/v2/aggs/grouped/locale/us/market/stocks"


@pytest.mark.parametrize(
    ("headers", "error"),
    [
        ({}, "API Key was not provided"),
        ({"Authorization": "Bearer other"}, "Unknown API Key"),
    ],
)
def test_requests_need_the_key(vendor: Vendor, headers: dict[str, str], error: str) -> None:
    answer = httpx.get(f"{vendor.url}{GROUPED}/2005-02-28", headers=headers)
    assert (answer.status_code, answer.json()["error"]) == (401, error)
    assert httpx.get(f"{vendor.url}{GROUPED}/2005-02-28?apiKey=sandbox").status_code == 200
    assert httpx.get(f"{vendor.url}/healthz").json()["status"] == "ok"
    with pytest.raises(BadResponse, match="Unknown API Key"):
        RESTClient(api_key="other", base=vendor.url).get_exchanges()


def test_unknown_paths_and_methods_are_named(vendor: Vendor) -> None:
    answer = vendor.http.get("/v2/last/trade/AAPL")
    assert (answer.status_code, answer.json()["status"]) == (404, "NOT_FOUND")
    assert "/v2/last/trade/AAPL" in answer.json()["message"]


@pytest.mark.parametrize(
    "path",
    [
        f"{GROUPED}/yesterday",
        f"{GROUPED}/2005-02-28?adjusted=maybe",
        "/v2/aggs/ticker/AAPL/range/1/fortnight/2005-02-28/2005-03-01",
        "/v2/aggs/ticker/AAPL/range/2/day/2005-02-28/2005-03-01",
        "/v2/aggs/ticker/AAPL/range/0/minute/2005-02-28/2005-03-01",
        "/v2/aggs/ticker/AAPL/range/1/minute/2005-03-01/2005-02-28",
        "/v2/aggs/ticker/AAPL/range/1/minute/2005-02-28/2005-03-01?limit=50001",
        "/v2/aggs/ticker/AAPL/range/1/minute/2005-02-28/2005-03-01?sort=up",
        "/v3/reference/tickers?limit=0",
        "/v3/reference/tickers?cursor=%21",
        "/v3/reference/tickers?sort=price",
        "/v3/reference/tickers?date=today",
        "/stocks/v1/splits?sort=ticker.up",
        "/stocks/v1/splits?adjustment_type=forward_split",
        "/stocks/v1/dividends?ex_dividend_date.gte=soon",
        "/stocks/v1/dividends?pay_date.gte=2005-02-28",
        "/stocks/v1/short-interest?days_to_cover.gt=2",
        "/stocks/v1/short-volume?date=20050228T",
        "/vX/reference/financials?timeframe=monthly",
        "/vX/reference/financials?company_name.search=Apple",
        "/v3/reference/tickers?search=Apple",
    ],
)
def test_wrong_parameters_are_refused(vendor: Vendor, path: str) -> None:
    answer = vendor.http.get(path)
    assert (answer.status_code, answer.json()["status"]) == (400, "ERROR")
