"""Tickers that change hands: a security that is renamed, a ticker that two have in turn."""

import csv
from collections.abc import Iterator
from datetime import date

import pytest
from polygon_vendor import Vendor

from polygon_assets import sessions
from polygon_assets.sandbox.polygon import scripted, universe
from polygon_assets.sandbox.polygon.feed import prepare
from polygon_assets.sandbox.polygon.flat_csv import DAYS, MINUTES, rows
from polygon_assets.sandbox.polygon.market import Market
from polygon_assets.sandbox.polygon.newyork import date_of

pytestmark = pytest.mark.xdist_group("polygon_renames")

OLD, NEW, RENAMED = "ZZAH", "ZZAI", date(2005, 2, 24)
REUSED, DELISTED, RELISTED = "ZZAJ", date(2005, 2, 17), date(2005, 2, 22)
SYMBOLS = ["AAPL", OLD, NEW, REUSED]
MARKET = Market(SYMBOLS)
TICKERS = "/v3/reference/tickers"


@pytest.fixture(scope="module")
def vendor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Vendor]:
    running = Vendor(tmp_path_factory.mktemp("renames"), symbols=",".join(SYMBOLS))
    yield running
    running.stop()


@pytest.fixture
def clock(vendor: Vendor) -> Iterator[Vendor]:
    """The vendor, whose clock the test may set."""
    yield vendor
    vendor.http.delete("/sandbox/replay")


def at(vendor: Vendor, day: str) -> None:
    moment = {"now": f"{day}T18:00:00-05:00"}
    assert vendor.http.post("/sandbox/clock", json=moment).status_code == 200


def results(vendor: Vendor, path: str) -> list[dict]:
    return vendor.http.get(path).json()["results"]


def listed(vendor: Vendor, day: str, active: bool) -> dict[str, str]:
    """FIGI by ticker, of the synthetic tickers."""
    found = results(vendor, f"{TICKERS}?date={day}&active={active}")
    assert all(row["active"] == active for row in found)
    return {row["ticker"]: row["composite_figi"] for row in found if row["ticker"] != "AAPL"}


def test_the_stories_are_in_the_demos_market() -> None:
    told = {*scripted.RENAMES, *(ticker for ticker, _ in scripted.RENAMES.values())}
    assert {OLD, NEW, REUSED, *scripted.PAYMENTS, *told} <= set(universe.choose("60"))


def test_a_renamed_security_trades_under_one_ticker_at_a_time() -> None:
    before, after = (MARKET.days(ticker, date.min, date.max) for ticker in (OLD, NEW))
    assert before + after == list(sessions.all_sessions())
    assert after[0] == RENAMED
    assert {bar.symbol for bar in MARKET.session_bars(before[-1])} & {OLD, NEW} == {OLD}
    assert {bar.symbol for bar in MARKET.session_bars(RENAMED)} & {OLD, NEW} == {NEW}


def test_the_prices_of_a_renamed_security_go_on() -> None:
    last = MARKET.daily_bars(OLD, date.min, date.max)[-1]
    first = MARKET.daily_bar(NEW, RENAMED)
    assert first is not None
    assert first.open / last.close == pytest.approx(1, rel=0.05)
    assert MARKET.daily_bar(OLD, RENAMED) is MARKET.daily_bar(NEW, last.day) is None


@pytest.mark.parametrize("ticker", [OLD, NEW, REUSED])
def test_the_bars_of_a_ticker_do_not_depend_on_the_other_one(ticker: str) -> None:
    alone = Market([ticker]).daily_bars(ticker, date(2005, 2, 1), date(2005, 3, 31))
    assert alone == MARKET.daily_bars(ticker, date(2005, 2, 1), date(2005, 3, 31)) != []


@pytest.mark.parametrize(
    ("day", "symbols"),
    [
        (date(2005, 2, 16), {"AAPL", OLD, REUSED}),
        (date(2005, 2, 17), {"AAPL", OLD}),
        (date(2005, 2, 24), {"AAPL", NEW, REUSED}),
    ],
)
def test_stream_and_flat_files_carry_the_tickers_of_the_day(day: date, symbols: set[str]) -> None:
    moments = prepare(MARKET, day).moments(-1, lambda channel: channel == "AM")
    assert {symbol for moment in moments for symbol in moment.symbols} == symbols
    for dataset in (DAYS, MINUTES):
        lines = "".join(rows(MARKET, dataset, day, early=False)).splitlines()
        assert {row["ticker"] for row in csv.DictReader(lines)} == symbols


