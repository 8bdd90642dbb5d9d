"""Bars over REST: the vendor's own, unmodified client against the simulator."""

from datetime import date

import pytest
from polygon_vendor import Vendor

from polygon_assets import sessions
from polygon_assets.sandbox.polygon.history import source_rows

pytestmark = pytest.mark.xdist_group("polygon_aggregates")
GROUPED = "/v2/aggs/grouped/locale/us/market/stocks"


def source(ticker: str, day: str) -> dict[str, str]:
    return next(row for row in source_rows()[ticker] if row["Date"] == day)


def test_grouped_daily_bars_are_the_official_ones(vendor: Vendor) -> None:
    bars = {
        bar.ticker: bar for bar in vendor.rest.get_grouped_daily_aggs("2005-02-28", adjusted=False)
    }
    assert sorted(bars) == [
        "AAPL", "GOOG", "IBM", "MSFT", "ZZAA", "ZZAB", "ZZAC", "ZZAD", "ZZAE", "ZZAF", "ZZAG",
    ]  # fmt: skip
    row, bar = source("AAPL", "2005-02-28"), bars["AAPL"]
    assert [bar.open, bar.high, bar.low, bar.close] == [
        float(row[name]) for name in ("Open", "High", "Low", "Close")
    ]
    assert bar.volume == int(row["Volume"])
    assert bar.timestamp == 1109624400000  # 16:00 in New York
    assert bar.low <= bar.vwap <= bar.high
    assert bars["ZZAG"].volume % 1 != 0


def test_adjusted_bars_apply_splits_only(vendor: Vendor) -> None:
    raw, adjusted = (
        {bar.ticker: bar for bar in vendor.rest.get_grouped_daily_aggs("2005-02-25", adjusted=flag)}
        for flag in (False, True)
    )
    assert adjusted["AAPL"].close == raw["AAPL"].close * 0.5
    assert adjusted["AAPL"].volume == raw["AAPL"].volume / 0.5
    assert adjusted["MSFT"].close == raw["MSFT"].close  # dividends do not count
    assert adjusted["ZZAC"].close == pytest.approx(raw["ZZAC"].close * 10)


def test_days_without_a_session_have_no_results_key(vendor: Vendor) -> None:
    for day in ("2005-02-26", "2005-02-21"):
        body = vendor.http.get(f"{GROUPED}/{day}").json()
        assert body["status"] == "OK"
        assert body["resultsCount"] == 0
        assert "results" not in body
        assert vendor.rest.get_grouped_daily_aggs(day) == []


def test_the_future_and_the_running_session_are_forbidden(vendor: Vendor) -> None:
    answer = vendor.http.get(f"{GROUPED}/2030-12-31")
    assert (answer.status_code, answer.json()["status"]) == (403, "NOT_AUTHORIZED")
    vendor.replay("2005-02-28", 1)
    try:
        today = vendor.http.get(f"{GROUPED}/2005-02-28")
        assert today.status_code == 403
        assert today.json()["message"].startswith(
            "Attempted to request today's data before end of day."
        )
        assert vendor.http.get(f"{GROUPED}/2005-03-01").status_code == 403
        assert vendor.http.get(f"{GROUPED}/2005-02-25").json()["resultsCount"] == 11
    finally:
        vendor.http.delete("/sandbox/replay")


def test_day_bars_by_ticker_start_at_midnight(vendor: Vendor) -> None:
    bars = list(vendor.rest.list_aggs("AAPL", 1, "day", "2005-04-01", "2005-04-04", adjusted=False))
    assert [bar.timestamp for bar in bars] == [1112331600000, 1112587200000]  # EST, then EDT
    assert bars[0].close == float(source("AAPL", "2005-04-01")["Close"])
    before = list(
        vendor.rest.list_aggs("AAPL", 1, "day", "2003-09-08", "2003-09-10", adjusted=True)
    )
    assert [bar.close for bar in before] == [
        float(source("AAPL", f"2003-09-{day}")["Close"]) / 2 for day in ("08", "09", "10")
    ]


