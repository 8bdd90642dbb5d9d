"""Splits and dividends over REST, in both forms of the endpoints."""

import pytest
from polygon_vendor import Vendor

pytestmark = pytest.mark.xdist_group("polygon_actions_rest")


def test_splits_and_dividends_through_the_client(vendor: Vendor) -> None:
    splits = list(vendor.rest.list_splits(ticker="AAPL", order="asc"))
    assert [(s.execution_date, s.split_from, s.split_to) for s in splits] == [
        ("2000-06-21", 1, 2),
        ("2005-02-28", 1, 2),
    ]
    dividends = list(vendor.rest.list_dividends(ticker="IBM", limit=20))
    assert len(dividends) == 52
    assert round(sum(d.cash_amount for d in dividends), 2) == 19.84
    window = vendor.rest.list_dividends(
        ticker="MSFT", ex_dividend_date_gte="2004-08-23", ex_dividend_date_lt="2005-02-15"
    )
    assert [d.cash_amount for d in window] == [3.08, 0.08]


def test_present_endpoints_carry_cumulative_factors(vendor: Vendor) -> None:
    splits = vendor.http.get("/stocks/v1/splits?ticker=AAPL&sort=execution_date.asc").json()[
        "results"
    ]
    assert [row["historical_adjustment_factor"] for row in splits] == [0.25, 0.5]
    assert {row["adjustment_type"] for row in splits} == {"forward_split"}
    window = "execution_date.gte=2005-03-02&execution_date.lte=2005-03-02"
    reverse = vendor.http.get(f"/stocks/v1/splits?{window}").json()["results"]
    assert [(row["ticker"], row["adjustment_type"]) for row in reverse] == [
        ("ZZAC", "reverse_split")
    ]
    rows = vendor.http.get("/stocks/v1/dividends?ticker=MSFT&limit=5000").json()["results"]
    assert len(rows) == len({row["id"] for row in rows}) == 37
    factors = [row["historical_adjustment_factor"] for row in rows]
    assert factors == sorted(factors, reverse=True)
    february = next(row for row in rows if row["ex_dividend_date"] == "2003-02-19")
    assert february["split_adjusted_cash_amount"] == february["cash_amount"] == 0.08


def test_actions_of_the_future_are_announced_without_a_factor(vendor: Vendor) -> None:
    vendor.replay("2005-02-24", 1)
    try:
        rows = vendor.http.get("/stocks/v1/splits?limit=5000").json()["results"]
        announced = {row["ticker"]: row["historical_adjustment_factor"] for row in rows}
        assert announced["ZZAC"] is None
        assert announced["ZZAB"] == 0.5
        assert max(row["execution_date"] for row in rows) <= "2005-03-26"
    finally:
        vendor.http.delete("/sandbox/replay")


def test_dividends_by_date_and_by_ticker_are_the_same(vendor: Vendor) -> None:
    def rows(path: str, sort: str) -> list[dict]:
        params = {"sort": sort, "limit": 1000, "ticker.gte": "AAPL", "ticker.lt": "ZZAC"}
        window = {"ex_dividend_date.gte": "2004-01-01", "ex_dividend_date.lt": "2006-01-01"}
        return vendor.http.get(path, params={**params, **window}).json()["results"]

    for path in ("/stocks/v1/dividends", "/v3/reference/dividends"):
        by_date, by_ticker = rows(path, "ex_dividend_date"), rows(path, "ticker")
        assert {row["ticker"] for row in by_date} >= {"IBM", "MSFT"}
        dates = [row["ex_dividend_date"] for row in by_date]
        assert dates == sorted(dates, reverse=True)
        assert sorted(by_date, key=lambda row: row["id"]) == sorted(
            by_ticker, key=lambda row: row["id"]
        )
