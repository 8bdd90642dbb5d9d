"""Windows, state and resume: every day is asked for once, and no state passes a hole."""

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from conftest import Read, last_state
from vendor import BARS, SYMBOLS, Vendor

DAYS = [f"2005-02-{day}" for day in range(24, 29)] + ["2005-03-01"]
SESSIONS = ["2005-02-24", "2005-02-25", "2005-02-28", "2005-03-01"]
NOT_FOUND: tuple[int, Any] = (404, {"status": "NOT_FOUND"})


def days_asked(vendor: Vendor) -> list[str]:
    return [path.removeprefix(BARS).split("?")[0] for path in vendor.paths(BARS)]


def test_every_day_of_the_window_is_asked_for_once(vendor: Vendor, read_stream: Read) -> None:
    output = read_stream("daily_bars")
    assert not output.errors
    assert days_asked(vendor) == DAYS
    bars = [
        (record.record.data["session_date"], record.record.data["ticker"])
        for record in output.records
    ]
    assert sorted(bars) == sorted((day, symbol) for day in SESSIONS for symbol in SYMBOLS)
    assert last_state(output) == {"session_date": "2005-03-01T00:00:00"}


def test_one_day_is_a_window(vendor: Vendor, read_stream: Read) -> None:
    output = read_stream("daily_bars", start_date="2005-02-28", end_date="2005-02-28")
    assert days_asked(vendor) == ["2005-02-28"]
    assert len(output.records) == len(SYMBOLS)


def test_the_last_day_by_default_is_yesterday_in_new_york(
    vendor: Vendor, read_stream: Read
) -> None:
    yesterday = datetime.now(ZoneInfo("America/New_York")).date() - timedelta(days=1)
    start = yesterday - timedelta(days=1)
    read_stream("daily_bars", start_date=start.isoformat(), end_date=None)
    assert days_asked(vendor) == [start.isoformat(), yesterday.isoformat()]


@pytest.mark.parametrize(("lookback", "first"), [(0, "2005-02-25"), (1, "2005-02-24")])
def test_a_sync_starts_from_the_state_less_the_lookback(
    vendor: Vendor, read_stream: Read, lookback: int, first: str
) -> None:
    state = {"session_date": "2005-02-25T00:00:00"}
    output = read_stream("daily_bars", state=state, lookback_days=lookback)
    assert days_asked(vendor) == DAYS[DAYS.index(first) :]
    assert last_state(output) == {"session_date": "2005-03-01T00:00:00"}


def test_an_old_window_is_read_again_whatever_the_state(vendor: Vendor, read_stream: Read) -> None:
    state = {"session_date": "2012-01-03T00:00:00"}
    output = read_stream("daily_bars", state=state, lookback_days=36500)
    assert days_asked(vendor) == DAYS
    assert len(output.records) == len(SESSIONS) * len(SYMBOLS)
    assert last_state(output) == state


def test_without_lookback_an_old_window_reads_nothing(vendor: Vendor, read_stream: Read) -> None:
    state = {"session_date": "2012-01-03T00:00:00"}
    output = read_stream("daily_bars", state=state, lookback_days=0)
    assert not vendor.asked
    assert not output.records


@pytest.mark.parametrize(
    ("failing", "expected"), [("2005-02-24", "2005-02-24"), ("2005-02-28", "2005-02-25")]
)
def test_the_state_does_not_pass_a_failed_day(
    vendor: Vendor, read_stream: Read, failing: str, expected: str
) -> None:
    vendor.always[BARS + failing] = NOT_FOUND
    output = read_stream("daily_bars", expecting_exception=True)
    assert output.errors
    assert last_state(output) == {"session_date": f"{expected}T00:00:00"}

    vendor.always.clear()
    vendor.asked.clear()
    resumed = read_stream("daily_bars", state=last_state(output), lookback_days=0)
    assert failing in days_asked(vendor)
    assert last_state(resumed) == {"session_date": "2005-03-01T00:00:00"}


def test_a_failing_stream_leaves_the_others_alone(vendor: Vendor, read_stream: Read) -> None:
    vendor.always["/stocks/v1/splits"] = NOT_FOUND
    output = read_stream("dividends", "splits", expecting_exception=True)
    statuses = {
        stream: [str(status.value) for status in found]
        for stream, found in (
            (name, output.get_stream_statuses(name)) for name in ("dividends", "splits")
        )
    }
    assert statuses["dividends"][-1] == "COMPLETE"
    assert statuses["splits"][-1] == "INCOMPLETE"


def test_tickers_come_page_by_page_listed_and_delisted(vendor: Vendor, read_stream: Read) -> None:
    output = read_stream("tickers", start_date="2005-02-28", end_date="2005-03-01")
    found = sorted(
        (
            record.record.data["session_date"],
            record.record.data["ticker"],
            record.record.data["active"],
        )
        for record in output.records
    )
    assert found == sorted(
        (day, symbol, symbol != "LEH")
        for day in ("2005-02-28", "2005-03-01")
        for symbol in (*SYMBOLS, "LEH")
    )
    # The second page is the vendor's cursor alone, on our own host.
    assert (
        vendor.paths("/v3/reference/tickers?cursor") == ["/v3/reference/tickers?cursor=page-2"] * 2
    )
    assert all("None" not in request for request in vendor.asked)


def test_actions_are_read_by_date_with_both_ends(vendor: Vendor, read_stream: Read) -> None:
    window = {"start_date": "2005-02-08", "end_date": "2005-02-28"}
    dividends = read_stream("dividends", **window)
    assert [record.record.data["id"] for record in dividends.records] == ["D0", "D1", "D2"]
    assert vendor.asked[0] == (
        "/stocks/v1/dividends?limit=5000&sort=ex_dividend_date.asc"
        "&ex_dividend_date.gte=2005-02-08&ex_dividend_date.lte=2005-02-28"
    )
    assert all("ex_dividend_date" not in request for request in vendor.asked[1:])
    splits = read_stream("splits", **window)
    assert [record.record.data["id"] for record in splits.records] == ["S2"]
    assert last_state(splits) == {"execution_date": "2005-02-28"}


def test_snapshots_carry_the_day(vendor: Vendor, read_stream: Read) -> None:
    window = {"start_date": "2005-02-28", "end_date": "2005-03-01"}
    exchanges = read_stream("exchanges", **window).records
    keys = {
        tuple(record.record.data[key] for key in ("session_date", "id", "name"))
        for record in exchanges
    }
    assert len(keys) == len(exchanges) == 8
    holidays = read_stream("market_holidays", **window).records
    assert {record.record.data["session_date"] for record in holidays} == set(window.values())
    assert len(holidays) == 6