def test_ranges_of_bars_end_and_begin_with_the_ticker(vendor: Vendor) -> None:
    def days(ticker: str) -> list[int]:
        bars = vendor.rest.list_aggs(ticker, 1, "day", "2005-02-14", "2005-02-28", adjusted=False)
        return [date_of(bar.timestamp).day for bar in bars]

    assert days(OLD) == [14, 15, 16, 17, 18, 22, 23]
    assert days(NEW) == [24, 25, 28]
    assert days(REUSED) == [14, 15, 16, 22, 23, 24, 25, 28]
    seconds = f"/v2/aggs/ticker/{NEW}/range/1/second"
    assert "results" not in vendor.http.get(f"{seconds}/2005-02-23/2005-02-23").json()
    assert results(vendor, f"{seconds}/2005-02-24/2005-02-24")


def test_a_ticker_that_was_given_up_is_listed_neither_as_active_nor_as_delisted(
    vendor: Vendor,
) -> None:
    figi = "SIM00000ZZAH"
    assert listed(vendor, "2005-02-23", True).items() >= {OLD: figi}.items()
    assert listed(vendor, "2005-02-24", True).items() >= {NEW: figi}.items()
    assert NEW not in listed(vendor, "2005-02-23", True) | listed(vendor, "2005-02-23", False)
    assert OLD not in listed(vendor, "2005-02-24", True) | listed(vendor, "2005-02-24", False)


def test_details_are_those_of_whom_the_ticker_names(vendor: Vendor) -> None:
    before = vendor.rest.get_ticker_details(OLD, date="2005-02-23")
    after = vendor.rest.get_ticker_details(NEW, date="2005-02-24")
    assert (before.composite_figi, before.list_date) == (after.composite_figi, after.list_date)
    assert (OLD in before.name, NEW in after.name) == (True, True)
    assert vendor.http.get(f"{TICKERS}/{OLD}?date=2005-02-24").status_code == 404
    assert vendor.http.get(f"{TICKERS}/{NEW}?date=2005-02-23").status_code == 404
    first, gone, second = (
        results(vendor, f"{TICKERS}/{REUSED}?date={day}")
        for day in ("2005-02-16", "2005-02-21", "2005-02-22")
    )
    assert (first["active"], gone["active"], second["active"]) == (True, False, True)
    assert first["composite_figi"] == gone["composite_figi"] == "SIM00000ZZAJ"
    assert (second["composite_figi"], second["list_date"]) == ("SIM00001ZZAJ", "2005-02-22")
    assert first["name"] != second["name"]


def test_events_tell_the_tickers_up_to_today(clock: Vendor) -> None:
    def events(identifier: str) -> list[tuple[str, str]]:
        found = clock.rest.get_ticker_events(identifier).events
        return [(event["ticker_change"]["ticker"], event["date"]) for event in found]

    at(clock, "2005-02-23")
    assert events(OLD) == events("SIM00000ZZAH") == [(OLD, "2003-09-10")]
    assert clock.http.get(f"/vX/reference/tickers/{NEW}/events").status_code == 404
    at(clock, "2005-02-24")
    assert events(NEW) == events("SIM00000ZZAH") == [(NEW, "2005-02-24"), (OLD, "2003-09-10")]
    # The vendor resolves a ticker to whom it names now.
    assert clock.http.get(f"/vX/reference/tickers/{OLD}/events").status_code == 404
    assert events(REUSED) == events("SIM00001ZZAJ") == [(REUSED, "2005-02-22")]
    assert events("SIM00000ZZAJ") == [(REUSED, "2003-09-10")]


def test_a_reused_ticker_is_listed_as_delisted_and_as_active_at_once(vendor: Vendor) -> None:
    assert listed(vendor, "2005-02-16", True)[REUSED] == "SIM00000ZZAJ"
    assert REUSED not in listed(vendor, "2005-02-18", True)
    assert listed(vendor, "2005-02-18", False) == {REUSED: "SIM00000ZZAJ"}
    assert listed(vendor, "2005-02-22", True)[REUSED] == "SIM00001ZZAJ"
    assert listed(vendor, "2005-02-22", False) == {REUSED: "SIM00000ZZAJ"}
    (gone,) = results(vendor, f"{TICKERS}?date=2005-02-28&active=false")
    assert gone["delisted_utc"] == "2005-02-17T00:00:00Z"