@pytest.mark.parametrize("sort", ["asc", "desc"])
def test_pages_of_a_range_hold_every_bar_once(vendor: Vendor, sort: str) -> None:
    asked = ("AAPL", 1, "minute", "2005-02-25", "2005-03-02")
    whole = list(vendor.rest.list_aggs(*asked, limit=50_000, sort=sort))
    paged = list(vendor.rest.list_aggs(*asked, limit=250, sort=sort))
    assert paged == whole
    times = [bar.timestamp for bar in whole]
    assert len(times) == len(set(times)) == 4 * 390
    assert times == sorted(times, reverse=sort == "desc")


def test_limit_counts_base_bars(vendor: Vendor) -> None:
    path = "/v2/aggs/ticker/AAPL/range/5/minute/2005-02-28/2005-02-28?limit=52"
    body = vendor.http.get(path).json()
    assert (body["queryCount"], body["resultsCount"]) == (50, 10)
    assert body["next_url"].startswith(f"{vendor.url}/v2/aggs/ticker/AAPL/range/5/minute/")
    assert "sandbox" not in body["next_url"]


def test_minutes_and_hours_are_made_of_seconds(vendor: Vendor) -> None:
    def bars(multiplier: int, timespan: str) -> list:
        asked = ("AAPL", multiplier, timespan, "2012-11-23", "2012-11-23")
        return list(vendor.rest.list_aggs(*asked, adjusted=False, limit=50_000))

    seconds = bars(1, "second")
    opened, closed = (
        sessions.session(date(2012, 11, 23)).__dict__[k] for k in ("open_at", "close_at")
    )
    assert seconds[0].timestamp >= opened.timestamp() * 1000
    assert seconds[-1].timestamp < closed.timestamp() * 1000  # a half day
    for span, coarse in (
        (60_000, bars(1, "minute")),
        (300_000, bars(5, "minute")),
        (3_600_000, bars(1, "hour")),
    ):
        assert sum(bar.volume for bar in coarse) == sum(bar.volume for bar in seconds)
        for bar in coarse:
            inside = [s for s in seconds if bar.timestamp <= s.timestamp < bar.timestamp + span]
            assert (bar.open, bar.close) == (inside[0].open, inside[-1].close)
            assert bar.high == max(s.high for s in inside)
            assert bar.low == min(s.low for s in inside)
            assert bar.transactions == sum(s.transactions for s in inside)


def test_ranges_by_milliseconds_include_both_ends(vendor: Vendor) -> None:
    opened = int(sessions.session(date(2005, 2, 28)).open_at.timestamp() * 1000)
    bars = list(vendor.rest.list_aggs("AAPL", 1, "minute", opened + 30_000, opened + 120_000))
    assert [bar.timestamp - opened for bar in bars] == [0, 60_000, 120_000]


def test_unknown_and_unlisted_tickers_have_no_bars(vendor: Vendor) -> None:
    assert list(vendor.rest.list_aggs("NOPE", 1, "day", "2005-02-28", "2005-03-02")) == []
    assert list(vendor.rest.list_aggs("FB", 1, "second", "2005-02-28", "2005-03-02")) == []
    answer = vendor.http.get("/v1/open-close/FB/2005-02-28")
    assert (answer.status_code, answer.json()["status"]) == (404, "NOT_FOUND")


def test_previous_close_and_open_close(vendor: Vendor) -> None:
    bar = vendor.rest.get_daily_open_close_agg("AAPL", "2005-02-28", adjusted=False)
    assert (bar.from_, bar.open, bar.close) == ("2005-02-28", 44.68, 44.86)
    previous = vendor.rest.get_previous_close_agg("ZZAA")
    assert len(previous) == 1
    assert previous[0].ticker == "ZZAA"
