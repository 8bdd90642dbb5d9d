"""Company data over REST: the vendor's own, unmodified client where it has a method for it."""

from datetime import date

import pytest
from polygon_vendor import Vendor

from polygon_assets import sessions

pytestmark = pytest.mark.xdist_group("polygon_companies")


def at(vendor: Vendor, moment: str) -> None:
    """Set the market's clock."""
    assert vendor.http.post("/sandbox/clock", json={"now": moment}).status_code == 200


def test_ticker_events_by_ticker_and_by_figi(vendor: Vendor) -> None:
    facebook = vendor.rest.get_ticker_events("FB")
    assert (facebook.cik, facebook.composite_figi) == ("0001326801", "BBG000MM2P62")
    assert facebook.events == [
        {"ticker_change": {"ticker": "FB"}, "type": "ticker_change", "date": "2012-05-18"}
    ]
    assert vendor.rest.get_ticker_events("BBG000MM2P62").name == facebook.name
    assert vendor.rest.get_ticker_events("FB", types="ticker_change").events
    assert vendor.http.get("/vX/reference/tickers/NOPE/events").status_code == 404
    assert vendor.http.get("/vX/reference/tickers/ZZAA/events").json()["results"]["simulated"]


def test_related_companies_are_of_the_same_sector(vendor: Vendor) -> None:
    assert [found.ticker for found in vendor.rest.get_related_companies("AAPL")] == ["IBM"]
    body = vendor.http.get("/v1/related-companies/GOOG").json()
    assert body["stock_symbol"] == "GOOG"
    assert {"ticker": "MSFT"} in body["results"]
    assert {"ticker": "GOOG"} not in body["results"]
    assert vendor.http.get("/v1/related-companies/NOPE").status_code == 404


def test_ipos_are_the_listings_after_the_first_session(vendor: Vendor) -> None:
    listed = {ipo.ticker: ipo for ipo in vendor.rest.vx.list_ipos(limit=2)}
    assert set(listed) == {"FB", "GOOG", "ZZAD"}
    assert (listed["FB"].listing_date, listed["FB"].final_issue_price) == ("2012-05-18", 38.0)
    assert listed["GOOG"].final_issue_price == 85.0
    window = vendor.rest.vx.list_ipos(
        listing_date_gte="2005-02-23", listing_date_lt="2012-05-18", order="asc"
    )
    assert [ipo.ticker for ipo in window] == ["ZZAD"]
    raw = vendor.http.get("/vX/reference/ipos?ticker=ZZAD").json()["results"]
    assert [row["simulated"] for row in raw] == [True]


def test_financials_are_quarterly_and_add_up(vendor: Vendor) -> None:
    window = {"filing_date_gte": "2005-01-01", "filing_date_lt": "2006-01-01"}
    filings = list(
        vendor.rest.vx.list_stock_financials(
            ticker="AAPL", sort="filing_date", order="asc", limit=1, **window
        )
    )
    assert [filing.fiscal_period for filing in filings] == ["Q4", "Q1", "Q2", "Q3"]
    assert {filing.cik for filing in filings} == {"0000320193"}
    for filing in filings:
        lag = date.fromisoformat(filing.filing_date) - date.fromisoformat(filing.end_date)
        assert 25 <= lag.days <= 60
        balance = filing.financials.balance_sheet
        assert balance.assets.value == balance.liabilities.value + balance.equity.value
        flows = filing.financials.cash_flow_statement
        assert flows.net_cash_flow.value == (
            flows.net_cash_flow_from_operating_activities.value
            + flows.net_cash_flow_from_investing_activities.value
            + flows.net_cash_flow_from_financing_activities.value
        )
    dates = [
        row["filing_date"]
        for row in vendor.http.get(
            "/vX/reference/financials?filing_date.gte=2005-01-01&filing_date.lte=2005-12-31"
            "&sort=filing_date&order=asc&limit=100"
        ).json()["results"]
    ]
    assert dates == sorted(dates)
    assert vendor.http.get("/vX/reference/financials?timeframe=annual").json()["results"] == []


def test_news_is_filtered_by_ticker_and_time(vendor: Vendor) -> None:
    march = {"published_utc_gte": "2005-03-01", "published_utc_lt": "2005-04-01"}
    news = list(vendor.rest.list_ticker_news(**march, order="asc", limit=5))
    times = [article.published_utc for article in news]
    assert times == sorted(times)
    assert len({article.id for article in news}) == len(news) > 5
    assert all("2005-03-01" <= time < "2005-04-01" for time in times)
    newest_first = list(vendor.rest.list_ticker_news(**march, limit=1000))
    assert [article.id for article in newest_first] == [article.id for article in news][::-1]
    about = [article for article in news if article.tickers == ["AAPL"]]
    asked = vendor.rest.list_ticker_news("AAPL", **march, order="asc")
    assert [article.id for article in asked] == [article.id for article in about]
    inner = {"published_utc.gt": times[1], "published_utc.lte": times[4], "order": "asc"}
    rows = vendor.http.get("/v2/reference/news", params=inner).json()["results"]
    assert [row["published_utc"] for row in rows] == [t for t in times if times[1] < t <= times[4]]
    day = vendor.http.get("/v2/reference/news?published_utc=2005-03-01&limit=1000").json()
    assert len(day["results"]) == sum(time.startswith("2005-03-01") for time in times)
    assert vendor.http.get("/v2/reference/news?published_utc.gte=lately").status_code == 400


