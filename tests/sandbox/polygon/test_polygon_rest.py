"""The vendor's own, unmodified REST client against the simulator."""

import json
from collections.abc import Callable
from datetime import date

import httpx
import pytest
from polygon import RESTClient
from polygon.exceptions import BadResponse
from polygon_vendor import Vendor

from polygon_assets import sessions
from polygon_assets.sandbox.polygon.history import source_rows

pytestmark = pytest.mark.xdist_group("polygon_rest")
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
    ],
)
def test_wrong_parameters_are_refused(vendor: Vendor, path: str) -> None:
    answer = vendor.http.get(path)
    assert (answer.status_code, answer.json()["status"]) == (400, "ERROR")


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


def test_faults_are_counted(start_vendor: Callable[..., Vendor]) -> None:
    vendor = start_vendor()
    exchanges = "/v3/reference/exchanges"
    for fault in (
        {"kind": "429", "count": 2, "path": exchanges},
        {"kind": "500"},
        {"kind": "truncated"},
    ):
        assert vendor.http.post("/sandbox/faults", json=fault).status_code == 200
    answers = [vendor.http.get(exchanges) for _ in range(5)]
    assert [answer.status_code for answer in answers] == [429, 429, 500, 200, 200]
    with pytest.raises(json.JSONDecodeError):
        answers[3].json()
    assert vendor.http.post("/sandbox/faults", json={"kind": "flood"}).status_code == 400
