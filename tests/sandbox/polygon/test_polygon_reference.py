"""Reference data over REST: the vendor's own, unmodified client against the simulator."""

import pytest
from polygon_vendor import Vendor

pytestmark = pytest.mark.xdist_group("polygon_reference")


def test_tickers_as_of_a_date(vendor: Vendor) -> None:
    def names(day: str, active: bool) -> list[str]:
        found = vendor.rest.list_tickers(date=day, active=active, limit=3)
        return [ticker.ticker for ticker in found]

    assert names("2004-08-18", True) == [
        "AAPL",
        "IBM",
        "MSFT",
        "ZZAA",
        "ZZAB",
        "ZZAC",
        "ZZAE",
        "ZZAF",
        "ZZAG",
    ]
    assert "ZZAD" in names("2005-02-23", True)
    assert "ZZAE" in names("2005-03-01", True)
    assert names("2005-03-02", False) == ["ZZAE"]
    gone = next(vendor.rest.list_tickers(ticker="ZZAE", date="2005-03-02", active=False))
    assert (gone.active, gone.delisted_utc) == (False, "2005-03-02T00:00:00Z")


def test_ticker_details_and_types(vendor: Vendor) -> None:
    apple = vendor.rest.get_ticker_details("AAPL")
    assert (apple.cik, apple.sic_code, apple.primary_exchange) == ("0000320193", "3571", "XNAS")
    body = vendor.http.get("/v3/reference/tickers/ZZAA").json()["results"]
    assert body["simulated"] is True
    assert "(simulated)" in body["name"]
    assert vendor.http.get("/v3/reference/tickers/NOPE").status_code == 404
    assert "CS" in {kind.code for kind in vendor.rest.get_ticker_types()}


def test_exchanges_are_the_vendors_with_its_oddities(vendor: Vendor) -> None:
    exchanges = vendor.rest.get_exchanges(asset_class="stocks")
    ids = [exchange.id for exchange in exchanges]
    assert len(ids) == 24
    assert ids.count(4) == 4
    assert next(exchange for exchange in exchanges if exchange.id == 5).mic is None


def test_conditions_tell_what_a_trade_updates(vendor: Vendor) -> None:
    conditions = {c.id: c for c in vendor.rest.list_conditions(asset_class="stocks", limit=5)}
    assert len(conditions) == 12
    assert conditions[37].update_rules.consolidated.updates_high_low is False
    assert conditions[37].update_rules.consolidated.updates_volume is True


def test_market_status_and_holidays(vendor: Vendor) -> None:
    vendor.replay("2005-02-28", 1)
    try:
        status = vendor.rest.get_market_status()
        assert status.server_time == "2005-02-28T09:20:00-05:00"
        assert (status.market, status.early_hours, status.after_hours) == (
            "extended-hours",
            True,
            False,
        )
        holidays = vendor.rest.get_market_holidays()
    finally:
        vendor.http.delete("/sandbox/replay")
    assert {h.exchange for h in holidays} == {"NYSE", "NASDAQ"}
    nyse = {h.date: h for h in holidays if h.exchange == "NYSE"}
    assert (nyse["2005-03-25"].name, nyse["2005-03-25"].status) == ("Good Friday", "closed")
    after_thanksgiving = nyse["2005-11-25"]
    assert (after_thanksgiving.status, after_thanksgiving.close) == (
        "early-close",
        "2005-11-25T18:00:00.000Z",
    )
