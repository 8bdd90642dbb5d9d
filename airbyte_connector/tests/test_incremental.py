"""Windows, state and resume: every day is asked for once, and no state passes a hole."""

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from reading import BARS, DAYS, SESSIONS, Read, key, last_state, records
from simulator import SYMBOLS
from wire import Wire

from source_polygon.run import SourcePolygon

SIX_YEARS_LATER = {"t": "2012-01-03T21:00:00"}
BAD_REQUEST: tuple[int, Any] = (400, {"status": "ERROR", "error": "what is this?"})


def days_asked(wire: Wire) -> list[str]:
    return [path.removeprefix(BARS).split("?")[0] for path in wire.paths(BARS)]


def closing(day: str) -> str:
    """The state after a winter session: 16:00 New York in UTC."""
    return f"{day}T21:00:00"


def test_every_day_of_the_window_is_asked_for_once(wire: Wire, read_stream: Read) -> None:
    output = read_stream("daily_bars")
    assert not output.errors
    assert days_asked(wire) == DAYS
    assert len(output.records) == len(SESSIONS) * len(SYMBOLS)
    assert last_state(output) == {"t": closing("2005-03-01")}


def test_one_day_is_a_window(wire: Wire, read_stream: Read) -> None:
    output = read_stream("daily_bars", start_date="2005-02-28", end_date="2005-02-28")
    assert days_asked(wire) == ["2005-02-28"]
    assert len(output.records) == len(SYMBOLS)


def test_the_last_day_by_default_is_yesterday_in_new_york(wire: Wire, read_stream: Read) -> None:
    yesterday = datetime.now(ZoneInfo("America/New_York")).date() - timedelta(days=1)
    start = yesterday - timedelta(days=1)
    read_stream("daily_bars", start_date=start.isoformat(), end_date=None)
    assert days_asked(wire) == [start.isoformat(), yesterday.isoformat()]


@pytest.mark.parametrize(("lookback", "first"), [(0, "2005-02-25"), (1, "2005-02-24")])
@pytest.mark.parametrize("hour", ["00:00:00", "20:00:00", "21:00:00"])
def test_a_sync_starts_from_the_state_less_the_lookback(
    wire: Wire, read_stream: Read, lookback: int, first: str, hour: str
) -> None:
    state = {"t": f"2005-02-25T{hour}"}
    output = read_stream("daily_bars", state=state, lookback_days=lookback)
    assert days_asked(wire) == DAYS[DAYS.index(first) :]
    assert last_state(output) == {"t": closing("2005-03-01")}


def test_no_day_is_lost_where_the_clocks_change(wire: Wire, read_stream: Read) -> None:
    """Bars end at 21:00 UTC in winter, at 20:00 in summer, so a state's hour does not fit all."""
    output = read_stream(
        "daily_bars",
        state={"t": "2005-03-31T21:00:00"},
        start_date="2005-03-28",
        end_date="2005-04-06",
        lookback_days=0,
    )
    assert days_asked(wire) == ["2005-03-31", *(f"2005-04-0{day}" for day in range(1, 7))]
    assert last_state(output) == {"t": "2005-04-06T20:00:00"}


def test_an_old_window_is_read_again_whatever_the_state(wire: Wire, read_stream: Read) -> None:
    output = read_stream("daily_bars", state=SIX_YEARS_LATER, lookback_days=36500)
    assert days_asked(wire) == DAYS
    assert len(output.records) == len(SESSIONS) * len(SYMBOLS)
    assert last_state(output) == SIX_YEARS_LATER


def test_without_lookback_an_old_window_reads_nothing(wire: Wire, read_stream: Read) -> None:
    output = read_stream("daily_bars", state=SIX_YEARS_LATER, lookback_days=0)
    assert not wire.asked
    assert not output.records


@pytest.mark.parametrize(
    ("failing", "expected"),
    [("2005-02-24", "2005-02-24T00:00:00"), ("2005-02-28", closing("2005-02-25"))],
)
def test_the_state_does_not_pass_a_failed_day(
    wire: Wire, read_stream: Read, failing: str, expected: str
) -> None:
    wire.answers[BARS + failing] = BAD_REQUEST
    output = read_stream("daily_bars", expecting_exception=True)
    assert output.errors
    assert last_state(output) == {"t": expected}

    wire.answers.clear()
    wire.asked.clear()
    resumed = read_stream("daily_bars", state=last_state(output), lookback_days=0)
    assert failing in days_asked(wire)
    assert last_state(resumed) == {"t": closing("2005-03-01")}