def test_short_interest_is_settled_twice_a_month(vendor: Vendor) -> None:
    window = {"settlement_date_gte": "2005-01-01", "settlement_date_lte": "2005-03-31"}
    rows = list(vendor.rest.list_short_interest(ticker="AAPL", **window, limit=2))
    assert [row.settlement_date for row in rows] == [
        "2005-01-14", "2005-01-31", "2005-02-15", "2005-02-28", "2005-03-15", "2005-03-31",
    ]  # fmt: skip
    for row in rows:
        assert row.days_to_cover == max(round(row.short_interest / row.avg_daily_volume, 2), 1)
    asked = "/stocks/v1/short-interest?settlement_date=2005-02-28&limit=50000"
    by_day, by_ticker = (
        vendor.http.get(f"{asked}&sort={sort}").json()["results"]
        for sort in ("settlement_date.asc", "ticker.asc")
    )
    assert by_day == by_ticker
    assert len(by_day) == 11


def test_short_volume_is_part_of_each_days_volume(vendor: Vendor) -> None:
    rows = list(vendor.rest.list_short_volume(date="2005-02-28", sort="date", limit=3))
    bars = vendor.rest.get_grouped_daily_aggs("2005-02-28", adjusted=False)
    volumes = {bar.ticker: bar.volume for bar in bars}
    assert [row.ticker for row in rows] == sorted(volumes)
    for row in rows:
        assert row.short_volume < row.total_volume < volumes[row.ticker]
        assert row.short_volume == row.exempt_volume + row.non_exempt_volume
        assert row.short_volume == (
            row.nyse_short_volume
            + row.nasdaq_carteret_short_volume
            + row.nasdaq_chicago_short_volume
            + row.adf_short_volume
        )
    by_ticker = vendor.http.get("/stocks/v1/short-volume?date=2005-02-28&limit=50").json()
    assert [row["short_volume"] for row in by_ticker["results"]] == [r.short_volume for r in rows]
    newest = vendor.http.get("/stocks/v1/short-volume?ticker=AAPL&sort=date.desc&limit=1").json()
    assert newest["results"][0]["date"] == "2013-03-01"


def test_nothing_of_the_future_is_known(vendor: Vendor) -> None:
    def newest(path: str, field: str) -> str:
        return vendor.http.get(path).json()["results"][0][field]

    at(vendor, "2005-02-28T15:00:00-05:00")
    try:
        assert newest("/v2/reference/news", "published_utc") <= "2005-02-28T20:00:00Z"
        assert newest("/vX/reference/financials?sort=filing_date", "filing_date") <= "2005-02-28"
        assert newest("/stocks/v1/short-volume?sort=date.desc", "date") == "2005-02-25"
        interest = "/stocks/v1/short-interest?sort=settlement_date.desc"
        assert newest(interest, "settlement_date") == "2005-02-15"
        assert newest("/vX/reference/ipos", "listing_date") == "2005-02-23"
        assert vendor.http.get("/vX/reference/tickers/FB/events").status_code == 404
        assert vendor.http.get("/v1/related-companies/FB").status_code == 404
        last = newest("/v3/trades/AAPL", "sip_timestamp")
        assert 0 <= 1109620800 * 10**9 - int(last) < 10 * 10**9
        at(vendor, "2005-02-28T16:00:00-05:00")
        assert newest("/stocks/v1/short-volume?sort=date.desc", "date") == "2005-02-28"
        published = sessions.sessions_between(date(2005, 2, 28), date(2005, 3, 31))[8]
        at(vendor, f"{published}T06:00:00-05:00")
        assert newest(interest, "settlement_date") == "2005-02-28"
    finally:
        vendor.http.delete("/sandbox/replay")


def test_answers_are_the_same_for_another_process(vendor: Vendor, start_vendor) -> None:
    other = start_vendor()
    for path in (
        "/v2/reference/news?published_utc.lt=2005-03-01",
        "/vX/reference/financials?filing_date.lt=2005-03-01",
        "/stocks/v1/short-interest?settlement_date.lt=2005-03-01",
        "/stocks/v1/short-volume?date=2005-02-28",
        "/v3/trades/ZZAG?timestamp=2005-02-28",
        "/v3/quotes/ZZAG?timestamp=2005-02-28",
    ):
        here, there = (each.http.get(path).json()["results"] for each in (vendor, other))
        assert here == there != []