def test_a_reused_ticker_has_no_bars_between_its_securities() -> None:
    days = MARKET.days(REUSED, date(2005, 2, 14), date(2005, 2, 28))
    missing = [day for day in sessions.sessions_between(days[0], days[-1]) if day not in days]
    assert missing == [DELISTED, date(2005, 2, 18)]
    assert RELISTED in days


def test_a_split_adjusts_its_security_under_both_tickers_and_no_other_security(
    clock: Vendor,
) -> None:
    def factor(ticker: str, day: str) -> float:
        path = f"/v2/aggs/ticker/{ticker}/range/1/day/{day}/{day}?adjusted"
        adjusted, raw = (results(clock, f"{path}={value}")[0]["c"] for value in ("true", "false"))
        return adjusted / raw

    at(clock, "2005-02-28")
    assert factor(OLD, "2005-02-23") == pytest.approx(1 / 3)
    assert factor(NEW, "2005-02-24") == pytest.approx(1 / 3)
    assert factor(NEW, "2005-02-25") == 1
    assert factor(REUSED, "2005-02-24") == 0.5
    assert factor(REUSED, "2005-02-16") == 1


def test_actions_carry_the_ticker_of_their_day(vendor: Vendor) -> None:
    splits = results(vendor, "/stocks/v1/splits?limit=5000&sort=execution_date.asc")
    found = {(row["ticker"], row["execution_date"]): row for row in splits}
    before, after = found[OLD, "2004-02-10"], found[NEW, "2005-02-25"]
    assert {ticker for ticker, _ in found if ticker in {OLD, NEW}} == {OLD, NEW}
    assert before["historical_adjustment_factor"] == pytest.approx(1 / 6)
    assert after["historical_adjustment_factor"] == pytest.approx(1 / 3)
    dates = {
        ticker: [
            row["ex_dividend_date"] for row in results(vendor, f"/stocks/v1/dividends?{query}")
        ]
        for ticker, query in ((t, f"ticker={t}&limit=5000") for t in (OLD, NEW))
    }
    assert dates == {OLD: ["2005-02-16"], NEW: ["2005-02-28"]}


def test_a_filing_keeps_its_company_through_a_change_of_ticker(vendor: Vendor) -> None:
    window = "period_of_report_date.gte=2004-12-31&period_of_report_date.lte=2005-03-31"
    filings = results(vendor, f"/vX/reference/financials?{window}&limit=100")
    mine = {(row["tickers"][0], row["end_date"]): row["cik"] for row in filings}
    assert mine[OLD, "2004-12-31"] == mine[NEW, "2005-03-31"]
    assert mine[REUSED, "2004-12-31"] != mine[REUSED, "2005-03-31"]
    assert (OLD, "2005-03-31") not in mine


def test_short_interest_is_of_whom_the_ticker_names_on_the_settlement_date(vendor: Vendor) -> None:
    def interest(sort: str) -> dict[str, int]:
        asked = f"/stocks/v1/short-interest?settlement_date=2005-02-28&limit=100&sort={sort}"
        return {row["ticker"]: row["avg_daily_volume"] for row in results(vendor, asked)}

    by_ticker = interest("ticker.asc")
    assert set(by_ticker) == {"AAPL", NEW, REUSED}
    assert by_ticker == interest("settlement_date.asc")
    bars = MARKET.daily_bars(REUSED, RELISTED, date(2005, 2, 28))
    assert by_ticker[REUSED] == round(sum(bar.volume for bar in bars) / len(bars))


def test_news_and_ipos_follow_the_ticker(vendor: Vendor) -> None:
    window = "published_utc.gte=2004-06-01&published_utc.lt=2005-12-01&limit=1000"
    for ticker in (OLD, NEW):
        days = [
            row["published_utc"][:10]
            for row in results(vendor, f"/v2/reference/news?ticker={ticker}&{window}")
        ]
        assert days
        assert all((day < "2005-02-24") == (ticker == OLD) for day in days)
    ipos = results(vendor, "/vX/reference/ipos")
    assert [(row["ticker"], row["listing_date"]) for row in ipos] == [(REUSED, "2005-02-22")]