@pytest.mark.parametrize(
    ("name", "asking", "failing", "expected"),
    [
        ("tickers", "date={}&active=true", DAYS[0], "2005-02-24T00:00:00"),
        ("tickers", "date={}&active=true", DAYS[4], "2005-02-27T00:00:00"),
        ("open_close", "/open-close/NA/{}", DAYS[0], "2005-02-24T00:00:00"),
        ("open_close", "/open-close/NA/{}", DAYS[4], "2005-02-25T00:00:00"),
        ("minute_bars", "/NA/range/1/minute/{}", DAYS[0], "2005-02-24T00:00:00"),
        ("exchanges", "/v3/reference/exchanges", None, "2005-02-24T00:00:00"),
    ],
)
def test_a_failed_part_keeps_its_own_state_back(
    name: str, asking: str, failing: str | None, expected: str, wire: Wire, read_stream: Read
) -> None:
    chosen = {"tickers": ["AAPL", "NA"]}
    complete = {key(name, record) for record in records(read_stream(name, **chosen))}
    wire.answers[asking.format(failing)] = BAD_REQUEST
    output = read_stream(name, **chosen, expecting_exception=True)
    state = last_state(output)
    parts = {
        str(next(iter(part["partition"].values()))): next(iter(part["cursor"].values()))
        for part in state.get("states", [])
    }
    held_back = parts.get("true") or parts.get("NA") or state["session_date"]
    assert held_back == expected
    if "AAPL" in parts:
        assert parts["AAPL"].startswith("2005-03-01")

    wire.answers.clear()
    resumed = read_stream(name, state=state, lookback_days=0, **chosen)
    both = {key(name, record) for record in records(output) + records(resumed)}
    assert both == complete


def test_a_failing_stream_leaves_the_others_alone(wire: Wire, read_stream: Read) -> None:
    wire.answers["/stocks/v1/splits"] = BAD_REQUEST
    output = read_stream("dividends", "splits", expecting_exception=True)
    assert str(output.get_stream_statuses("dividends")[-1].value) == "COMPLETE"
    assert str(output.get_stream_statuses("splits")[-1].value) == "INCOMPLETE"


def test_without_tickers_a_stream_of_chosen_tickers_is_empty(wire: Wire, read_stream: Read) -> None:
    output = read_stream("minute_bars")
    assert not output.errors
    assert not wire.asked


def test_a_long_window_of_minute_bars_is_asked_for_in_parts(wire: Wire, read_stream: Read) -> None:
    output = read_stream("minute_bars", tickers=["NA"], start_date="2005-01-03")
    assert [path.split("/minute/")[1].split("?")[0] for path in wire.asked] == [
        "2005-01-03/2005-02-01",
        "2005-02-02/2005-03-01",
    ]
    found = [key("minute_bars", record) for record in records(output)]
    assert len(set(found)) == len(found)


@pytest.mark.parametrize("api", ["v1", "v3"])
def test_actions_are_read_by_date_with_both_ends(api: str, wire: Wire, read_stream: Read) -> None:
    splits = read_stream(
        "splits", start_date="2005-02-24", end_date="2005-02-28", corporate_actions_api=api
    )
    assert {record["execution_date"] for record in records(splits)} == {"2005-02-28"}
    assert last_state(splits) == {"execution_date": "2005-02-28"}
    assert wire.asked == [
        {
            "v1": "/stocks/v1/splits?limit=5000&sort=execution_date.asc",
            "v3": "/v3/reference/splits?limit=1000&sort=execution_date&order=asc",
        }[api]
        + "&execution_date.gte=2005-02-24&execution_date.lte=2005-02-28"
    ]
    dividends = read_stream("dividends", start_date="2005-02-01", corporate_actions_api=api)
    assert ("dividend_type" in records(dividends)[0]) == (api == "v3")


def test_news_of_the_last_new_york_evening_is_read(wire: Wire, read_stream: Read) -> None:
    read_stream("news", start_date="2005-02-28", end_date="2005-02-28")
    assert wire.asked == [
        "/v2/reference/news?limit=1000&sort=published_utc&order=asc"
        "&published_utc.gte=2005-02-28T00%3A00%3A00Z&published_utc.lte=2005-03-01T05%3A00%3A00Z"
    ]


def test_trades_and_quotes_are_offered_only_when_wanted() -> None:
    for wanted in (False, True):
        config = {"api_key": "x" * 9, "start_date": DAYS[0], "trades_and_quotes": wanted}
        names = {one.name for one in SourcePolygon(config=config).streams(config)}
        assert ({"trades", "quotes"} <= names) == wanted


@pytest.mark.parametrize(("lookback", "first"), [(0, DAYS[-1]), (36500, DAYS[0])])
def test_a_ticker_added_later_starts_where_the_others_are(
    lookback: int, first: str, wire: Wire, read_stream: Read
) -> None:
    state = last_state(read_stream("day_bars", tickers=["AAPL"]))
    wire.asked.clear()
    read_stream("day_bars", tickers=["AAPL", "NA"], state=state, lookback_days=lookback)
    [asked] = [path for path in wire.asked if "/NA/" in path]
    assert f"/{first}/" in asked
